import Testing

@testable import DTrainCore

/// Vocabularies larger than a batch, and logits that don't fit the buffer.
@Suite struct LargeVocabularyTests {
    private typealias Case = ReproducibilityTests.Case

    private static let cases = [
        Case(cell: .gru, layers: 1, units: 64, batchSize: 7, microBatchSize: 2, vocabularySize: 300),
        Case(cell: .lstm, layers: 2, units: 130, batchSize: 5, microBatchSize: 1, vocabularySize: 131),
        Case(cell: .simpleRNN, layers: 1, units: 7, batchSize: 3, microBatchSize: 3, vocabularySize: 5),
    ]

    /// Losses, norms and whole gradients of two steps.
    private func train(_ test: Case, _ logits: Tape.LogitsGradient, threads: Int) throws -> [[UInt32]] {
        var test = test
        test.logits = logits
        let replica = try test.replica(0..<test.microBatches, threads: threads)
        return try (0..<2).flatMap { step in
            try replica.computeGradient(test.reader(step: step))
            try replica.finishStep(learningRate: 0.01)
            return [bits([replica.loss]), bits(replica.gradient.flat().prefix(replica.layout.count))]
        }
    }

    @Test(arguments: cases.indices, Precision.allCases)
    func recomputedLogitsGiveTheSameGradient(index: Int, precision: Precision) throws {
        var test = Self.cases[index]
        test.precision = precision
        let kept = try train(test, .kept, threads: 1)
        for threads in [1, 3] {
            let recomputed = try train(test, .recomputed, threads: threads)
            for (found, expected) in zip(recomputed, kept) { #expect(differences(found, expected) == 0) }
        }
        #expect(kept[1].count { $0 << 1 != 0 } > kept[1].count / 10)
    }

    /// No gradient remains from characters of an earlier batch.
    @Test func onlyCharactersInTheBatchHaveEmbeddingGradients() throws {
        let test = Case(
            cell: .gru, layers: 1, units: 64, batchSize: 7, microBatchSize: 2, vocabularySize: 97, isSparse: true)
        let replica = try test.replica(0..<test.microBatches, threads: 2)
        var ids = [UInt16](repeating: 0, count: test.sequenceLength + 1)
        for step in [0, 5, 1] {
            let read = test.reader(step: step)
            try replica.computeGradient(read)
            try replica.finishStep(learningRate: 0.01)
            let gradient = try #require(replica.gradientTensor("embedding.embeddings"))
            let found = Set(gradient.indices.filter { gradient[$0] != 0 }.map { UInt16($0 / 6) })
            var expected: Set<UInt16> = []
            for sequence in 0..<test.batchSize {
                read(sequence, &ids)
                expected.formUnion(ids.dropLast())
            }
            #expect(found == expected && expected.count < 35)
        }
    }

    @Test func logitsAreKeptUpToFourPerParameter() {
        let layout = ParameterLayout(ModelConfiguration(embeddingDim: 3, rnnUnits: 7, vocabularySize: 100))
        let most = 4 * layout.count / 100
        #expect(Tape.LogitsGradient(tokens: most, layout: layout) == .kept)
        #expect(Tape.LogitsGradient(tokens: most + 1, layout: layout) == .recomputed)
        #expect(
            Tape.LogitsGradient(tokens: 64 * 100, layout: ParameterLayout(ModelConfiguration(vocabularySize: 66)))
                == .kept)
    }

    /// A custom loss in Swift can't be recomputed from a formula.
    @Test func customLossesWorkWithRecomputedLogits() throws {
        var test = Self.cases[0]
        test.logits = .recomputed
        let replica = try test.replica(0..<test.microBatches, threads: 2)
        let (read, length) = (test.reader(step: 0), test.sequenceLength)
        let batch = Batch(count: test.batchSize, sequenceLength: length, largestID: 299, read: read)
        /// d(loss)/d(logits) is 1 at the target and 0 elsewhere.
        let targetLogit = RowLoss { logits, target, gradient in
            gradient.update(repeating: 0)
            gradient[target] = 1
            return Double(logits[target])
        }
        for loss in [targetLogit, .crossEntropy, targetLogit] {
            try replica.load(batch, for: loss)
            try replica.computeGradient()
        }
        let bias = try #require(replica.gradientTensor("dense.bias"))
        var counts = [Int](repeating: 0, count: 300)
        var ids = [UInt16](repeating: 0, count: length + 1)
        for sequence in 0..<test.batchSize {
            read(sequence, &ids)
            for id in ids.dropFirst() { counts[Int(id)] += 1 }
        }
        let tokens = Double(test.batchSize * length)
        for (found, count) in zip(bias, counts) {
            #expect(isClose(Double(found), Double(count) / tokens, relative: 1e-6, absolute: 0))
        }
    }
}
