import Testing

@testable import Scaling

/// Notes explain efficiencies above 100 %; without any there are no notes.
@Suite struct EfficiencyNotesTests {
    /// The notes on measurements with the steps and parts scaled by a factor per configuration.
    private func notes(
        of machine: Synthetic, spread: Double = 0, repeats: Int = 5, _ factor: (RunPlan) -> Double
    ) throws -> EfficiencyNotes {
        let measurements = try machine.measurements().map { measurement -> Measurement in
            let runs = (0..<repeats).map { index in
                let scale = factor(measurement.plan) * (1 + spread * (Double(index) - Double(repeats - 1) / 2))
                let step = StepSample(
                    step: 1, seconds: measurement.parts.total * scale, parts: measurement.parts.scaled(by: scale))
                return RunRecord(repetition: index + 1, command: "", steps: [step], peakMemory: 1)
            }
            return try #require(
                Measurement(
                    plan: measurement.plan, layout: measurement.layout, workload: measurement.workload, runs: runs))
        }
        let setting = try #require(machine.experiment()).setting
        return EfficiencyNotes(try #require(Experiment(setting, measurements)))
    }

    /// A machine that scales perfectly and has no contention.
    private var ideal: Synthetic {
        var machine = Synthetic()
        (machine.fixed, machine.fixedContention, machine.sequenceContention) = (0, 0, 0)
        (machine.packContention, machine.optimizerContention, machine.skew) = (0, 0, 0)
        (machine.secondsPerMessage, machine.secondsPerByte, machine.other) = (1e-9, 1e-13, 1e-9)
        (machine.divided, machine.pack, machine.optimizer) = (0, 1e-9, 1e-9)
        return machine
    }

    @Test func thereAreNoNotesAtFullEfficiency() throws {
        #expect(try notes(of: ideal) { _ in 1 }.sentences.isEmpty)
    }

    /// A single busy core has no contention, while the base has four busy cores.
    @Test func notesNameTheBusyCoresOfTheBase() throws {
        let notes = try notes(of: Synthetic()) { _ in 1 }
        let excess = try #require(notes.excesses.first { $0.name == "strong, 1 rank × 1 thread" })
        #expect(excess.referenceName == "the base" && excess.efficiency > 1.2)
        #expect(
            excess.sentence.contains(
                " % of the base. Noise alone is an unlikely reason. Most of it is saved in compute: 1 busy core instead of 4 may "
                    + "have more cache, memory bandwidth and clock rate per core."), "\(excess.sentence)")
        #expect(notes.sentences.first?.hasPrefix("Efficiency above 100 % is not an error") == true)
        #expect(notes.sentences.last?.contains("--bind-to none") == true)
        // The one-rank configuration is in both series but is explained once.
        #expect(!notes.excesses.contains { $0.name == "weak, 1 rank × 1 thread" })
    }

    /// Two ranks with half the local batch take less than half the time.
    @Test func notesNameTheCacheForASmallerShare() throws {
        let notes = try notes(of: ideal) { $0.isIn(.strong) && $0.ranks == 2 ? 0.9 : 1 }
        let excess = try #require(notes.excesses.first { $0.referenceName == "one rank" })
        #expect(excess.name == "strong, 2 ranks × 1 thread" && abs(excess.efficiency - 1 / 0.9) < 0.01)
        #expect(
            excess.sentence.hasPrefix(
                "strong, 2 ranks × 1 thread: 111 % of one rank. Noise alone is an unlikely reason. Most of it is saved in "
                    + "compute: a rank's share of 32 sequences instead of 64 may fit a cache"), "\(excess.sentence)")
    }

    /// Intervals of ± 4 % on both sides of 103 % reach 100 %.
    @Test func notesNameNoiseIfIntervalsReach100Percent() throws {
        let noisy = try notes(of: ideal, spread: 0.02) { $0.isIn(.strong) && $0.ranks == 2 ? 0.97 : 1 }
        let excess = try #require(noisy.excesses.first { $0.referenceName == "one rank" })
        #expect(excess.sentence.contains("so noise can be the reason."), "\(excess.sentence)")
        let single = try notes(of: ideal, repeats: 1) { $0.isIn(.strong) && $0.ranks == 2 ? 0.9 : 1 }
        #expect(single.excesses.first?.sentence.contains("1 run is too few to rule out noise.") == true)
    }

    @Test func theReportHasTheNotes() throws {
        let experiment = try #require(Synthetic().experiment())
        let html = Report.html(experiment)
        #expect(html.contains("Efficiency above 100 % is not an error"))
        let plain = Report.html(try #require(ideal.experiment()))
        #expect(!plain.contains("Efficiency above 100 %"))
    }
}
