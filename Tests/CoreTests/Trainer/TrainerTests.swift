import Testing

@testable import DTrainCore

/// The results and errors of the public training step.
@Suite struct TrainerTests {
    private static let model = ModelConfiguration(embeddingDim: 4, rnnUnits: 9, vocabularySize: 7)
    private static let shape = Trainer.Shape(batchSize: 5, microBatchSize: 2, sequenceLength: 6)

    private func trainer(threads: Int = 1) throws -> Trainer {
        try Trainer(model: Self.model, shape: Self.shape, threads: threads)
    }

    private func batch(_ salt: UInt32, count: Int = 5, length: Int = 6) throws -> Batch {
        try Batch(
            (0..<count).map { testText(length + 1, vocabularySize: 7, salt: 100 * salt + UInt32($0)) })
    }

    private func allWeights(_ trainer: Trainer) -> [[Float]] {
        trainer.layout.tensors.compactMap { trainer.weights[$0.name] }
    }

    @Test func aStepEqualsThatOfTheReplica() throws {
        let trainer = try trainer(threads: 2)
        let replica = try Replica(
            Replica.Configuration(
                model: Self.model,
                rankBatch: RankBatch(batchSize: 5, microBatchSize: 2, sequenceLength: 6, microBatches: 0..<3),
                optimizer: Adam(), threads: 1))
        try replica.fillInitialValues(seed: 42)
        for step in 0..<3 {
            let batch = try batch(UInt32(step))
            let gradient = try trainer.gradient(of: batch)
            try replica.load(batch)
            try replica.computeGradient()
            #expect(gradient.loss == replica.loss)
            #expect(gradient.norm == (try replica.finishStep(learningRate: 1e-3)))
            try trainer.apply(gradient, learningRate: 1e-3)
        }
        #expect(trainer.step == 3)
        #expect(allWeights(trainer).flatMap(\.self) == Array(replica.parameters.elements))
    }

    @Test func gradientTensorsMatchTheNormAndTheWeightSizes() throws {
        let trainer = try trainer()
        let gradient = try trainer.gradient(of: try batch(1))
        var squares = 0.0
        for tensor in trainer.layout.tensors {
            let values = try #require(gradient[tensor.name])
            #expect(values.count == tensor.count && trainer.weights[tensor.name]?.count == tensor.count)
            squares += values.reduce(0) { $0 + Double($1) * Double($1) }
        }
        #expect(abs(squares.squareRoot() / gradient.norm - 1) < 1e-6)
        #expect(gradient["gru.bios"] == nil && trainer.weights["gru.bios"] == nil)
    }

    /// The element at a name and index equals the loss's derivative by that weight, by central
    /// differences.
    @Test(arguments: [
        "embedding.embeddings", "gru.kernel", "gru.recurrent_kernel", "gru.bias", "dense.kernel", "dense.bias",
    ])
    func gradientElementsMatchFiniteDifferencesOfTheLoss(name: String) throws {
        let trainer = try trainer()
        let batch = try batch(2)
        let gradient = try trainer.gradient(of: batch)
        let values = try #require(gradient[name])
        _ = consume gradient
        let index = try #require(values.indices.max { abs(values[$0]) < abs(values[$1]) })
        let tensor = try #require(trainer.layout.tensors.first { $0.name == name })
        func loss(at offset: Float) throws -> Double {
            let place = trainer.replica.parameters.pointer + tensor.offset + index
            let before = place.pointee
            defer { place.pointee = before }
            place.pointee += offset
            return Double(try trainer.gradient(of: batch).loss)
        }
        let slope = (try loss(at: 0.02) - loss(at: -0.02)) / 0.04
        #expect(isClose(Double(values[index]), slope, relative: 2e-2, absolute: 1e-4), "\(values[index]), \(slope)")
    }

