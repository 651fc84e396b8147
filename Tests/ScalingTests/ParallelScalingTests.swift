import Testing

@testable import Scaling

/// Speed-up and efficiency relative to one worker.
@Suite struct ParallelScalingTests {
    private func seconds(_ measurement: Measurement) -> Double { measurement.seconds.median }

    /// Speed-up is T(1)/T(n) for strong and n·T(1)/T(n) for weak scaling.
    ///
    /// Efficiency is speed-up divided by n.
    @Test func oneRankIsTheReferenceOfBothSeries() throws {
        let experiment = try #require(Synthetic().experiment())
        for series in [Series.strong, .weak] {
            let measured = experiment.measured(series)
            #expect(measured.map(\.layout.ranks) == [1, 2, 4])
            for measurement in measured {
                let found = try #require(experiment.parallel(measurement, in: series))
                let ranks = Double(measurement.layout.ranks)
                let ratio = seconds(measured[0]) / seconds(measurement)
                #expect(abs(found.speedup - (series == .strong ? ratio : ratio * ranks)) < 1e-12)
                #expect(abs(found.efficiency - (series == .strong ? ratio / ranks : ratio)) < 1e-12)
            }
        }
    }

    /// Single processes are compared with one thread, as in the thread curve.
    @Test func oneThreadIsTheReferenceOfTheBase() throws {
        let experiment = try #require(Synthetic().experiment())
        for measurement in experiment.measured(.base) {
            let point = try #require(experiment.threadPoint(measurement)?.speedup)
            let found = try #require(experiment.parallel(measurement))
            #expect(abs(found.speedup - point) < 1e-12)
            #expect(abs(found.efficiency - point / Double(measurement.layout.threads)) < 1e-12)
        }
    }

    /// Four workers against a reference of two workers count as n = 2.
    @Test func efficiencyCountsWorkersNotRanks() throws {
        let machine = Synthetic()
        func measurement(_ ranks: Int, _ threads: Int) throws -> Measurement {
            try #require(
                machine.measurement(
                    RunPlan(series: [.strong], ranks: ranks, isLaunched: true, threads: threads, batchSize: 64)))
        }
        let (one, two) = (try measurement(1, 2), try measurement(2, 2))
        let found = ParallelScaling(two, against: one)
        #expect(abs(found.speedup - seconds(one) / seconds(two)) < 1e-12)
        #expect(abs(found.efficiency - found.speedup / 2) < 1e-12)
    }

    @Test func withoutOneRankThereIsNoSpeedup() throws {
        let experiment = try #require(Synthetic().experiment(ranks: [2, 4]))
        #expect(experiment.measured(.strong).allSatisfy { experiment.parallel($0, in: .strong) == nil })
        let header = Tables.measured(experiment).header
        // Single processes still have these columns.
        #expect(header.contains("T(1)/T(n)") && header.contains("× base"))
        #expect(MeasuredCharts(experiment).speedup.title == "Throughput")
    }

    @Test func onlyRankSeriesHaveRankSpeedupsInTheSummary() throws {
        let experiment = try #require(Synthetic().experiment())
        let lines = CommaSeparated.summary(experiment).split(separator: "\n").map { line in
            // Quoted placements contain one comma.
            line.replacing(/"[^"]*"/, with: "placement").split(separator: ",", omittingEmptySubsequences: false)
        }
        let places = try ["rank_speedup", "rank_efficiency"].map { name in
            try #require(lines[0].firstIndex { $0 == name })
        }
        let two = try #require(lines.first { $0[0].hasPrefix("strong-np2") })
        let measurement = try #require(experiment.measured(.strong).first { $0.layout.ranks == 2 })
        let expected = try #require(experiment.parallel(measurement, in: .strong))
        #expect(places.map { Double(two[$0]) } == [expected.speedup, expected.efficiency])
        let base = try #require(lines.first { $0[0].hasPrefix("base-") })
        #expect(places.map { base[$0] } == ["", ""])
    }
}
