import DTrainCore
import Foundation
import Testing

@testable import DTrainDistributed

/// Custom loops on several ranks (threads) give the bits of one process and share their errors.
@Suite struct TrainerRanksTests {
    private let bench: TrainerRanksBench

    init() throws { bench = try TrainerRanksBench() }

    @Test(arguments: 1...3)
    func aCustomLoopMatchesOneProcessBitForBit(ranks: Int) throws {
        let bench = bench
        let loop: TrainerRanksBench.Loop = { trainer in
            var progress = TrainingProgress()
            try bench.train(trainer, &progress, to: 20)
            return bench.state(trainer, progress)
        }
        let expected = try bench.alone(loop)
        #expect(expected.progress.epoch == 1 && expected.progress.stepInEpoch == 9)
        #expect(try bench.onRanks(ranks, loop).allSatisfy { $0 == expected })
    }

    @Test(arguments: 1...3)
    func onlyRankZeroWrites(ranks: Int) throws {
        let bench = bench
        let folder = "\(bench.folder)/written"
        _ = try bench.onRanks(ranks) { trainer, rank in
            try trainer.save(to: "\(folder)/ckpt\(rank)", data: bench.data, progress: TrainingProgress())
            try trainer.export(to: "\(folder)/model\(rank)", vocabulary: bench.data.corpus.vocabulary)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["ckpt0", "model0"])
    }

    @Test(arguments: [(1, 3), (3, 2), (2, 1)])
    func aResumeOnAnotherNumberOfRanksContinuesBitForBit(before: Int, after: Int) throws {
        let bench = bench
        let path = "\(bench.folder)/ckpt.safetensors"
        let expected = try bench.alone { trainer in
            var progress = TrainingProgress()
            try bench.train(trainer, &progress, to: 20)
            return bench.state(trainer, progress)
        }
        _ = try bench.onRanks(before) { trainer, _ in
            var progress = TrainingProgress()
            try bench.train(trainer, &progress, to: 4)
            try trainer.save(to: path, data: bench.data, progress: progress)
        }
        let found = try bench.onRanks(after, seed: 99) { trainer, _ in
            var progress = try trainer.resume(from: path, data: bench.data)
            try bench.train(trainer, &progress, to: 20)
            return bench.state(trainer, progress)
        }
        #expect(found.allSatisfy { $0 == expected })
    }

    /// Only rank 0 reads the file.
    @Test func aFailedResumeThrowsOnAllRanksAndChangesNothing() throws {
        let bench = bench
        let errors = try bench.onRanks(3) { trainer, _ in
            let before = bench.state(trainer)
            let error = #expect(throws: CollectiveError.self) {
                _ = try trainer.resume(from: "\(bench.folder)/missing", data: bench.data)
            }
            #expect(bench.state(trainer) == before && trainer.step == 0)
            return error?.error
        }
        #expect(Set(errors).count == 1 && errors[0]?.category == .noInput)
        #expect(errors[0]?.message.hasPrefix("rank 0 (") == true)
    }

    /// The loss is NaN for one target, which occurs only in the last rank's sequences.
    @Test(arguments: 2...3)
    func aNonFiniteLossThrowsTheSameErrorOnAllRanks(ranks: Int) throws {
        let bench = bench
        let errors = try bench.onRanks(ranks) { trainer, _ in
            let batch = try Batch([[1, 2, 1], [1, 2, 2], [2, 1, 2], [1, 1, 2], [2, 2, 3]])
            let loss = RowLoss { _, target, gradient in
                gradient.update(repeating: 0)
                return target == 3 ? .nan : 1
            }
            let before = bench.state(trainer)
            let gradient = try trainer.gradient(of: batch, loss: loss)
            #expect(gradient.loss.isNaN)
            do {
                try trainer.apply(gradient, learningRate: 1e-2)
                return nil as DTrainError?
            } catch let error as CollectiveError {
                #expect(bench.state(trainer) == before && trainer.step == 0)
                return error.error
            }
        }
        #expect(Set(errors).count == 1 && errors[0]?.category == .badData)
        let expected = "the loss of step 1 is nan: the loss is not finite on rank \(ranks - 1) ("
        #expect(errors[0]?.message.hasPrefix(expected) == true, "\(String(describing: errors[0]))")
    }

    @Test(arguments: 1...3)
    func everyRankReadsTheSameGradient(ranks: Int) throws {
        let bench = bench
        let read: @Sendable (Trainer) throws -> [UInt32]? = { trainer in
            let gradient = try trainer.gradient(of: Batch((0..<5).map { [$0, $0 + 1, 3, $0, 2] }))
            return gradient["gru.kernel"]?.map(\.bitPattern)
        }
        let expected = try #require(try bench.alone(read))
        #expect(expected.contains { $0 << 1 != 0 })
        #expect(try bench.onRanks(ranks, read).allSatisfy { $0 == expected })
    }

    /// Lengths below, at and above the trainer's length of 6.
    @Test(arguments: 1...3)
    func aCurriculumMatchesOneProcessBitForBit(ranks: Int) throws {
        let bench = bench
        let loop: TrainerRanksBench.Loop = { trainer in
            for (stage, length) in [2, 6, 13].enumerated() {
                let data = try SequenceDataset(corpus: bench.data.corpus, sequenceLength: length, batchSize: 5)
                for batch in data.batches(epoch: stage).prefix(4) {
                    var gradient = try trainer.gradient(of: batch)
                    try gradient.clip(norm: 0.1)
                    try trainer.apply(gradient, learningRate: 0.02 / Double(stage + 1))
                }
            }
            return bench.state(trainer)
        }
        let expected = try bench.alone(loop)
        #expect(try bench.onRanks(ranks, loop).allSatisfy { $0 == expected })
    }

    /// The loss is half the squared distance of the logits from the one-hot target.
    @Test(arguments: 1...3)
    func aRowLossMatchesOneProcessBitForBit(ranks: Int) throws {
        let bench = bench
        let squares = RowLoss { logits, target, gradient in
            var loss = 0.0
            for id in logits.indices {
                gradient[id] = logits[id] - (id == target ? 1 : 0)
                loss += Double(gradient[id] * gradient[id]) / 2
            }
            return loss
        }
        let loop: TrainerRanksBench.Loop = { trainer in
            var progress = TrainingProgress()
            try bench.train(trainer, &progress, to: 8, loss: squares)
            return bench.state(trainer, progress)
        }
        let expected = try bench.alone(loop)
        // At first, nearly all of the loss is the target's ½.
        #expect(expected.progress.lossSum / 8 < 0.5)
        #expect(try bench.onRanks(ranks, loop).allSatisfy { $0 == expected })
    }

    @Test func invalidSizesThrowTheSameErrorOnAllRanks() throws {
        let results = try InMemoryCommunicator.run(ranks: 3) { communicator in
            _ = try Trainer(
                model: ModelConfiguration(rnnUnits: 0, vocabularySize: 7), threads: 1, ranks: communicator)
        }
        let errors = results.map { result in
            if case .failure(let error as CollectiveError) = result { error.error } else { nil as DTrainError? }
        }
        #expect(Set(errors).count == 1 && errors[0]?.category == .usage)
    }
}
