import Core
import DistributedTesting
import Foundation
import Testing

@testable import Distributed

@Suite struct CheckpointSaverTests {
    private static let text = "the quick brown fox jumps over the lazy dog"

    /// Saves on each rank, with a weight of the last rank one ulp off if asked for; the ranks' errors and the files.
    private func save(ranks: Int, lastDiffers: Bool) throws -> (errors: [DTrainError?], files: [String]) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(Self.text.utf8).write(to: URL(fileURLWithPath: "\(folder)/text.txt"))
        let results = try InMemoryCommunicator.run(ranks: ranks) { communicator in
            var options = TrainingOptions(data: "\(folder)/text.txt")
            options.checkpointDirectory = "\(folder)/checkpoints"
            let corpus = try Corpus(path: options.data)
            let replica = try Replica(
                Replica.Configuration(
                    model: ModelConfiguration(embeddingDim: 2, rnnUnits: 3, vocabularySize: corpus.vocabulary.size),
                    shard: Shard(batchSize: 1, microBatchSize: 1, sequenceLength: 2, microBatches: 0..<1),
                    adam: Adam.Configuration(), threads: 1))
            try InitialValues.fill(replica.parameters.pointer, layout: replica.layout, seed: 1)
            if lastDiffers, communicator.rank == ranks - 1 {
                replica.parameters.pointer[7] = replica.parameters.pointer[7].nextUp
            }
            let saver = try CheckpointSaver(
                options, corpus: corpus, agreement: ReplicaAgreement(communicator), communicator: communicator)
            do {
                try saver.save(TrainingProgress(), replica) { _ in }
                return nil as DTrainError?
            } catch let error as CollectiveError {
                return error.error
            }
        }
        return (
            try results.map { try $0.get() },
            try FileManager.default.contentsOfDirectory(atPath: "\(folder)/checkpoints")
        )
    }

    @Test(arguments: 1...3)
    func sameWeightsAreSavedOnce(ranks: Int) throws {
        let (errors, files) = try save(ranks: ranks, lastDiffers: false)
        #expect(errors.allSatisfy { $0 == nil })
        #expect(files.count == 1)
    }

    @Test func differingWeightsAreNotSaved() throws {
        let (errors, files) = try save(ranks: 3, lastDiffers: true)
        for error in errors {
            let error = try #require(error)
            #expect(error.category == .internal)
            #expect(error.message.contains("the weights after step 0 on rank 2 ("))
            #expect(error.message.contains("differ from those on most ranks"))
        }
        #expect(files.isEmpty)
    }
}
