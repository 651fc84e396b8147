import Testing

@testable import dtrain

/// Readable formats of the progress bar and durations.
@Suite struct ReadableTests {
    private let line = ProgressLine(
        step: 22, steps: 172, fields: ["ETA: 1:09", "loss: 3.9798", "14.7k chars/s", "23:40 left"])

    @Test func withoutAWindowTheLineIsComplete() {
        let bar = "===>" + String(repeating: ".", count: 26)
        #expect(line.text(columns: nil) == " 22/172 [\(bar)] - ETA: 1:09 - loss: 3.9798 - 14.7k chars/s - 23:40 left")
        let done = ProgressLine(step: 5, steps: 5, fields: []).text(columns: nil)
        #expect(done == "5/5 [" + String(repeating: "=", count: 30) + "]")
    }

    @Test func aNarrowWindowShortensTheBarAndDropsFields() {
        let whole = line.text(columns: nil)
        #expect(line.text(columns: whole.count + 1) == whole)
        let bar = line.text(columns: 80)
        #expect(bar.count == 79 && bar.contains("[=>....") && bar.hasSuffix(" left"), "\(bar)")
        // 59 columns minus the count, two fields and the brackets leave 22 cells.
        #expect(line.text(columns: 60) == " 22/172 [==>...................] - ETA: 1:09 - loss: 3.9798")
        #expect(line.text(columns: 40) == " 22/172 - ETA: 1:09 - loss: 3.9798")
        #expect(line.text(columns: 30) == " 22/172 - ETA: 1:09")
        #expect(line.text(columns: 5) == " 22/")
        for columns in 1...120 { #expect(line.text(columns: columns).count <= max(1, columns - 1)) }
    }

    @Test func neededFieldsMayWrap() {
        var last = line
        (last.neededFields, last.mayWrap) = (3, true)
        #expect(last.text(columns: 40) == " 22/172 - ETA: 1:09 - loss: 3.9798 - 14.7k chars/s")
        #expect(last.text(columns: 80) == line.text(columns: 80))
    }

    @Test func aWiderWindowNeverShowsFewerFields() {
        let fields = line.fields
        let counts = (1...120).map { columns in fields.filter(line.text(columns: columns).contains).count }
        #expect(counts == counts.sorted() && counts.last == fields.count)
    }

    @Test func symbolsBecomeASCIIWithoutUnicode() {
        #expect(Terminal.shown("2 × 3 ± 1 % …", isUnicode: false) == "2 x 3 +- 1 % ...")
        #expect(Terminal.shown("2 × 3 ± 1 % …", isUnicode: true) == "2 × 3 ± 1 % …")
        #expect(Terminal.shown("naïve", isUnicode: false) == "naïve")
    }
}
