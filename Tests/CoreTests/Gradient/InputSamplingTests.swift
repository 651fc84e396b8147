import Glibc
import Testing

@testable import DTrainCore

/// Scheduled sampling against a naive model with the same random numbers.
@Suite struct InputSamplingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let cell: Cell
        let layers: Int
        let probability: Double
        let dropout: Double
        static let (seed, step): (UInt64, Int) = (5, 3)

        var testDescription: String { "\(layers) × \(cell), drawn \(probability), dropped \(dropout)" }
        /// More characters than the batch has inputs.
        var model: ModelConfiguration {
            ModelConfiguration(cell: cell, layers: layers, embeddingDim: 3, rnnUnits: 16, vocabularySize: 17)
        }
        var layout: ParameterLayout { ParameterLayout(model) }
        var values: [Float] { testNumbers(layout.count, limit: 0.9) }
        var sequences: [[UInt16]] { (0..<3).map { testText(6, vocabularySize: 17, salt: UInt32($0)) } }

        func replica(threads: Int = 2, members: Int? = nil, samplesInputs: Bool = true) throws -> Replica {
            let replica = try Replica(
                Replica.Configuration(
                    model: model,
                    rankBatch: RankBatch(batchSize: 3, microBatchSize: 2, sequenceLength: 5, microBatches: 0..<2),
                    optimizer: Adam(), threads: threads, members: members, samplesInputs: samplesInputs,
                    seed: Self.seed))
            _ = replica.parameters.elements.update(from: values)
            replica.optimizerState.steps = Self.step
            return replica
        }

        func computeGradient(_ replica: Replica) throws {
            try replica.load(
                Batch(sequences), dropout: Dropout(inputs: dropout), scheduledSampling: probability)
            try replica.computeGradient()
        }

        private func factors(_ sequence: Int) -> ReferenceModel.Factors {
            let threshold = (dropout * 65536).rounded()
            let outputs = (0..<layers).map { layer in
                let key = CounterRandom(seed: Self.seed, purpose: .dropout).words(
                    UInt64(Self.step), UInt32(2 * layer))
                return (0..<5).map { time in
                    (0..<16).map {
                        DropoutMaskTests.isKept(
                            key: key, sequence: sequence, time: time, unit: $0, threshold: UInt32(threshold))
                            ? 65536 / (65536 - threshold) : 0
                    }
                }
            }
            let ones = [[Double]](repeating: [Double](repeating: 1, count: 16), count: layers)
            return ReferenceModel.Factors(outputs: outputs, recurrent: ones)
        }

        /// The inputs of each sequence, drawn sequentially.
        func inputs(_ reference: ReferenceModel) -> [[UInt16]] {
            sequences.enumerated().map { sequence, ids in
                var state = reference.zeroState
                var fed = [ids[0]]
                for time in 1..<5 {
                    let logits = reference.advance(fed[time - 1], &state, factors(sequence), time: time - 1)
                    let words = CounterRandom(seed: Self.seed, purpose: .scheduledSampling).words(
                        UInt64(Self.step) << 32 + UInt64(sequence), UInt32(time))
                    guard Double(words.0 >> 8) / 0x1p24 < probability else {
                        fed.append(ids[time])
                        continue
                    }
                    let weights = [0] + logits.dropFirst().map(exp)
                    var point = Double(words.1 >> 8) / 0x1p24 * weights.reduce(0, +)
                    let drawn = weights.firstIndex {
                        point -= $0
                        return point < 0
                    }
                    fed.append(UInt16(drawn ?? 16))
                }
                return fed
            }
        }

        func meanLoss(_ reference: ReferenceModel, _ inputs: [[UInt16]]) -> Double {
            let losses = zip(sequences, inputs).enumerated().flatMap { sequence, pair in
                reference.losses(pair.0, factors(sequence), inputs: pair.1)
            }
            return losses.reduce(0, +) / Double(losses.count)
        }
    }

    static let cases = Cell.allCases.flatMap { cell in
        [1, 2].flatMap { layers in
            [(0.5, 0), (1, 0), (0.7, 0.3)].map {
                Case(cell: cell, layers: layers, probability: $0.0, dropout: $0.1)
            }
        }
    }

    @Test(arguments: cases)
    func lossAndGradientMatchTheReferenceOnDrawnInputs(_ test: Case) throws {
        let (reference, replica) = (ReferenceModel(test.layout, test.values), try test.replica())
        let inputs = test.inputs(reference)
        #expect(inputs != test.sequences.map { Array($0.dropLast()) })
        try test.computeGradient(replica)
        #expect(isClose(Double(replica.loss), test.meanLoss(reference, inputs), relative: 1e-6, absolute: 1e-6))
        _ = try replica.completeGradient()
        let gradient = replica.gradient.flat()
        // A stride coprime to the row lengths visits every row and column.
        for tensor in test.layout.tensors {
            for index in stride(from: tensor.offset, to: tensor.offset + tensor.count, by: 7) {
                let step = 1e-5
                var (above, below) = (reference, reference)
                above.parameters[index] += step
                below.parameters[index] -= step
                let expected = (test.meanLoss(above, inputs) - test.meanLoss(below, inputs)) / (2 * step)
                #expect(
                    isClose(Double(gradient[index]), expected, relative: 5e-4, absolute: 1e-7),
                    "\(tensor.name)[\(index - tensor.offset)]: \(gradient[index]), central difference \(expected)")
            }
        }
    }

    @Test(arguments: [1, 2, 3])
    func threadsDoNotChangeTheBits(threads: Int) throws {
        for test in Self.cases where test.probability < 1 {
            let gradients = try [4, threads].map { threads in
                let replica = try test.replica(threads: threads, members: 1)
                try test.computeGradient(replica)
                return bits(replica.gradient.flat())
            }
            #expect(differences(gradients[0], gradients[1]) == 0)
        }
    }

    /// The logits of all team members are combined before a character is drawn.
    @Test(arguments: [Arithmetic.fp32, .roundedBF16, .tiledBF16], [(2, 2), (3, 3), (6, 2)])
    func teamsDoNotChangeTheBits(arithmetic: Arithmetic, grid: (Int, Int)) throws {
        func gradient(threads: Int, members: Int) throws -> [UInt32] {
            let replica = try Replica(
                Replica.Configuration(
                    model: ModelConfiguration(
                        cell: .gru, layers: 2, embeddingDim: 6, rnnUnits: 48, vocabularySize: 150),
                    rankBatch: RankBatch(batchSize: 7, microBatchSize: 2, sequenceLength: 9, microBatches: 0..<4),
                    optimizer: Adam(), arithmetic: arithmetic, threads: threads, members: members,
                    samplesInputs: true, seed: 3))
            _ = replica.parameters.elements.update(from: testNumbers(replica.layout.count, limit: 0.3))
            let texts = (0..<7).map { testText(10, vocabularySize: 150, salt: UInt32($0)) }
            try replica.load(Batch(texts), dropout: Dropout(inputs: 0.2), scheduledSampling: 0.5)
            try replica.computeGradient()
            return bits(replica.gradient.flat())
        }
        #expect(try differences(gradient(threads: grid.0, members: grid.1), gradient(threads: 1, members: 1)) == 0)
    }

    /// A character that isn't drawn keeps no gradient from the previous step.
    @Test func earlierStepsLeaveNoGradient() throws {
        let test = Case(cell: .gru, layers: 1, probability: 0.5, dropout: 0)
        let (used, fresh) = (try test.replica(), try test.replica())
        try used.load(
            Batch([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], [13, 14, 15, 16, 1, 2]]), scheduledSampling: 1)
        try used.computeGradient()
        let gradients = try [used, fresh].map { replica in
            try test.computeGradient(replica)
            _ = try replica.completeGradient()
            return bits(replica.gradient.flat()[..<replica.layout.count])
        }
        #expect(gradients[0] == gradients[1])
    }

    @Test func samplingWithProbabilityZeroDoesNotChangeTheBits() throws {
        let test = Case(cell: .gru, layers: 1, probability: 0, dropout: 0)
        let gradients = try [false, true].map { samplesInputs in
            let replica = try test.replica(samplesInputs: samplesInputs)
            try test.computeGradient(replica)
            _ = try replica.completeGradient()
            return bits(replica.gradient.flat()[..<replica.layout.count])
        }
        #expect(gradients[0] == gradients[1])
    }

    @Test func disabledSamplingAndInvalidProbabilitiesAreRejected() throws {
        let model = ModelConfiguration(cell: .gru, layers: 1, embeddingDim: 3, rnnUnits: 4, vocabularySize: 5)
        let shape = Trainer.Shape(batchSize: 1, microBatchSize: 1, sequenceLength: 3)
        let batch = try Batch([[1, 2, 3, 4]])
        let trainer = try Trainer(model: model, shape: shape, threads: 1)
        let error = try requireError(.usage) { _ = try trainer.gradient(of: batch, scheduledSampling: 0.1) }
        #expect("\(error)".contains("`samplesInputs`"))
        let sampling = try Trainer(model: model, shape: shape, threads: 1, samplesInputs: true)
        for probability in [-0.1, 1.1, .nan] {
            _ = try requireError(.usage) { _ = try sampling.gradient(of: batch, scheduledSampling: probability) }
        }
        _ = try sampling.gradient(of: batch, scheduledSampling: 1)
    }

    /// Inputs are drawn with the given probability, and characters with the softmax's.
    ///
    /// With zero embeddings every h is zero, so each use of a character adds the same amount to the
    /// gradient of its embedding.
    @Test func drawnCharactersFollowTheSoftmax() throws {
        let model = ModelConfiguration(
            cell: .simpleRNN, layers: 1, embeddingDim: 1, rnnUnits: 16, vocabularySize: 4)
        let replica = try Replica(
            Replica.Configuration(
                model: model,
                rankBatch: RankBatch(batchSize: 64, microBatchSize: 8, sequenceLength: 101, microBatches: 0..<8),
                optimizer: Adam(), threads: 2, samplesInputs: true, seed: 9))
        let layout = replica.layout
        replica.parameters.elements.update(repeating: 0)
        for unit in 0..<16 {
            replica.parameters[layout.recurrent[0].kernel + unit] = 0.5
            replica.parameters[layout.denseKernel + 4 * unit + 1] = 0.5
        }
        // [UNK] would be the most probable if it weren't excluded. The others have the ratio
        // 1 : 2 : 5.
        let weights = [9.0, 1, 2, 5]
        for (id, weight) in weights.enumerated() { replica.parameters[layout.denseBias + id] = Float(log(weight)) }
        let text = [UInt16](repeating: 1, count: 102)
        try replica.load(Batch([[UInt16]](repeating: text, count: 64)), scheduledSampling: 0.4)
        try replica.computeGradient()
        _ = try replica.completeGradient()
        let gradient = replica.gradient.flat()
        let ofOne = 16 * 0.5 * 0.5 * (weights[1] / weights.reduce(0, +) - 1) / (64 * 101)
        let fed = (0..<4).map { (Double(gradient[layout.embeddings + $0]) / ofOne).rounded() }
        #expect(fed[0] == 0 && fed.reduce(0, +) == 64 * 101)
        // A sequence's first input is never drawn.
        let total = 6400.0
        for (id, share) in [(1, 0.6 + 0.4 / 8), (2, 0.4 * 2 / 8), (3, 0.4 * 5 / 8)] {
            let found = fed[id] - (id == 1 ? 64 : 0)
            #expect(abs(found - total * share) < 5 * (total * share * (1 - share)).squareRoot(), "\(id): \(found)")
        }
    }
}
