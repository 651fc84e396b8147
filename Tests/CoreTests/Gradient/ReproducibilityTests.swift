import Testing

@testable import DTrainCore

/// Trainings have the same bits with any number of threads and ranks.
@Suite struct ReproducibilityTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let cell: Cell
        let layers: Int
        let units: Int
        let batchSize: Int
        let microBatchSize: Int
        var precision = Precision.fp32
        /// The arithmetic; nil for this CPU's best.
        var arithmetic: Arithmetic?
        var vocabularySize = 11
        /// Whether each sequence has only a few characters and shares one with the next.
        var isSparse = false
        var logits: Tape.LogitsGradient?
        let sequenceLength = 5

        var testDescription: String {
            "\(layers) × \(cell) H=\(units), batch \(batchSize) by \(microBatchSize), "
                + "\(arithmetic?.rawValue ?? precision.rawValue) V=\(vocabularySize)"
        }

        /// A copy with products of bf16 tiles, which any CPU can emulate.
        var inTiles: Case {
            var other = inBF16
            other.arithmetic = .tiledBF16
            return other
        }

        /// A copy with bf16 products.
        var inBF16: Case {
            var other = self
            other.precision = .bf16
            return other
        }

        var model: ModelConfiguration {
            ModelConfiguration(
                cell: cell, layers: layers, embeddingDim: 6, rnnUnits: units, vocabularySize: vocabularySize)
        }
        var microBatches: Int { RankBatch.microBatchCount(batchSize: batchSize, microBatchSize: microBatchSize) }

        func replica(
            _ microBatches: Range<Int>, threads: Int, members: Int? = nil, ranks: Int = 1,
            optimizer: any Optimizer = Adam()
        ) throws -> Replica {
            let rankBatch = RankBatch(
                batchSize: batchSize, microBatchSize: microBatchSize, sequenceLength: sequenceLength,
                microBatches: microBatches)
            var configuration = try Replica.Configuration(
                model: model, rankBatch: rankBatch, optimizer: optimizer,
                arithmetic: arithmetic ?? .best(for: precision),
                threads: threads, members: members, ranks: ranks)
            configuration.logits = logits
            let replica = try Replica(configuration)
            _ = replica.parameters.elements.update(from: testNumbers(replica.layout.count, limit: 0.3))
            return replica
        }

        /// A step's sequences, different in every step.
        func reader(step: Int) -> @Sendable (Int, UnsafeMutablePointer<UInt16>) -> Void {
            let (count, vocabularySize, isSparse) = (sequenceLength + 1, vocabularySize, isSparse)
            return { sequence, ids in
                let characters = isSparse ? 4 : vocabularySize
                let text = testText(count, vocabularySize: characters, salt: UInt32(100 * step + sequence))
                let first = isSparse ? 7 * step + 3 * sequence : 0
                ids.update(from: text.map { UInt16((Int($0) + first) % vocabularySize) }, count: count)
            }
        }
    }

    static let cases = [
        Case(cell: .gru, layers: 1, units: 7, batchSize: 7, microBatchSize: 2),
        Case(cell: .gru, layers: 2, units: 130, batchSize: 7, microBatchSize: 2),
        Case(cell: .lstm, layers: 1, units: 7, batchSize: 7, microBatchSize: 2),
        Case(cell: .lstm, layers: 2, units: 130, batchSize: 7, microBatchSize: 2),
        Case(cell: .gru, layers: 1, units: 64, batchSize: 32, microBatchSize: 3),
        Case(cell: .lstm, layers: 1, units: 33, batchSize: 5, microBatchSize: 1),
        Case(cell: .simpleRNN, layers: 1, units: 7, batchSize: 5, microBatchSize: 2),
        // More characters than tokens, and fewer.
        Case(cell: .gru, layers: 1, units: 130, batchSize: 7, microBatchSize: 1, vocabularySize: 97, isSparse: true),
        Case(cell: .lstm, layers: 2, units: 7, batchSize: 7, microBatchSize: 2, vocabularySize: 30, isSparse: true),
        Case(cell: .simpleRNN, layers: 2, units: 130, batchSize: 7, microBatchSize: 2),
    ]

    /// Losses, parameters and moments after three steps.
    private func train(_ test: Case, threads: Int, members: Int? = nil) throws -> [[UInt32]] {
        let replica = try test.replica(0..<test.microBatches, threads: threads, members: members)
        if let members { try #require(replica.grid.members == members) }
        var losses: [Float] = []
        for step in 0..<3 {
            try replica.computeGradient(test.reader(step: step))
            losses.append(replica.loss)
            try replica.finishStep(learningRate: 0.01)
        }
        let buffers = [replica.parameters] + replica.optimizerState.slots
        return [bits(losses)] + buffers.map { bits($0.elements) }
    }

    @Test(arguments: cases)
    func threadsDoNotChangeTheBits(_ test: Case) throws { try compareThreads(test) }

    @Test(arguments: cases.map(\.inBF16))
    func threadsDoNotChangeTheBitsInBF16(_ test: Case) throws { try compareThreads(test) }

    private func compareThreads(_ test: Case) throws {
        let expected = try train(test, threads: 1)
        #expect(differences(expected[1], bits(testNumbers(expected[1].count, limit: 0.3))) > 0)
        for threads in [2, 3, 5, 9] {
            let found = try train(test, threads: threads)
            for (index, name) in ["losses", "parameters", "first moments", "second moments"].enumerated() {
                #expect(differences(found[index], expected[index]) == 0, "\(name) with \(threads) threads")
            }
        }
    }

    static let divisible = [
        Case(cell: .gru, layers: 2, units: 48, batchSize: 7, microBatchSize: 2),
        Case(cell: .lstm, layers: 2, units: 160, batchSize: 13, microBatchSize: 3),
        Case(cell: .simpleRNN, layers: 1, units: 192, batchSize: 3, microBatchSize: 2),
        Case(cell: .gru, layers: 1, units: 320, batchSize: 16, microBatchSize: 8),
    ]

    /// Divisions into teams and members with odd numbers of vectors, shared panels and one row per
    /// team.
    @Test(arguments: divisible + divisible.map(\.inBF16) + divisible.prefix(2).map(\.inTiles))
    func teamsDoNotChangeTheBits(_ test: Case) throws {
        let expected = try train(test, threads: 1)
        for (threads, members) in [(2, 2), (3, 3), (4, 2), (6, 3), (2, 1)] {
            let found = try train(test, threads: threads, members: members)
            for (index, name) in ["losses", "parameters", "first moments", "second moments"].enumerated() {
                #expect(
                    differences(found[index], expected[index]) == 0, "\(name) with \(threads) threads by \(members)")
            }
        }
    }

    /// The gradient of several ranks, one run of micro-batches each, summed along the tree.
    private func summedGradient(_ test: Case, runs: [Range<Int>]) throws -> [UInt32] {
        var nodes: [[Float]] = []
        for (rank, run) in runs.enumerated() {
            let replica = try test.replica(run, threads: rank % 2 + 1, ranks: runs.count)
            try replica.computeGradient(test.reader(step: 0))
            let count = replica.tree.canonicalNodes(of: run).count
            for node in 0..<count {
                nodes.append(
                    replica.gradient.blocks.wireOrder(node: node, of: count, from: replica.gradient.sums.pointer))
            }
        }
        let plan = ReductionTree(leafCount: test.microBatches).mergePlan(of: runs)
        try #require(plan.nodes.count == nodes.count)
        for addition in plan.additions {
            nodes[addition.target] = zip(nodes[addition.target], nodes[addition.source]).map { $0 + $1 }
        }
        try #require(plan.merged.count == 1)
        return bits(nodes[plan.merged[0].buffer])
    }

    @Test(arguments: cases)
    func ranksDoNotChangeTheBits(_ test: Case) throws { try compareRanks(test) }

    @Test(arguments: cases.map(\.inBF16))
    func ranksDoNotChangeTheBitsInBF16(_ test: Case) throws { try compareRanks(test) }

    private func compareRanks(_ test: Case) throws {
        let single = try test.replica(0..<test.microBatches, threads: 1)
        try single.computeGradient(test.reader(step: 0))
        let expected = bits(single.gradient.sums.elements)
        for ranks in [1, 2, 3, 4, test.microBatches + 1] {
            let runs = Partition.balanced(count: test.microBatches, parts: ranks)
            #expect(differences(try summedGradient(test, runs: runs), expected) == 0, "\(ranks) ranks")
        }
        let uneven = [0..<1, 1..<test.microBatches]
        #expect(differences(try summedGradient(test, runs: uneven), expected) == 0)
    }

    /// Two of three micro-batches, in one node or two, of a model with several gradient blocks.
    @Test(arguments: [1, 3], [0..<2, 1..<3])
    func finishedBlocksDoNotChange(threads: Int, run: Range<Int>) throws {
        let test = Case(cell: .gru, layers: 1, units: 512, batchSize: 3, microBatchSize: 1)
        let replica = try test.replica(run, threads: threads, ranks: 2)
        let blocks = replica.gradient.blocks
        #expect(blocks.blockCount > 2 && blocks.count == replica.gradient.layout.summed.count)
        func checksum(_ block: Int) -> String {
            let (elements, nodes) = (blocks.elements(of: block), replica.gradient.nodeCount)
            let all = nodes * elements.lowerBound..<nodes * elements.upperBound
            let sums = UnsafeMutableBufferPointer(rebasing: replica.gradient.sums.elements[all])
            return Checksum.hexadecimal(of: UnsafeRawBufferPointer(sums))
        }
        var seen: [String] = []
        var counts: [Int] = []
        // The second step must not count finished blocks of the first.
        for step in 0..<2 {
            (seen, counts) = ([], [])
            try replica.computeGradient(test.reader(step: step)) { finished in
                counts.append(finished)
                while seen.count < finished { seen.append(checksum(seen.count)) }
            }
        }
        #expect(counts == counts.sorted())
        // Other workers may finish blocks before the first worker checks.
        if threads == 1 { #expect(counts.first == 0 && seen.count == blocks.blockCount - 1) }
        #expect(seen == seen.indices.map(checksum))
    }

    @Test func aRankWithoutMicroBatchesTakesTheSameStep() throws {
        let test = Case(cell: .gru, layers: 1, units: 7, batchSize: 4, microBatchSize: 2)
        let (single, idle) = (try test.replica(0..<2, threads: 1), try test.replica(2..<2, threads: 2))
        try single.computeGradient(test.reader(step: 0))
        try idle.computeGradient(test.reader(step: 0))
        _ = idle.gradient.sums.elements.update(from: single.gradient.sums.elements)
        try single.finishStep(learningRate: 0.01)
        try idle.finishStep(learningRate: 0.01)
        #expect(differences(bits(idle.parameters.elements), bits(single.parameters.elements)) == 0)
        #expect(idle.loss == single.loss)
    }
}
