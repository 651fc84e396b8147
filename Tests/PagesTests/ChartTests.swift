import Testing

@testable import Pages

/// Axes, charts, tables and numbers.
@Suite struct ChartTests {
    @Test(arguments: [
        ([0.72, 2.74], 0.5, 3.0), ([1.492, 1.55], 1.49, 1.55), ([4.0, 4.0], 3.6, 4.4), ([0.0, 0.0], -1.0, 1.0),
        ([], 0.0, 1.0),
        ([-3.0, 5.0], -4.0, 6.0), ([0.0, .leastNonzeroMagnitude], -1.0, 1.0), ([1.7e308], 0.0, 1.0),
        ([2.0, .infinity, .nan, -1e200], 1.8, 2.2),
    ])
    func aRangeEnclosesItsValuesBetweenRoundNumbers(values: [Double], lowest: Double, highest: Double) {
        let axis = Axis.range(values)
        #expect(abs(axis.lowest - lowest) < 1e-9 && abs(axis.highest - highest) < 1e-9, "\(axis)")
        #expect((3...8).contains(axis.ticks.count), "\(axis)")
        #expect(axis.position(axis.lowest) == 0 && axis.position(axis.highest) == 1)
    }

    @Test func anAxisOfCountsSpansItsValues() {
        let axis = Axis.counts([1, 40])
        #expect(axis.lowest == 1 && axis.highest == 40)
        #expect(axis.ticks == [1, 10, 20, 30, 40])
        #expect(Axis.counts([1, 1400]).ticks == [1, 500, 1000])
    }

    @Test func tickLabelsHaveEnoughDecimals() {
        let axis = Axis.range([2.3, 3.7])
        #expect(axis.ticks.map(axis.text) == ["2.25", "2.50", "2.75", "3.00", "3.25", "3.50", "3.75"])
        let rates = Axis.range([0, 7e-7])
        #expect(rates.ticks.map(rates.text) == ["0", "2e-7", "4e-7", "6e-7", "8e-7"])
        let losses = Axis.range([1000, 1000.01])
        #expect(losses.ticks.map(losses.text).first == "1000.000")
    }

    @Test func logarithmicAxesHaveFewTicks() {
        #expect(Axis.decades([0.02, 3]).ticks.map { scientific($0) } == ["0.01", "0.1", "1", "10"])
        #expect(Axis.decades([1e-99, 1e99]).ticks.count <= 7)
    }

    /// Metrics and checkpoints may hold any number, and their sums may overflow.
    @Test(arguments: [
        [1.7e308], [1e308, -1e308], [1e100, -1e100], [.infinity], [-.infinity, .nan], [.leastNonzeroMagnitude],
        [0, .leastNonzeroMagnitude],
        [-.leastNonzeroMagnitude, .leastNonzeroMagnitude],
        [1e15, 1e15 + 0.125], [.leastNonzeroMagnitude, 1e308], [1e-100, 1e100],
    ])
    func everyAxisHasFewFiniteTicks(values: [Double]) {
        let axes = [
            Axis.linear(values), .linear(values, atLeast: 1), .range(values), .counts(values), .ranks(values),
            .decades(values),
        ]
        for axis in axes {
            #expect((1...11).contains(axis.ticks.count) && axis.ticks.allSatisfy(\.isFinite), "\(axis)")
            #expect(axis.lowest.isFinite && axis.highest.isFinite && axis.lowest < axis.highest, "\(axis)")
            #expect(axis.ticks == axis.ticks.sorted() && Set(axis.ticks).count == axis.ticks.count, "\(axis)")
        }
    }

    @Test(arguments: [
        (0.0, "0"), (0.001, "1e-3"), (0.01, "0.01"), (0.002, "2e-3"), (1, "1"), (12.34, "12.3"), (1500, "1500"),
        (123456, "1.23e5"), (-0.5, "-0.5"), (100, "100"), (.nan, "–"), (45.678, "45.7"), (0.0456, "0.0456"),
        (0.002004, "2e-3"), (999_900, "1e6"), (3e-7, "3e-7"), (1.05e-8, "1.05e-8"), (99_999, "99999"),
        (99_999.6, "1e5"),
        (0.009999, "0.01"), (99.97, "100"), (-2.996e9, "-3e9"), (1e100, "1e100"), (.leastNonzeroMagnitude, "4.94e-324"),
    ])
    func numbersHaveThreeSignificantDigits(value: Double, text: String) { #expect(scientific(value) == text) }

    private var chart: LineChart {
        LineChart(
            title: "A & B", xLabel: "x", yLabel: "y", x: .counts([1, 3]), y: .range([1, 2]), yText: plain,
            lines: [
                LineChart.Line(name: "<one>", color: 1, style: .solid, points: [(1, 1), (3, 2)]),
                LineChart.Line(name: "empty", color: 2, style: .dashed, points: []),
            ])
    }

    @Test func aChartHasAnAccessibleLabelAndItsLines() {
        let html = chart.html.source
        #expect(html.contains("role=\"img\" aria-label=\"A &amp; B: y by x; &lt;one&gt;\""))
        #expect(html.contains("<polyline class=\"solid c1\" points=\"64.0,198.0 322.0,8.0\"/>"), "\(html)")
        #expect(!html.contains("empty"))
    }

    @Test func longNamesAreShortenedInTheMiddle() {
        #expect(shortened("0123456789", to: 10) == "0123456789")
        #expect(shortened("0123456789a", to: 10) == "01234…789a")
    }

    /// Chart labels have 12 units; all other text uses the style sheet's sizes.
    @Test func allFontSizesAreFromTheScale() {
        let sheet = Style.sheet.source
        let sizes = sheet.matches(of: /font(?:-size)?: *([^;}\/ ]+)/).map { String($0.1) }
        #expect(sizes.count > 10)
        let scale = Set((1...5).map { "var(--size-\($0))" })
        #expect(Set(sizes).subtracting(scale) == ["12px", "inherit", "11.5pt"], "\(sizes)")
        for index in 1...5 { #expect(sheet.contains("--size-\(index): "), "\(index)") }
    }

    @Test func aPictureIsAStandaloneSVG() {
        let picture = chart.picture
        #expect(picture.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\""))
        #expect(picture.contains("&lt;one&gt;</text>") && picture.contains("prefers-color-scheme: dark"))
    }

    @Test func stackedBarsAreAdjacentAndProportional() {
        let bars = StackedBars(
            title: "t", description: "d", parts: [.init("a", color: 1), .init("b", color: 2)],
            bars: [(name: "<x>", values: [1, 3]), (name: "y", values: [2, 0])], text: plain
        ).html.source
        // The longest bar takes 280 of 340 units; 60 are for its number.
        #expect(
            bars.contains("x=\"0.0\" y=\"18.0\" width=\"70.00\"")
                && bars.contains("x=\"70.0\" y=\"18.0\" width=\"210.00\""))
        #expect(bars.contains(">4</text>") && bars.contains("&lt;x&gt;"))
    }

    @Test func aTableHasTheSameCellsAsTextAndAsHTML() {
        let table = Table(
            ["", "one", "b"], [["loss", "1.5", "2"], ["<name>", "10", "a\u{1B}[31m"]], textColumns: [2])
        #expect(table.text == "        one  b\nloss    1.5  2\n<name>   10  a\u{FFFD}[31m\n")
        let html = table.html.source
        #expect(
            html.contains("<th scope=\"col\">one</th>")
                && html.contains("<td class=\"text\">&lt;name&gt;</td><td>10</td>"))
    }
}
