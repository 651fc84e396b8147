import Testing

@testable import Scaling

/// The fit recovers the costs of synthetic measurements, and predictions follow from them.
@Suite struct CostModelTests {
    @Test(arguments: [false, true])
    func knownCostsAreRecovered(network: Bool) throws {
        var machine = Synthetic()
        machine.isNetwork = network
        let model = try #require(CostModel(fittedTo: machine.measurements()))
        let link = try #require(network ? model.network : model.sharedMemory)
        #expect((network ? model.sharedMemory : model.network) == nil)
        for (found, truth) in [
            (model.fixedSeconds, machine.fixed), (model.dividedSeconds, machine.divided),
            (model.secondsPerSequence, machine.perSequence),
            (model.fixedContention, machine.fixedContention), (model.sequenceContention, machine.sequenceContention),
            (model.packSeconds, machine.pack), (model.packContention, machine.packContention),
            (model.optimizerSeconds, machine.optimizer), (model.optimizerContention, machine.optimizerContention),
            (model.otherSeconds, machine.other), (model.skew, machine.skew),
            (link.secondsPerMessage, machine.secondsPerMessage), (link.secondsPerByte, machine.secondsPerByte),
            (model.fixedMemory, machine.memory), (model.memoryPerSequence, machine.memoryPerSequence),
        ] {
            #expect(abs(found - truth) <= 1e-6 * truth, "\(found) \(truth)")
        }
    }

    /// The synthetic machine's forward pass is 30 % of compute, its weight gradient 40 %.
    @Test func eachPartHasItsOwnCosts() throws {
        let machine = Synthetic()
        let parts = try #require(CostModel(fittedTo: machine.measurements())).computeParts
        #expect(parts.map(\.part) == ["forward", "backward", "weight_gradient"])
        for (part, share) in zip(parts, [0.3, 0.3, 0.4]) {
            #expect(abs(part.fixedSeconds - share * machine.fixed) <= 1e-6 * machine.fixed, "\(part)")
            #expect(abs(part.dividedSeconds - share * machine.divided) <= 1e-6 * machine.divided, "\(part)")
            #expect(abs(part.secondsPerSequence - share * machine.perSequence) <= 1e-6 * machine.perSequence, "\(part)")
        }
    }

