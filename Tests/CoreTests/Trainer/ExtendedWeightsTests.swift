import DistributedTesting
import Testing

@testable import DTrainCore

/// Weights of a model with an extended vocabulary.
@Suite struct ExtendedWeightsTests {
    private static let (old, new) = (5, 8)

    private func model(_ vocabularySize: Int) -> ModelConfiguration {
        ModelConfiguration(layers: 2, embeddingDim: 3, rnnUnits: 6, vocabularySize: vocabularySize)
    }

    private func replica() throws -> Replica {
        try Replica(
            Replica.Configuration(
                model: model(Self.new),
                rankBatch: RankBatch(batchSize: 4, microBatchSize: 2, sequenceLength: 5, microBatches: 0..<2),
                optimizer: Adam(), threads: 2))
    }

    private func values(_ name: String, of replica: Replica) throws -> [Float] {
        let tensor = try #require(replica.layout.tensors.first { $0.name == name })
        return Array(replica.parameters.elements[tensor.offset..<tensor.offset + tensor.count])
    }

    /// Writes weights of the old model and loads them into the extended one.
    private func extended(seed: UInt64) throws -> (replica: Replica, weights: [Float]) {
        let layout = ParameterLayout(model(Self.old))
        let weights = testNumbers(layout.count, limit: 0.8)
        let folder = try ScratchFolder()
        let path = folder.file("old.safetensors")
        try weights.withUnsafeBufferPointer { buffer in
            let start = try #require(buffer.baseAddress)
            try writeSafetensors(
                layout.tensors.map { .init(name: $0.name, shape: $0.shape, pointer: start + $0.offset) },
                metadata: [:], to: path)
        }
        let replica = try replica()
        try replica.take(try InitialWeights(path: path), seed: seed)
        return (replica, weights)
    }

    @Test func oldIDsKeepTheirWeightsAndNewOnesGetInitialValues() throws {
        let (replica, weights) = try extended(seed: 7)
        let fresh = try self.replica()
        try fresh.fillInitialValues(seed: 7)
        let layout = ParameterLayout(model(Self.old))
        for (old, new) in zip(layout.tensors, replica.layout.tensors) {
            let before = Array(weights[old.offset..<old.offset + old.count])
            let found = try values(new.name, of: replica)
            let initial = try values(new.name, of: fresh)
            let (rows, width) = (old.shape[0], old.count / old.shape[0])
            let newWidth = new.count / new.shape[0]
            for index in found.indices {
                let (row, column) = (index / newWidth, index % newWidth)
                let expected = row < rows && column < width ? before[row * width + column] : initial[index]
                #expect(found[index].bitPattern == expected.bitPattern, "\(new.name), \(index)")
            }
        }
        // The bound of the larger model's initial values.
        let embedding = try values("embedding.embeddings", of: replica).suffix((Self.new - Self.old) * 3)
        #expect(embedding.allSatisfy { abs($0) <= 0.05 } && Set(embedding).count == embedding.count)
        let kernel = try values("dense.kernel", of: replica)
        let limit = (6 / Float(6 + Self.new)).squareRoot()
        #expect(kernel.indices.allSatisfy { $0 % Self.new < Self.old || abs(kernel[$0]) <= limit })
        #expect(try values("dense.bias", of: replica).suffix(Self.new - Self.old).allSatisfy { $0 == 0 })
    }

    @Test func theSeedChangesOnlyTheNewWeights() throws {
        let (first, second) = (try extended(seed: 7).replica, try extended(seed: 8).replica)
        for tensor in first.layout.tensors {
            let isSame = try values(tensor.name, of: first) == values(tensor.name, of: second)
            // The new elements of a bias are zeros.
            #expect(isSame == !["embedding.embeddings", "dense.kernel"].contains(tensor.name), "\(tensor.name)")
        }
    }

    /// On a text of old ids, states and old logits equal the old model's.
    @Test func oldIDsHaveTheLogitsOfTheOldModel() throws {
        let (replica, weights) = try extended(seed: 7)
        let text = testText(40, vocabularySize: Self.old)
        let reference = ReferenceModel(ParameterLayout(model(Self.old)), weights)
        let larger = ReferenceModel(replica.layout, Array(replica.parameters.elements))
        var (oldState, newState) = (reference.zeroState, larger.zeroState)
        for id in text {
            let logits = larger.advance(id, &newState)
            #expect(reference.advance(id, &oldState) == Array(logits.prefix(Self.old)))
        }
    }
}
