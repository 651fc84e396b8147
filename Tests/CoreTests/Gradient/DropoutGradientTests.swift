import Testing

@testable import DTrainCore

/// Gradients with dropout and carried states against central differences of the naive loss with
/// the same masks and states.
@Suite struct DropoutGradientTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let cell: Cell
        let layers: Int
        let dropout: Dropout
        let continues: Bool
        static let (seed, step): (UInt64, Int) = (11, 6)

        var testDescription: String {
            "\(layers) × \(cell), inputs \(dropout.inputs), recurrent \(dropout.recurrent)\(continues ? ", continued" : "")"
        }
        var model: ModelConfiguration {
            ModelConfiguration(cell: cell, layers: layers, embeddingDim: 3, rnnUnits: 7, vocabularySize: 5)
        }
        var layout: ParameterLayout { ParameterLayout(model) }
        var values: [Float] { testNumbers(layout.count, limit: 0.6) }
        var batch: Batch {
            get throws { try Batch(sequences, continues: continues) }
        }
        var sequences: [[UInt16]] { (0..<3).map { testText(5, vocabularySize: 5, salt: UInt32($0)) } }

        /// A carried state of a sequence.
        func state(_ sequence: Int, layer: Int, memory: Bool) -> [Float] {
            testNumbers(7, limit: 0.8, salt: UInt32(100 + 10 * sequence + 2 * layer + (memory ? 1 : 0)))
        }

        func replica() throws -> Replica {
            let replica = try Replica(
                Replica.Configuration(
                    model: model,
                    rankBatch: RankBatch(batchSize: 3, microBatchSize: 2, sequenceLength: 4, microBatches: 0..<2),
                    optimizer: Adam(), threads: 2, isStateful: continues, seed: Self.seed))
            _ = replica.parameters.elements.update(from: values)
            replica.optimizerState.steps = Self.step
            guard let states = replica.states else { return replica }
            for (index, layer) in states.layers.enumerated() {
                for row in 0..<3 {
                    (layer.hidden.pointer + 7 * row).update(from: state(row, layer: index, memory: false), count: 7)
                    guard layer.memory.count > 0 else { continue }
                    (layer.memory.pointer + 7 * row).update(from: state(row, layer: index, memory: true), count: 7)
                }
            }
            return replica
        }

        private func dropoutFactors(_ layer: Int, kind: UInt32, _ rate: Double, sequence: Int, time: Int) -> [Double] {
            let threshold = (rate * 65536).rounded()
            let key = CounterRandom(seed: Self.seed, purpose: .dropout).words(
                UInt64(Self.step), UInt32(2 * layer) + kind)
            return (0..<7).map {
                DropoutMaskTests.isKept(
                    key: key, sequence: sequence, time: time, unit: $0, threshold: UInt32(threshold))
                    ? 65536 / (65536 - threshold) : 0
            }
        }

        func meanLoss(_ reference: ReferenceModel) -> Double {
            let losses = sequences.enumerated().flatMap { sequence, ids in
                let start = ReferenceModel.State(
                    hidden: (0..<layers).map { state(sequence, layer: $0, memory: false).map(Double.init) },
                    cell: (0..<layers).map { state(sequence, layer: $0, memory: true).map(Double.init) })
                let factors = ReferenceModel.Factors(
                    outputs: (0..<layers).map { layer in
                        (0..<4).map { dropoutFactors(layer, kind: 0, dropout.inputs, sequence: sequence, time: $0) }
                    },
                    recurrent: (0..<layers).map {
                        dropoutFactors($0, kind: 1, dropout.recurrent, sequence: sequence, time: 0)
                    })
                return reference.losses(ids, from: continues ? start : nil, factors)
            }
            return losses.reduce(0, +) / Double(losses.count)
        }
    }

    static let dropouts = [
        Dropout.none, Dropout(inputs: 0.4), Dropout(recurrent: 0.3), Dropout(inputs: 0.2, recurrent: 0.45),
    ]
    static let cases = Cell.allCases.flatMap { cell in
        [1, 2].flatMap { layers in
            dropouts.flatMap { dropout in
                [false, true].map { Case(cell: cell, layers: layers, dropout: dropout, continues: $0) }
            }
        }
    }

    @Test(arguments: cases)
    func everyGradientMatchesCentralDifferences(_ test: Case) throws {
        let (reference, replica) = (ReferenceModel(test.layout, test.values), try test.replica())
        try replica.load(test.batch, dropout: test.dropout)
        try replica.computeGradient()
        #expect(isClose(Double(replica.loss), test.meanLoss(reference), relative: 1e-6, absolute: 1e-6))
        _ = try replica.completeGradient()
        let gradient = replica.gradient.flat()
        for tensor in test.layout.tensors {
            var largest = 0.0
            for index in tensor.offset..<tensor.offset + tensor.count {
                let step = 1e-5
                var (above, below) = (reference, reference)
                above.parameters[index] += step
                below.parameters[index] -= step
                let expected = (test.meanLoss(above) - test.meanLoss(below)) / (2 * step)
                largest = max(largest, abs(expected))
                #expect(
                    isClose(Double(gradient[index]), expected, relative: 1e-4, absolute: 1e-7),
                    "\(tensor.name)[\(index - tensor.offset)]: \(gradient[index]), central difference \(expected)")
            }
            #expect(largest > 1e-5, "\(tensor.name): all central differences are almost zero")
        }
    }

    /// Recomputed panels of d(loss)/d(logits) also use the dropped outputs.
    @Test(arguments: layouts)
    func recomputedLogitsGiveTheBitsOfKeptOnes(_ test: Layout) throws {
        let gradients = try [Tape.LogitsGradient.kept, .recomputed].map { logits in
            let replica = try test.replica(0..<4, threads: 2, logits: logits)
            try replica.load(test.batch(0), dropout: test.dropout)
            try replica.computeGradient()
            return bits(replica.gradient.flat()[replica.gradient.layout.summed])
        }
        #expect(differences(gradients[0], gradients[1]) == 0)
    }

    /// A model with dropout and carried states, trained with different threads, teams and ranks.
    struct Layout: Sendable, CustomTestStringConvertible {
        let cell: Cell
        let units: Int
        let arithmetic: Arithmetic
        let dropout: Dropout
        var testDescription: String { "2 × \(cell) H=\(units), \(arithmetic.rawValue), \(dropout)" }

        func replica(
            _ run: Range<Int>, threads: Int, members: Int? = nil, ranks: Int = 1, logits: Tape.LogitsGradient? = nil
        ) throws -> Replica {
            var configuration =
                Replica.Configuration(
                    model: ModelConfiguration(
                        cell: cell, layers: 2, embeddingDim: 6, rnnUnits: units, vocabularySize: 11),
                    rankBatch: RankBatch(batchSize: 7, microBatchSize: 2, sequenceLength: 5, microBatches: run),
                    optimizer: Adam(), arithmetic: arithmetic, threads: threads, members: members, isStateful: true,
                    seed: 3, ranks: ranks)
            configuration.logits = logits
            let replica = try Replica(configuration)
            _ = replica.parameters.elements.update(from: testNumbers(replica.layout.count, limit: 0.3))
            return replica
        }

        func batch(_ step: Int) throws -> Batch {
            try Batch(
                (0..<7).map { testText(6, vocabularySize: 11, salt: UInt32(100 * step + $0)) }, continues: step > 0)
        }
    }

    static let layouts = [Arithmetic.fp32, .roundedBF16, .tiledBF16].flatMap { arithmetic in
        [
            Layout(cell: .gru, units: 48, arithmetic: arithmetic, dropout: Dropout(inputs: 0.3, recurrent: 0.2)),
            Layout(cell: .lstm, units: 160, arithmetic: arithmetic, dropout: Dropout(inputs: 0.3)),
            Layout(cell: .simpleRNN, units: 33, arithmetic: arithmetic, dropout: Dropout(recurrent: 0.3)),
        ]
    }

    @Test(arguments: layouts)
    func threadsAndTeamsDoNotChangeTheBits(_ test: Layout) throws {
        func train(threads: Int, members: Int?) throws -> [[UInt32]] {
            let replica = try test.replica(0..<4, threads: threads, members: members)
            for step in 0..<3 {
                try replica.load(test.batch(step), dropout: test.dropout)
                try replica.computeGradient()
                try replica.finishStep(learningRate: 0.01)
            }
            let states = try #require(replica.states)
            return [bits(replica.parameters.elements)] + states.layers.map { bits($0.hidden.elements) }
        }
        let expected = try train(threads: 1, members: nil)
        #expect(differences(expected[0], bits(testNumbers(expected[0].count, limit: 0.3))) > 0)
        let teams = test.units.isMultiple(of: 16) ? [(2, 2), (3, 3), (4, 2), (6, 3)] : []
        for (threads, members) in [(2, 1), (5, 1)] + teams {
            let found = try train(threads: threads, members: members)
            for index in expected.indices {
                #expect(differences(found[index], expected[index]) == 0, "\(index) with \(threads) by \(members)")
            }
        }
    }

    @Test(arguments: layouts)
    func ranksDoNotChangeTheBits(_ test: Layout) throws {
        /// The root of the gradient's nodes of all ranks, which start from the given states.
        func nodes(_ runs: [Range<Int>], from states: CarriedStates) throws -> [UInt32] {
            var nodes: [[Float]] = []
            for run in runs {
                let replica = try test.replica(run, threads: 1, ranks: runs.count)
                let first = replica.configuration.rankBatch.sequences.lowerBound
                for (own, all) in zip(replica.states?.layers ?? [], states.layers) {
                    own.hidden.pointer.update(
                        from: all.hidden.pointer + first * test.units, count: own.hidden.count)
                    guard own.memory.count > 0 else { continue }
                    own.memory.pointer.update(
                        from: all.memory.pointer + first * test.units, count: own.memory.count)
                }
                try replica.load(test.batch(1), dropout: test.dropout)
                try replica.computeGradient()
                let count = replica.tree.canonicalNodes(of: run).count
                nodes += (0..<count).map {
                    replica.gradient.blocks.wireOrder(node: $0, of: count, from: replica.gradient.sums.pointer)
                }
            }
            let plan = ReductionTree(leafCount: 4).mergePlan(of: runs)
            for addition in plan.additions {
                nodes[addition.target] = zip(nodes[addition.target], nodes[addition.source]).map { $0 + $1 }
            }
            return bits(nodes[plan.merged[0].buffer])
        }
        let whole = try test.replica(0..<4, threads: 2)
        try whole.load(test.batch(0), dropout: test.dropout)
        try whole.computeGradient()
        try whole.finishStep(learningRate: 0)
        let states = try #require(whole.states)
        let expected = try nodes([0..<4], from: states)
        for runs in [[0..<2, 2..<4], [0..<1, 1..<4], [0..<3, 3..<4]] {
            #expect(differences(try nodes(runs, from: states), expected) == 0, "\(runs)")
        }
    }
}
