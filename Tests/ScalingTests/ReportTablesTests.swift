import Pages
import Testing

@testable import Scaling

/// Units and digits of the report's columns, and the ideal lines of its charts.
@Suite struct ReportTablesTests {
    private func ideal(_ chart: LineChart) -> [LineChart.Line] { chart.lines.filter { $0.style == .dotted } }

    /// Cells are numbers of three digits, intervals, or words; units are in the heads.
    @Test func unitsAreInTheColumnHeads() throws {
        let experiment = try #require(Synthetic().experiment())
        let tables = [
            Tables.measured(experiment), Tables.measured(experiment, isShort: true), Tables.exchanges(experiment),
            Tables.checks(experiment), Tables.threads(experiment.threadCurve),
        ]
        for table in tables {
            for (column, head) in table.header.enumerated() where !table.textColumns.contains(column) {
                for cell in table.rows.map({ $0[column] }) where !cell.isEmpty {
                    for number in cell.components(" – ") {
                        #expect(number.wholeMatch(of: /[+-]?[\d,]+(\.\d+)?/) != nil, "\(head): \(cell)")
                        let digits = number.filter(\.isNumber).drop { $0 == "0" }
                        #expect(digits.count <= 3 || !number.contains("."), "\(head): \(cell)")
                    }
                }
            }
        }
        #expect(
            Tables.measured(experiment).header == [
                "series", "ranks × threads", "batch", "step, ms", "interval, ms", "k tokens/s", "T(1)/T(n)",
                "efficiency, %",
                "× base", "of base, %",
            ])
        #expect(
            Tables.exchanges(experiment).header.suffix(4) == [
                "exchange, ms", "hidden, ms", "algbw, GB/s", "busbw, GB/s",
            ])
    }

    /// The terminal's table fits 80 columns, even if ranks share cores.
    @Test func theTerminalTableFits80Columns() throws {
        var machine = Synthetic()
        machine.cores = 2
        let text = Tables.measured(try #require(machine.experiment()), isShort: true).text
        #expect(text.contains("4 × 1 on 2 cores"))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(text)")
    }

    /// The ideal of strong scaling is T(1)/n, of weak scaling T(1).
    @Test func stepTimesHaveAnIdealLinePerSeries() throws {
        let experiment = try #require(Synthetic().experiment())
        let lines = ideal(MeasuredCharts(experiment).stepTime)
        #expect(lines.map(\.name) == ["strong, ideal: T(1)/n", "weak, ideal: T(1)"])
        let one = try #require(experiment.one(of: .strong)).seconds.median * 1000
        for line in lines {
            let (first, last) = (try #require(line.points.first), try #require(line.points.last))
            #expect(first.x == 1 && abs(last.x - 4) < 1e-9 && abs(first.y - one) < 1e-9)
        }
        #expect(abs(try #require(lines[0].points.last).y - one / 4) < 1e-9)
        #expect(abs(try #require(lines[1].points.last).y - one) < 1e-9)
    }

    @Test func idealSpeedupsAreLinear() throws {
        let experiment = try #require(Synthetic().experiment())
        let charts = [MeasuredCharts(experiment).speedup, try #require(ThreadCharts(experiment).speedup)]
        for chart in charts {
            let line = try #require(ideal(chart).first)
            #expect(line.points.count > 10 && line.points.allSatisfy { abs($0.x - $0.y) < 1e-9 }, "\(chart.title)")
        }
        let time = try #require(ideal(ThreadCharts(experiment).stepTime).first)
        let single = try #require(experiment.threadCurve.first?.seconds).median * 1000
        #expect(time.points.allSatisfy { abs($0.y - single / $0.x) < 1e-6 })
    }

    @Test func predictionsHaveIdealLines() throws {
        let experiment = try #require(Synthetic().experiment())
        let charts = ProjectedCharts(experiment).charts
        #expect(charts.map { ideal($0).count } == [1, 1, 0, 1, 1, 0])
        for chart in charts {
            for line in ideal(chart) { #expect(line.points.count > 5, "\(chart.title)") }
        }
        // Weak scaling: the same time for any number of ranks.
        let weak = try #require(ideal(charts[3]).first)
        #expect(Set(weak.points.map(\.y)).count == 1)
        #expect(abs(try #require(weak.points.last).x - 1024) < 1e-6)
    }

    /// A tiny model's curves span many decades; wider ticks would touch the axis's label.
    @Test func tickLabelsOfDecadesAreShort() throws {
        var machine = Synthetic()
        (machine.fixed, machine.divided, machine.perSequence, machine.gradientBytes) = (1e-5, 1e-6, 1e-5, 4000)
        (machine.fixedContention, machine.sequenceContention, machine.packContention) = (0, 0, 0)
        (machine.pack, machine.optimizer, machine.optimizerContention, machine.other) = (1e-6, 1e-6, 0, 1e-6)
        let html = ProjectedCharts(try #require(machine.experiment())).html.source
        let ticks = html.matches(of: /class="end"[^>]*>([^<]*)</).map(\.1)
        #expect(ticks.count > 20 && ticks.allSatisfy { $0.count <= 6 }, "\(ticks)")
    }

    /// The ideal line ends where ranks start to share cores.
    @Test func idealLinesEndAtTheCores() throws {
        var machine = Synthetic()
        machine.cores = 2
        let charts = MeasuredCharts(try #require(machine.experiment()))
        #expect(abs(try #require(ideal(charts.speedup).first?.points.last).x - 2) < 1e-9)
        #expect(ideal(MeasuredCharts(try #require(Synthetic().experiment(ranks: [1]))).speedup).isEmpty)
        #expect(ideal(MeasuredCharts(try #require(Synthetic().experiment(ranks: [2, 4]))).stepTime).isEmpty)
    }

    @Test func thePageDefinesItsTerms() throws {
        let html = Report.html(try #require(Synthetic().experiment()))
        for name in ["T(1)/T(n)", "efficiency", "× base", "of base", "ideal"] {
            #expect(html.contains("<dt>\(name)</dt>"), "\(name)")
        }
    }
}

extension String {
    /// The parts between separators.
    fileprivate func components(_ separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map { String($0) }
    }
}
