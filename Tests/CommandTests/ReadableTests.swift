import Testing

@testable import dtrain

/// Numbers and lines as people read them.
@Suite struct ReadableTests {
    @Test(
        arguments: [
            (0, "0:00"), (0.4, "0:00"), (7, "0:07"), (59.6, "1:00"), (526, "8:46"), (3599.7, "1:00:00"),
            (3723, "1:02:03"),
            (90_000, "25:00:00"), (-1, "0:00"), (.infinity, "?"), (.nan, "?"), (1e300, "?"),
        ] as [(Double, String)])
    func secondsAsAClock(seconds: Double, expected: String) { #expect(seconds.clock == expected) }

    @Test(
        arguments: [
            (0, "0"), (874.4, "874"), (999.4, "999"), (999.5, "1.00k"), (1000, "1.00k"), (9994, "9.99k"),
            (9995, "10.0k"),
            (11_234, "11.2k"), (99_949, "99.9k"), (99_950, "100k"), (999_499, "999k"), (999_500, "1.00M"),
            (1_050_000, "1.05M"), (2.5e12, "2500G"), (.infinity, "?"),
        ] as [(Double, String)])
    func threeDigits(value: Double, expected: String) { #expect(value.short == expected) }

    private let line = ProgressLine(
        step: 22, steps: 172, fields: ["ETA: 1:09", "loss: 3.9798", "14.7k chars/s", "23:40 left"])

    @Test func aLineWithoutAWindowHasEverything() {
        let bar = "===>" + String(repeating: ".", count: 26)
        #expect(line.text(columns: nil) == " 22/172 [\(bar)] - ETA: 1:09 - loss: 3.9798 - 14.7k chars/s - 23:40 left")
        let done = ProgressLine(step: 5, steps: 5, fields: []).text(columns: nil)
        #expect(done == "5/5 [" + String(repeating: "=", count: 30) + "]")
    }

    @Test func aNarrowWindowLosesCellsThenFieldsThenTheBar() {
        let whole = line.text(columns: nil)
        #expect(line.text(columns: whole.count + 1) == whole)
        let bar = line.text(columns: 80)
        #expect(bar.count == 79 && bar.contains("[=>....") && bar.hasSuffix(" left"), "\(bar)")
        // 59 columns less the count, two fields and the brackets leave 22 cells.
        #expect(line.text(columns: 60) == " 22/172 [==>...................] - ETA: 1:09 - loss: 3.9798")
        #expect(line.text(columns: 40) == " 22/172 - ETA: 1:09 - loss: 3.9798")
        #expect(line.text(columns: 30) == " 22/172 - ETA: 1:09")
        #expect(line.text(columns: 5) == " 22/")
        for columns in 1...120 { #expect(line.text(columns: columns).count <= max(1, columns - 1)) }
    }

    @Test func whatStaysMayWrap() {
        var last = line
        (last.neededFields, last.mayWrap) = (3, true)
        #expect(last.text(columns: 40) == " 22/172 - ETA: 1:09 - loss: 3.9798 - 14.7k chars/s")
        #expect(last.text(columns: 80) == line.text(columns: 80))
    }

    @Test func aWiderWindowNeverShowsLess() {
        let fields = line.fields
        let counts = (1...120).map { columns in fields.filter(line.text(columns: columns).contains).count }
        #expect(counts == counts.sorted() && counts.last == fields.count)
    }

    @Test func symbolsBecomeASCIIWhereTheLocaleHasNoOthers() {
        #expect(Terminal.shown("2 × 3 ± 1 % …", isUnicode: false) == "2 x 3 +- 1 % ...")
        #expect(Terminal.shown("2 × 3 ± 1 % …", isUnicode: true) == "2 × 3 ± 1 % …")
        #expect(Terminal.shown("naïve", isUnicode: false) == "naïve")
    }
}
