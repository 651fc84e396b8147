import Testing

@testable import DTrainCore

/// Consecutive batches with carried states, and losses of held-out sequences.
@Suite struct StatefulTests {
    static let models = Cell.allCases.flatMap { cell in
        [1, 2].map {
            ModelConfiguration(cell: cell, layers: $0, embeddingDim: 4, rnnUnits: 9, vocabularySize: 7)
        }
    }

    private func trainer(
        _ model: ModelConfiguration, batch: Int = 5, length: Int = 6, stateful: Bool = true,
        precision: Precision = .fp32
    ) throws -> Trainer {
        let trainer = try Trainer(
            model: model, shape: Trainer.Shape(batchSize: batch, microBatchSize: min(2, batch), sequenceLength: length),
            precision: precision, threads: 2, stateful: stateful)
        _ = trainer.replica.parameters.elements.update(from: testNumbers(trainer.layout.count, limit: 0.6))
        return trainer
    }

    /// A batch of five texts from a position on.
    private func batch(from first: Int = 0, length: Int = 6, continues: Bool = false) throws -> Batch {
        try Batch(
            (0..<5).map { Array(testText(40, vocabularySize: 7, salt: UInt32($0))[first...first + length]) },
            continues: continues)
    }

    private func stateBits(_ states: CarriedStates?) -> [[UInt32]] {
        (states?.layers ?? []).flatMap { [bits($0.hidden.elements), bits($0.memory.elements)] }
    }

    @Test(arguments: models)
    func twoContinuedWindowsEqualOneOfTwiceTheLength(_ model: ModelConfiguration) throws {
        let (long, short) = (try trainer(model, length: 12), try trainer(model))
        let whole = try long.gradient(of: batch(length: 12))
        let expected = whole.loss
        try long.apply(whole, learningRate: 0)
        let first = try short.gradient(of: batch())
        var found = first.loss
        try short.apply(first, learningRate: 0)
        let second = try short.gradient(of: batch(from: 6, continues: true))
        let secondLoss = second.loss
        found += secondLoss
        try short.apply(second, learningRate: 0)
        #expect(isClose(Double(found / 2), Double(expected), relative: 1e-6, absolute: 0))
        #expect(stateBits(short.replica.states) == stateBits(long.replica.states))
        // Without the carried state the second window's loss differs.
        #expect(try short.gradient(of: batch(from: 6)).loss != secondLoss)
    }

    @Test func statesAdvanceOnlyWithAppliedBatches() throws {
        let trainer = try trainer(Self.models[3])
        try trainer.apply(try trainer.gradient(of: batch()), learningRate: 1e-3)
        let states = stateBits(trainer.replica.states)
        #expect(states.joined().contains { $0 != 0 })
        let once = try trainer.gradient(of: batch(from: 6, continues: true)).loss
        #expect(stateBits(trainer.replica.states) == states)
        #expect(try trainer.gradient(of: batch(from: 6, continues: true)).loss == once)
        // Without the carried state the loss differs.
        #expect(try trainer.gradient(of: batch(from: 6)).loss != once)
        try trainer.apply(try trainer.gradient(of: batch(from: 6, continues: true)), learningRate: 1e-3)
        #expect(stateBits(trainer.replica.states) != states)
        trainer.replica.states?.reset()
        #expect(!stateBits(trainer.replica.states).joined().contains { $0 != 0 })
    }

    /// A batch that resets the state has the gradient of a new trainer.
    @Test(arguments: models)
    func aBatchThatDoesNotContinueStartsFromZeroStates(_ model: ModelConfiguration) throws {
        let (trainer, fresh) = (try trainer(model), try trainer(model))
        try trainer.apply(try trainer.gradient(of: batch()), learningRate: 0)
        try trainer.apply(try trainer.gradient(of: batch(from: 6, continues: true)), learningRate: 0)
        let found = try trainer.gradient(of: batch(from: 12))
        let expected = try fresh.gradient(of: batch(from: 12))
        for tensor in trainer.layout.tensors {
            #expect(bits(found[tensor.name] ?? []) == bits(expected[tensor.name] ?? [.nan]))
        }
    }

    /// In float32 zero states add nothing, so a stateful trainer has the same bits as a stateless
    /// one.
    @Test(arguments: models)
    func withoutContinuingBatchesStatefulAndStatelessBitsAreEqual(_ model: ModelConfiguration) throws {
        let (found, expected) = (try trainer(model), try trainer(model, stateful: false))
        #expect(expected.replica.states == nil)
        for step in 0..<2 {
            try found.apply(try found.gradient(of: batch(from: step)), learningRate: 1e-3)
            try expected.apply(try expected.gradient(of: batch(from: step)), learningRate: 1e-3)
        }
        #expect(bits(found.replica.parameters.elements) == bits(expected.replica.parameters.elements))
    }

    @Test func invalidBatchesAndDropoutsAreRejected() throws {
        let trainer = try trainer(Self.models[0], stateful: false)
        let error = try requireError(.usage) { _ = try trainer.gradient(of: batch(continues: true)) }
        #expect(error.message.contains("stateful"))
        _ = try requireError(.usage) { _ = try trainer.sequenceLosses(of: batch(continues: true)) { _ in 6 } }
        for dropout in [Dropout(inputs: 1), Dropout(inputs: -0.1), Dropout(recurrent: 1), Dropout(recurrent: .nan)] {
            _ = try requireError(.usage) { _ = try trainer.gradient(of: batch(), dropout: dropout) }
        }
        let gradient = try trainer.gradient(of: batch())
        _ = try requireError(.usage) { _ = try trainer.sequenceLosses(of: batch()) { _ in 6 } }
        try trainer.apply(gradient, learningRate: 1e-3)
    }

