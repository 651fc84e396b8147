import Testing

@testable import TensorBoard

/// Arbitrary texts in TensorBoard's Markdown.
@Suite struct MarkdownTests {
    @Test(arguments: [
        ("20", "`20`"), ("a|b", "`a|b`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("", ""), (" ", ""),
        ("a\nb\r\nc", "`a b c`"), ("<b>*x*</b>", "`<b>*x*</b>`"),
    ])
    func valuesBecomeCodeOnOneLine(text: String, code: String) {
        #expect(Markdown.code(text) == code)
    }

    @Test func aTableHasOneRowPerName() {
        #expect(
            Markdown.table([("epochs", "20"), ("sample", "")])
                == "| setting | value |\n|---|---|\n| `epochs` | `20` |\n| `sample` |  |")
    }

    /// Every line by Markdown's definition is indented.
    @Test func verbatimTextKeepsItsLines() {
        #expect(Markdown.verbatim("a\n\n  b\r\nc\r`d`\n") == "    a\n    \n      b\n    c\n    `d`\n    ")
    }
}
