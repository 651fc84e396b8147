import Testing

@testable import Pages

/// Text in a page is always escaped.
@Suite struct MarkupTests {
    @Test(arguments: [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"), ("a & b", "a &amp; b"),
        ("\" onclick='x'", "&quot; onclick=&#39;x&#39;"),
        // One Swift character; for a browser a quote and a combining mark.
        ("\"\u{301}>", "&quot;\u{301}&gt;"), ("<\u{338}", "&lt;\u{338}"), ("&\u{301}", "&amp;\u{301}"),
        ("a\0b\u{1B}[31m\n\t", "a\u{FFFD}b\u{FFFD}[31m\n\t"), ("Æ 漢 😀", "Æ 漢 😀"),
    ])
    func textIsEscaped(text: String, expected: String) {
        let markup: Markup = "<p title=\"\(text)\">"
        #expect(markup.source.utf8.elementsEqual("<p title=\"\(expected)\">".utf8), "\(markup.source)")
        #expect(Markup(text: text).source.utf8.elementsEqual(expected.utf8))
    }

    @Test func nestedMarkupIsNotEscapedAgain() {
        let inner: Markup = "<b>\("<")</b>"
        let outer: Markup = "<p>\(inner)\(3)</p>"
        #expect(outer.source == "<p><b>&lt;</b>3</p>")
        #expect([inner, inner].joined(separator: ", ").source == "<b>&lt;</b>, <b>&lt;</b>")
    }

    @Test func aPageLoadsNoExternalResources() {
        let page = Page(title: "</title><script>", body: "<p>text</p>").html
        #expect(page.contains("content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;\""))
        #expect(page.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"))
        #expect(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"))
        let script = Page.Script(source: "let a = 1 < 2", hash: "abc=")
        let moving = Page(title: "t", script: script, body: "").html
        #expect(
            moving.contains("script-src &#39;sha256-abc=&#39;") && moving.contains("<script>let a = 1 < 2</script>"))
    }
}