    @Test func clippingByNormScalesEveryElement() throws {
        let trainer = try trainer()
        var gradient = try trainer.gradient(of: try batch(3))
        let plain = try #require(gradient["gru.kernel"])
        try gradient.clip(norm: gradient.norm / 4)
        let clipped = try #require(gradient["gru.kernel"])
        for (found, value) in zip(clipped, plain) { #expect(abs(found - value / 4) <= abs(value) * 1e-6) }
        try gradient.clip(norm: gradient.norm * 2)
        #expect(gradient["gru.kernel"] == plain)
    }

    @Test func clippingByValueLimitsEachElementAndNothingElse() throws {
        let trainer = try trainer()
        var gradient = try trainer.gradient(of: try batch(3))
        let loss = gradient.loss
        let names = trainer.layout.tensors.map(\.name)
        let plain = try names.map { try #require(gradient[$0]) }
        let largest = plain.joined().map(abs).max() ?? 0
        let limit = largest / 3
        try gradient.clip(value: Double(limit))
        for (name, values) in zip(names, plain) {
            #expect(gradient[name] == values.map { min(limit, max(-limit, $0)) }, "\(name)")
        }
        #expect(gradient.loss == loss && loss > limit && trainer.replica.loss == loss)
    }

    @Test func clippingByNormAfterClippingByValueUsesTheClippedNorm() throws {
        let trainer = try trainer()
        var gradient = try trainer.gradient(of: try batch(3))
        let names = trainer.layout.tensors.map(\.name)
        let largest = try names.flatMap { try #require(gradient[$0]) }.map(abs).max() ?? 0
        try gradient.clip(value: Double(largest) / 10)
        let clipped = try names.flatMap { try #require(gradient[$0]) }
        let length = clipped.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(length < 0.9 * gradient.norm)
        try gradient.clip(norm: length / 2)
        let halved = try names.flatMap { try #require(gradient[$0]) }
        for (found, value) in zip(halved, clipped) { #expect(abs(found - value / 2) <= abs(value) * 1e-6) }
    }

    @Test(arguments: [0, -1, Double.nan, .infinity, 1e-60])
    func impossibleLimitsAndRatesAreRejected(number: Double) throws {
        let trainer = try trainer()
        var gradient = try trainer.gradient(of: try batch(3))
        let plain = try #require(gradient["gru.kernel"])
        do {
            try gradient.clip(norm: number)
            Issue.record("clipped to a norm of \(number)")
        } catch { #expect((error as? DTrainError)?.category == .usage) }
        do {
            try gradient.clip(value: number)
            Issue.record("clipped to \(number)")
        } catch { #expect((error as? DTrainError)?.category == .usage) }
        #expect(gradient["gru.kernel"] == plain)
        guard !number.isFinite || number < 0 else { return }
        do {
            try trainer.apply(gradient, learningRate: number)
            Issue.record("applied with a rate of \(number)")
        } catch { #expect((error as? DTrainError)?.category == .usage) }
        #expect(trainer.step == 0)
    }

    @Test func aSecondGradientBeforeTheFirstIsUsedIsRejected() throws {
        let trainer = try trainer()
        let batch = try batch(4)
        do {
            let first = try trainer.gradient(of: batch)
            #expect(throws: DTrainError.self) { _ = try trainer.gradient(of: batch) }
            // After the error the first gradient is still usable.
            try trainer.apply(first, learningRate: 1e-3)
        }
        do { _ = try trainer.gradient(of: batch) }
        // A discarded gradient changes nothing and doesn't block the next one.
        _ = try trainer.gradient(of: batch)
        #expect(trainer.step == 1)
    }

    @Test func anotherTrainersGradientIsRejected() throws {
        let (own, other) = (try trainer(), try trainer())
        let before = allWeights(own)
        let gradient = try other.gradient(of: try batch(5))
        do {
            try own.apply(gradient, learningRate: 1e-3)
            Issue.record("another trainer's gradient was applied")
        } catch {
            #expect((error as? DTrainError)?.category == .usage)
        }
        #expect(allWeights(own) == before && own.step == 0)
        // The gradient was consumed, so the other trainer is ready for its next step.
        _ = try other.gradient(of: try batch(5))
    }

    @Test func batchesThatDoNotFitAreRejected() throws {
        let trainer = try trainer()
        #expect(throws: DTrainError.self) { _ = try trainer.gradient(of: try batch(6, count: 4)) }
        let outOfRange = try Batch([[UInt16]](repeating: [1, 2, 7], count: 5))
        #expect(throws: DTrainError.self) { _ = try trainer.gradient(of: outOfRange) }
        #expect(throws: DTrainError.self) { try Batch([]) }
        #expect(throws: DTrainError.self) { try Batch([[1], [2]]) }
        #expect(throws: DTrainError.self) { try Batch([[1, 2], [1, 2, 3]]) }
        // After each error the trainer is ready for a new step.
        try trainer.apply(try trainer.gradient(of: try batch(6)), learningRate: 1e-3)
    }

    /// A batch of longer sequences can't have more distinct characters than the trainer allocated
    /// memory for.
    @Test func tooManyDistinctCharactersAreRejected() throws {
        let model = ModelConfiguration(embeddingDim: 4, rnnUnits: 9, vocabularySize: 20)
        let trainer = try Trainer(
            model: model, shape: Trainer.Shape(batchSize: 2, microBatchSize: 1, sequenceLength: 3), threads: 1)
        let fitting = try Batch([[1, 3, 5, 1, 3, 5, 0], [9, 7, 19, 9, 7, 19, 0]])
        try trainer.apply(try trainer.gradient(of: fitting), learningRate: 1e-3)
        let error = try requireError(.usage) {
            _ = try trainer.gradient(of: Batch([[1, 3, 5, 1, 3, 5, 0], [9, 7, 19, 9, 7, 6, 0]]))
        }
        #expect(error.message.contains("more than 6 different characters"))
        try trainer.apply(try trainer.gradient(of: fitting), learningRate: 1e-3)
        #expect(trainer.step == 2)
    }

    @Test(arguments: [(0, 1, 1), (4, 5, 1), (4, 0, 1), (4, 2, 0)])
    func impossibleShapesAreRejected(batch: Int, microBatch: Int, length: Int) {
        let shape = Trainer.Shape(batchSize: batch, microBatchSize: microBatch, sequenceLength: length)
        #expect(throws: DTrainError.self) { try Trainer(model: Self.model, shape: shape, threads: 1) }
    }

    @Test func aNonFiniteGradientIsRejectedAndChangesNothing() throws {
        let trainer = try trainer()
        let weights = trainer.replica.parameters
        weights[trainer.layout.denseBias] = .infinity
        let before = bits(weights.elements)
        let gradient = try trainer.gradient(of: try batch(7))
        do {
            try trainer.apply(gradient, learningRate: 1e-3)
            Issue.record("a gradient that is not finite was applied")
        } catch {
            let error = try #require(error as? DTrainError)
            #expect(error.category == .badData && error.message.contains("the weights of dense.bias"))
        }
        #expect(bits(weights.elements) == before && trainer.step == 0)
    }

    /// A curriculum of growing sequences gives the weights of trainers created for each length.
    @Test func theSequenceLengthMayChangeBetweenSteps() throws {
        let growing = try trainer(threads: 2)
        var weights = bits(growing.replica.parameters.elements)
        var state = growing.replica.optimizerState
        for (step, length) in [6, 2, 9, 9, 1].enumerated() {
            let fresh = try Trainer(
                model: Self.model,
                shape: Trainer.Shape(batchSize: 5, microBatchSize: 2, sequenceLength: length), threads: 1)
            _ = fresh.replica.parameters.elements.update(from: weights.map { Float(bitPattern: $0) })
            for (slot, before) in zip(fresh.replica.optimizerState.slots, state.slots) {
                _ = slot.elements.update(from: before.elements)
            }
            fresh.replica.optimizerState.steps = step
            let batch = try batch(UInt32(10 + step), length: length)
            try growing.apply(try growing.gradient(of: batch), learningRate: 1e-3)
            try fresh.apply(try fresh.gradient(of: batch), learningRate: 1e-3)
            weights = bits(fresh.replica.parameters.elements)
            state = fresh.replica.optimizerState
            #expect(bits(growing.replica.parameters.elements) == weights, "length \(length)")
        }
    }
}
