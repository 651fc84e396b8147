import Testing

@testable import Pages

/// Readable formats of numbers.
@Suite struct NumberTests {
    @Test(
        arguments: [
            (0, "0:00"), (0.4, "0:00"), (7, "0:07"), (59.6, "1:00"), (526, "8:46"), (3599.7, "1:00:00"),
            (3723, "1:02:03"),
            (90_000, "25:00:00"), (-1, "0:00"), (.infinity, "?"), (.nan, "?"), (1e300, "?"),
        ] as [(Double, String)])
    func secondsAreFormattedAsAClock(seconds: Double, expected: String) { #expect(seconds.clock == expected) }

    @Test(
        arguments: [
            (0, "0"), (874.4, "874"), (999.4, "999"), (999.5, "1.00k"), (1000, "1.00k"), (9994, "9.99k"),
            (9995, "10.0k"),
            (11_234, "11.2k"), (99_949, "99.9k"), (99_950, "100k"), (999_499, "999k"), (999_500, "1.00M"),
            (1_050_000, "1.05M"), (2.5e12, "2500G"), (.infinity, "?"),
        ] as [(Double, String)])
    func shortNumbersHaveThreeSignificantDigits(value: Double, expected: String) { #expect(value.short == expected) }

    @Test(
        arguments: [
            (0, "1 second"), (3.2, "4 seconds"), (9.9, "10 seconds"), (12, "10 seconds"), (56.9, "55 seconds"),
            (57, "1 minute"), (100, "2 minutes"), (480, "8 minutes"), (5399, "90 minutes"), (5700, "1.5 hours"),
            (7200, "2 hours"), (.infinity, "unknown time"),
        ] as [(Double, String)])
    func secondsAreFormattedAsWords(seconds: Double, expected: String) { #expect(seconds.spoken == expected) }

    @Test(
        arguments: [
            (0, "0"), (0.5, "0.500"), (0.9996, "1.00"), (1.5, "1.50"), (12.34, "12.3"), (99.96, "100"), (573, "573"),
            (999.6, "1,000"), (12_345, "12,345"), (-0.0123, "-0.0123"), (0.001234, "0.00123"), (0.00001234, "0.000012"),
            (1e-9, "0"), (-4e-7, "0"), (.nan, "–"), (1e18, "1000000000000000000"),
        ] as [(Double, String)])
    func numbersHaveThreeSignificantDigits(value: Double, expected: String) { #expect(threeDigits(value) == expected) }

    @Test(arguments: [(1024.4, "1,024"), (2, "2"), (-1500, "-1,500"), (1e18, "1000000000000000000"), (.infinity, "–")])
    func wholeNumbersHaveSeparators(value: Double, expected: String) { #expect(whole(value) == expected) }

    @Test func aRowOrColumnSharesOneUnit() {
        let time = NumberUnit.duration(of: [30, 600, 4000])
        #expect(time.name == "min")
        #expect([30.0, 600, 4000].map(time.text) == ["0.500", "10.0", "66.7"])
        let speed = NumberUnit.large(of: [11_234, 900])
        #expect(speed.name == "k" && speed.text(11_234) == "11.2" && speed.before("chars/s") == "k chars/s")
        #expect(NumberUnit.large(of: []).before("chars/s") == "chars/s")
        #expect(NumberUnit.bytes(of: [2e9]).perSecond.behind("algbw") == "algbw, GB/s")
        #expect(1_234_567.grouped == "1,234,567" && (-1000).grouped == "-1,000" && 999.grouped == "999")
    }

    /// Only the column's head has the unit, for numbers of any magnitude.
    @Test func onlyColumnHeadsNameUnits() {
        let values = [0.98, 1.2, nil, 0.0123]
        let unit = NumberUnit.duration(of: values.compactMap(\.self))
        let table = Table(nonEmpty: [
            .text("name", ["a", "b", "c", "d"]), .counts("ranks", [1, 2, 3, 4096]), .numbers("step", values, in: unit),
            .intervals("interval", values.map { $0.map { ($0, 2 * $0) } }, in: unit),
            .numbers("error", [0.5, -0.01, 0, nil], in: .percent, isSigned: true),
            .large("tokens/s", [1200, 500, nil, 98_765]), .numbers("nothing", [nil, nil, nil, nil]),
        ])
        #expect(table.header == ["name", "ranks", "step, s", "interval, s", "error, %", "k tokens/s"])
        #expect(
            table.rows == [
                ["a", "1", "0.980", "0.980 – 1.96", "+50.0", "1.20"],
                ["b", "2", "1.20", "1.20 – 2.40", "-1.00", "0.500"],
                ["c", "3", "", "", "0", ""], ["d", "4,096", "0.0123", "0.0123 – 0.0246", "", "98.8"],
            ])
        #expect(table.textColumns == [0])
    }
}