    @Test(arguments: [false, true])
    func unseenRankCountsArePredicted(network: Bool) throws {
        var machine = Synthetic()
        machine.isNetwork = network
        let checks = PredictionCheck.all(machine.measurements())
        #expect(checks.map(\.ranks) == [2, 2, 4, 4])
        #expect(checks.filter { $0.ranks == 4 }.allSatisfy { $0.fittedTo == [1, 2] })
        for check in checks { #expect(abs(check.error) < 1e-6, "\(check)") }
    }

    /// Four ranks on two cores divide their compute by two, not by four.
    @Test func ranksBeyondTheCoresTakeTurns() throws {
        var machine = Synthetic()
        machine.cores = 2
        let model = try #require(CostModel(fittedTo: machine.measurements(ranks: [1, 2])))
        let workload = Workload(batchSize: 64, microBatchSize: 8, sequenceLength: 100, gradientBytes: 16_000_000)
        let two = try #require(model.predict(Layout(ranks: 2, threads: 1, coresPerMachine: 2), workload))
        let four = try #require(model.predict(Layout(ranks: 4, threads: 1, coresPerMachine: 2), workload))
        #expect(abs(four.sequenceCompute - two.sequenceCompute) < 1e-9)
        #expect(abs(four.fixedCompute - 2 * two.fixedCompute) < 1e-9)
        #expect(four.seconds > two.seconds)
        let checks = PredictionCheck.all(machine.measurements())
        #expect(checks.map(\.ranks) == [2, 2, 4, 4])
        for check in checks { #expect(abs(check.error) < 1e-6, "\(check)") }
    }

    /// (predicted − measured) / measured, with its sign.
    @Test func thePredictionErrorIsRelativeToTheMeasurement() throws {
        let measurements = Synthetic().measurements().map { measurement -> Measurement in
            guard measurement.layout.ranks == 4, measurement.plan.isIn(.strong) else { return measurement }
            // A step 25 % longer than the fitted costs predict.
            let slower = measurement.runs.map { run in
                RunRecord(
                    repetition: run.repetition, command: run.command,
                    steps: run.steps.map { StepSample(step: $0.step, seconds: $0.seconds * 1.25, parts: $0.parts) },
                    peakMemory: run.peakMemory)
            }
            return Measurement(
                plan: measurement.plan, layout: measurement.layout, workload: measurement.workload, runs: slower)
                ?? measurement
        }
        let checks = PredictionCheck.all(measurements)
        let check = try #require(checks.first { $0.ranks == 4 && $0.series == .strong })
        #expect(abs(check.error - (1 / 1.25 - 1)) < 1e-6)
    }

    @Test func nothingIsPredictedOverAnUnmeasuredLink() throws {
        let measurements = Synthetic().measurements(ranks: [1])
        let model = try #require(CostModel(fittedTo: measurements))
        let workload = Workload(batchSize: 64, microBatchSize: 8, sequenceLength: 100, gradientBytes: 1000)
        #expect(model.predict(Layout(ranks: 2, threads: 1, coresPerMachine: 4), workload) == nil)
        #expect(PredictionCheck.all(measurements).isEmpty)
        let trainings = Synthetic().measurements(ranks: [1, 2]).filter { $0.plan.isScaled || $0.plan.isIn(.base) }
        #expect(PredictionCheck.all(trainings).isEmpty)
    }

    /// Two ranks are predicted from only single processes and exchanges.
    @Test(arguments: [false, true])
    func twoRanksArePredictedFromSingleProcesses(network: Bool) throws {
        var machine = Synthetic()
        machine.isNetwork = network
        let checks = PredictionCheck.all(machine.measurements(ranks: [1, 2]))
        #expect(checks.map(\.ranks) == [2, 2])
        for check in checks {
            #expect(check.fittedTo == [1])
            #expect(abs(check.error) < 1e-6, "\(check)")
        }
    }

    /// The bandwidth of a link with bursts is that of whole gradients.
    @Test func burstsDoNotDetermineTheBandwidth() throws {
        var machine = Synthetic()
        machine.isNetwork = true
        machine.secondsPerByte = 80e-9
        let slow = machine.measurements()
        // The tiny exchanges' 4000 bytes alone would take 320 µs there.
        var burst = machine
        burst.secondsPerByte = 1e-9
        let measurements = slow.map { $0.plan.isIn(.latency) ? burst.measurement($0.plan) ?? $0 : $0 }
        let model = try #require(CostModel(fittedTo: measurements))
        #expect(abs(try #require(model.network).secondsPerByte / machine.secondsPerByte - 1) < 1e-3)
        for check in PredictionCheck.all(measurements) { #expect(abs(check.error) < 1e-3, "\(check)") }
    }

    /// In shared memory a block in transit may be idle, so its hidden time is not a cost.
    @Test func hiddenExchangeInSharedMemoryCostsNothing() throws {
        let measurements = Synthetic().measurements().map { changed($0) { $0.hiddenExchange = $0.weightGradient } }
        let model = try #require(CostModel(fittedTo: measurements))
        #expect((model.hiddenShare, model.hiddenPerWeightGradient) == (0, 0))
        #expect(abs(try #require(model.sharedMemory).secondsPerByte - Synthetic().secondsPerByte) < 1e-15)
    }

    /// A copy of a measurement with changed parts, if several ranks exchange the whole gradient.
    private func changed(_ measurement: Measurement, _ change: (inout StepParts) -> Void) -> Measurement {
        guard measurement.layout.ranks > 1, !measurement.plan.isIn(.latency) else { return measurement }
        let runs = measurement.runs.map { run in
            let steps = run.steps.map { step in
                var parts = step.parts
                change(&parts)
                return StepSample(step: step.step, seconds: parts.total, parts: parts)
            }
            return RunRecord(repetition: run.repetition, command: "", steps: steps, peakMemory: 1)
        }
        return Measurement(
            plan: measurement.plan, layout: measurement.layout, workload: measurement.workload, runs: runs)
            ?? measurement
    }

    /// A single run with a completely hidden exchange doesn't dominate the fit.
    @Test func oneOutlierDoesNotDominateTheHiddenRate() throws {
        var machine = Synthetic()
        machine.isNetwork = true
        machine.secondsPerByte = 8e-9
        let measurements = machine.measurements(ranks: [1, 2, 4]).map { measurement in
            changed(measurement) { parts in
                let isOdd = measurement.plan.isIn(.weak) && measurement.layout.ranks == 2
                parts.hiddenExchange =
                    isOdd ? parts.exchange * 0.99 : min(0.5 * parts.weightGradient, 0.6 * parts.exchange)
                parts.exchange -= parts.hiddenExchange
            }
        }
        let overlap = ExchangeOverlap(fittedTo: measurements)
        #expect(abs(overlap.perWeightGradient - 0.5) < 1e-9, "\(overlap)")
    }

    /// Exchanges limited by the weight gradient determine the rate.
    ///
    /// The number of blocks, 12 for 16 MB, determines the share.
    @Test func exchangesAloneDetermineTheHiddenRate() throws {
        var machine = Synthetic()
        machine.isNetwork = true
        machine.secondsPerByte = 8e-9
        let exchanges = machine.measurements(ranks: [1, 2]).filter { $0.plan.isIn(.exchange) }
            .map { measurement in
                changed(measurement) { parts in
                    parts.hiddenExchange = 0.8 * parts.weightGradient
                    parts.exchange -= parts.hiddenExchange
                }
            }
        let overlap = ExchangeOverlap(fittedTo: exchanges)
        #expect(abs(overlap.perWeightGradient - 0.8) < 1e-9 && abs(overlap.share - 11.0 / 12) < 1e-9, "\(overlap)")
    }

    /// The hidden part is at most the measured share and rate.
    @Test func theHiddenExchangeIsLimitedByTheWeightGradient() throws {
        var machine = Synthetic()
        machine.isNetwork = true
        machine.secondsPerByte = 8e-9
        let measurements = machine.measurements(ranks: [1, 2]).map { measurement in
            changed(measurement) { parts in
                parts.hiddenExchange = min(0.5 * parts.weightGradient, 0.75 * parts.exchange)
                parts.exchange -= parts.hiddenExchange
            }
        }
        let model = try #require(CostModel(fittedTo: measurements))
        let plan = try #require(machine.measurements(ranks: [1, 4]).first { $0.layout.ranks == 4 })
        let whole = machine.parts(plan.layout, plan.workload)
        let predicted = try #require(model.predict(plan.layout, plan.workload))
        #expect(abs(predicted.hiddenExchange + predicted.exchange - whole.exchange) < 1e-4)
        #expect(abs(predicted.hiddenExchange - 0.5 * whole.weightGradient) < 1e-4)
        // On hosts that share two cores, each rank computes and moves its blocks half of the time.
        let crowd = Layout(ranks: 4, threads: 1, hosts: 4, machines: 1, coresPerMachine: 2)
        let busy = machine.parts(crowd, plan.workload)
        let crowded = try #require(model.predict(crowd, plan.workload))
        #expect(abs(crowded.hiddenExchange - 0.5 * busy.weightGradient / 2) < 1e-4)
        #expect(abs(crowded.hiddenExchange + crowded.exchange - busy.exchange) < 1e-4)
    }
}
