import Foundation
import Pages
import Testing

@testable import Scaling

/// The content of the data files and the report.
@Suite struct ResultFilesTests {
    @Test func eachStepHasALineWithItsPlacement() throws {
        let experiment = try #require(Synthetic().experiment())
        let lines = CommaSeparated.steps(experiment).split(separator: "\n")
        // Two steps in each of five runs.
        #expect(lines.count == 1 + experiment.measurements.count * 10)
        #expect(lines[0].hasPrefix("configuration,series,placement,ranks,threads,hosts,machines,"))
        let two = try #require(lines.first { $0.hasPrefix("strong-np2") })
        #expect(two.contains("\"2 ranks that share one machine, 4 cores\""))
        #expect(lines[0].split(separator: ",").count == two.split(separator: ",").count - 1)
    }

    @Test func theSummaryHasOneLinePerConfiguration() throws {
        let experiment = try #require(Synthetic().experiment())
        let lines = CommaSeparated.summary(experiment).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == experiment.measurements.count + 2)
        #expect(lines.last == "")
        #expect(lines[0].contains(",algbw_bytes_per_second,busbw_bytes_per_second,"))
        #expect(lines[0].hasSuffix(",hidden_exchange_seconds,thread_speedup,thread_efficiency"))
        // Labels with commas are quoted; a single process's label has one comma.
        let two = try #require(lines.first { $0.hasPrefix("base-np1-t2-") })
        #expect(
            two.split(separator: ",", omittingEmptySubsequences: false).count == lines[0].split(separator: ",").count
                + 1)
        let point = try #require(experiment.threadCurve.first { $0.threads == 2 })
        let speedup = try #require(point.speedup)
        #expect(two.hasSuffix(",\(speedup),\(speedup / 2)"))
        #expect(try #require(lines.first { $0.hasPrefix("strong-np2") }).hasSuffix(",,"))
    }

    @Test func jsonHoldsTheWholeExperiment() throws {
        let experiment = try #require(Synthetic().experiment())
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let read = try decoder.decode(Experiment.self, from: Data(try ResultFiles.json(experiment).utf8))
        #expect(read == experiment)
    }

    @Test func theReportIsSelfContainedAndEscapesText() throws {
        let html = Report.html(try #require(Synthetic().experiment()))
        for part in ["<script", "src=", "href=", "@import", "url(", "node <1>", "cluster"] {
            #expect(!html.contains(part), "\(part)")
        }
        for part in ["node &lt;1&gt;", "share one machine", "assumed", "cross-validated", "prefers-color-scheme"] {
            #expect(html.contains(part), "\(part)")
        }
    }

    @Test(arguments: [
        (0.0, "0 s"), (0.26, "260 ms"), (1.5, "1.50 s"), (1234, "1,234 s"), (0.0123, "12.3 ms"), (2e-5, "20.0 µs"),
    ])
    func secondsHaveASuitableUnit(value: Double, text: String) { #expect(seconds(value) == text) }

    @Test(arguments: [(0.5, "50 %"), (0.051, "5.1 %"), (-0.2, "-20 %"), (0.1, "10 %")])
    func sharesAreFormattedAsPercentages(value: Double, text: String) { #expect(percent(value) == text) }

    @Test(arguments: [(999.0, "999 B"), (1000, "1.00 kB"), (1.23e6, "1.23 MB"), (4e9, "4.00 GB")])
    func bytesHaveThreeSignificantDigits(value: Double, text: String) { #expect(bytes(value) == text) }

    @Test(arguments: [[0.1, 0.93], [3.0], [17_000.0, 120], [0.0]])
    func axisTicksEncloseTheValues(values: [Double]) throws {
        let axis = Axis.linear(values)
        #expect(axis.ticks.first == 0)
        #expect(try #require(axis.ticks.last) >= values.max() ?? 0)
        #expect((2...7).contains(axis.ticks.count))
        for tick in axis.ticks { #expect((0...1.000001).contains(axis.position(tick))) }
    }
}
