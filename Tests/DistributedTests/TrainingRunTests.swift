import DTrainCore
import Foundation
import Glibc
import Testing

@testable import DTrainDistributed

/// Events that end a training early, on ranks as threads.
@Suite struct TrainingRunTests {
    @Test(arguments: 1...4, [1, 2, 20])
    func aSignalOnOneRankStopsAllRanksAfterTheSameStep(ranks: Int, stop: Int) throws {
        let bench = try TrainingBench()
        let results = try bench.train(ranks: ranks, bench.options) { rank, step, _ in
            rank == ranks - 1 && step >= stop ? SIGTERM : 0
        }
        #expect(try results.map { try $0.get() } == Array(repeating: false, count: ranks))
        #expect(try bench.checkpoints == ["ckpt_1_\(stop).safetensors"])
        #expect(try bench.steps == stop)
    }

    @Test(arguments: 1...3)
    func aSignalDuringStartUpKeepsEarlierFiles(ranks: Int) throws {
        let bench = try TrainingBench()
        var options = bench.options
        options[.maxSteps] = 3
        for result in try bench.train(ranks: ranks, options, beforeReduction: { _, _, _ in 0 }) {
            #expect(try result.get())
        }
        options[.overwrite] = true
        for result in try bench.train(ranks: ranks, options, beforeReduction: { rank, _, _ in rank == 0 ? SIGINT : 0 })
        { #expect(try !result.get()) }
        #expect(try bench.checkpoints == ["ckpt_1_3.safetensors"])
        #expect(try bench.steps == 3)
    }

    /// After the last step there is nothing to resume.
    @Test func aSignalInTheLastStepIsIgnored() throws {
        let bench = try TrainingBench()
        var options = bench.options
        options[.maxSteps] = 3
        let results = try bench.train(ranks: 2, options) { _, step, _ in step == 3 ? SIGUSR1 : 0 }
        #expect(try results.map { try $0.get() } == [true, true])
        #expect(try bench.checkpoints == ["ckpt_1_3.safetensors"])
    }

    private func errors(_ results: [Result<Bool, any Error>]) throws -> [DTrainError] {
        results.compactMap { result in
            if case .failure(let error as CollectiveError) = result { error.error } else { nil }
        }
    }

    /// A bit flips in one rank's weights during step 5; the check follows step 6.
    @Test(arguments: [(2, 1, nil), (3, 0, 0), (3, 2, 2), (4, 1, 1)])
    func aFlippedBitIsDetectedAtTheNextCheck(ranks: Int, victim: Int, named: Int?) throws {
        let bench = try TrainingBench()
        var options = bench.options
        options[.verifyReplicas] = 3
        let results = try bench.train(ranks: ranks, options) { rank, step, run in
            if rank == victim, step == 5, let weights = run?.trainer.replica.parameters.pointer {
                weights[100] = Float(bitPattern: weights[100].bitPattern ^ 1)
            }
            return 0
        }
        let errors = try errors(results)
        let host = currentHostName()
        #expect(errors.count == ranks)
        for error in errors {
            #expect(error.category == .internal)
            let expected =
                named.map { "the weights after step 6 on rank \($0) (\(host)) differ from those on most ranks" }
                ?? "the weights after step 6 differ: those on rank 0 (\(host)) are not those on rank 1 (\(host))"
            #expect(error.message.hasPrefix(expected), "\(error)")
        }
        #expect(try bench.checkpoints.isEmpty)
        #expect(try bench.steps == 6)
    }

    /// The sum is wrong, but recomputing each rank's part finds no error.
    @Test(arguments: 1...3)
    func aNonFiniteGradientEndsTheTrainingBeforeTheWeightsChange(ranks: Int) throws {
        let bench = try TrainingBench()
        var options = bench.options
        options[.checkpointEverySteps] = 1
        let results = try bench.train(ranks: ranks, options) { rank, step, run in
            if rank == ranks - 1, step == 4 { run?.trainer.replica.gradient.sums[5] = .infinity }
            return 0
        }
        let errors = try errors(results)
        #expect(errors.count == ranks)
        for error in errors {
            #expect(error.category == .badData)
            #expect(error.message.hasPrefix("the gradient of step 4 is not finite: every rank's own part is finite"))
        }
        #expect(try bench.checkpoints.last == "ckpt_1_3.safetensors")
        #expect(try bench.steps == 3)
    }

    /// Without this, lines that a slow reader has left would be lost.
    @Test func anErrorOfAllRanksFinishesTheLogs() throws {
        let bench = try TrainingBench()
        let log = CountingLog()
        var options = bench.options
        options[.learningRate] = 1e38
        let plan = try TrainingPlan.make(options, communicator: SoloCommunicator(), defaultThreads: 1) { _ in }
        let run = try TrainingRun(plan, openLog: { _, _ in log }, report: { _ in })
        #expect(throws: CollectiveError.self) { try run.run() }
        #expect(log.finishes == 1)
    }
}

private final class CountingLog: TrainingLog {
    private(set) var finishes = 0
    let flush: @Sendable () -> Void = {}

    func record(_ event: TrainingEvent, report: (TrainingEvent) -> Void) {}

    func finish() { finishes += 1 }
}