    @Test(arguments: models)
    func zeroDropoutKeepsTheBitsAndMasksDependOnTheStep(_ model: ModelConfiguration) throws {
        let trainer = try trainer(model)
        let (expected, zero) = (
            try trainer.gradient(of: batch())["dense.kernel"],
            try trainer.gradient(of: batch(), dropout: Dropout(inputs: 0, recurrent: 0))["dense.kernel"]
        )
        #expect(bits(zero ?? []) == bits(expected ?? [.nan]))
        let dropped = try trainer.gradient(of: batch(), dropout: Dropout(inputs: 0.1))["dense.kernel"]
        #expect(dropped != expected)
        // Masks depend on the step.
        #expect(try trainer.gradient(of: batch(), dropout: Dropout(inputs: 0.1))["dense.kernel"] == dropped)
        try trainer.apply(try trainer.gradient(of: batch()), learningRate: 0)
        #expect(try trainer.gradient(of: batch(), dropout: Dropout(inputs: 0.1))["dense.kernel"] != dropped)
    }

    @Test(arguments: models, [Precision.fp32, .bf16])
    func heldOutLossesEqualThoseOfTraining(_ model: ModelConfiguration, _ precision: Precision) throws {
        let trainer = try trainer(model, precision: precision)
        try trainer.apply(try trainer.gradient(of: batch()), learningRate: 1e-3)
        let losses = try trainer.sequenceLosses(of: batch(from: 6)) { _ in 6 }
        let expected = try trainer.gradient(of: batch(from: 6)).loss
        #expect(losses.count == 5)
        #expect(isClose(losses.reduce(0, +) / 30, Double(expected), relative: 1e-6, absolute: 0))
        // Dropout of other steps has no effect.
        _ = try trainer.gradient(of: batch(from: 6), dropout: Dropout(inputs: 0.5, recurrent: 0.5))
        #expect(try trainer.sequenceLosses(of: batch(from: 6)) { _ in 6 } == losses)
    }

    @Test(arguments: models)
    func heldOutLossesEqualThoseOfTheEvaluator(_ model: ModelConfiguration) throws {
        let trainer = try trainer(model, batch: 1)
        let text = testText(7, vocabularySize: 7, salt: 5)
        let losses = try trainer.sequenceLosses(of: try Batch([text])) { _ in 6 }
        let evaluator = try Evaluator(
            layout: trainer.layout, parameters: trainer.replica.parameters, sequenceLength: 6, threads: 1)
        let result = try evaluator.evaluate(characters: 7) { first, count, ids in
            for index in 0..<count { ids[index] = text[first + index] }
        }
        #expect(losses.map { $0 / 6 } == [result.loss])
    }

    @Test(arguments: models)
    func heldOutStreamsContinueAndSumTheCountedTokens(_ model: ModelConfiguration) throws {
        let trainer = try trainer(model)
        let states = try CarriedStates(trainer.replica)
        let whole = try trainer.sequenceLosses(of: batch(length: 12)) { _ in 12 }
        let first = try trainer.sequenceLosses(of: batch(), counted: { _ in 6 }, states: states)
        let second = try trainer.sequenceLosses(
            of: batch(from: 6, continues: true), counted: { _ in 6 }, states: states)
        for row in 0..<5 { #expect(isClose(first[row] + second[row], whole[row], relative: 1e-14, absolute: 0)) }
        // The first i tokens of sequence i.
        let part = try trainer.sequenceLosses(of: batch(length: 12)) { $0 }
        let reference = ReferenceModel(trainer.layout, Array(trainer.replica.parameters.elements))
        for row in 0..<5 {
            let text = Array(testText(40, vocabularySize: 7, salt: UInt32(row))[...12])
            let expected = reference.losses(text).prefix(row).reduce(0, +)
            #expect(isClose(part[row], expected, relative: 1e-5, absolute: 0))
        }
        #expect(!stateBits(trainer.replica.states).joined().contains { $0 != 0 })
    }

    @Test(arguments: [Dropout.none, Dropout(inputs: 0.3, recurrent: 0.3)])
    func heldOutLossesDoNotChangeTheTraining(_ dropout: Dropout) throws {
        func train(validating: Bool) throws -> [[UInt32]] {
            let trainer = try trainer(Self.models[3])
            let states = try CarriedStates(trainer.replica)
            for step in 0..<3 {
                try trainer.apply(
                    try trainer.gradient(of: batch(from: 6 * step, continues: step > 0), dropout: dropout),
                    learningRate: 1e-2)
                guard validating else { continue }
                // The same length, then a different one, which reallocates training's memory.
                for length in [6, step + 2] {
                    _ = try trainer.sequenceLosses(
                        of: batch(from: 20, length: length, continues: step > 0), counted: { _ in 6 }, states: states)
                }
            }
            return [bits(trainer.replica.parameters.elements)] + stateBits(trainer.replica.states)
        }
        #expect(try train(validating: true) == train(validating: false))
    }

    @Test func aRankWithoutRowsHasNoLosses() throws {
        let replica = try Replica(
            Replica.Configuration(
                model: Self.models[0],
                rankBatch: RankBatch(batchSize: 5, microBatchSize: 2, sequenceLength: 6, microBatches: 3..<3),
                optimizer: Adam(), threads: 1, isStateful: true))
        #expect(try replica.sequenceLosses(of: batch(), counted: { _ in 6 }, states: replica.states).isEmpty)
    }
}
