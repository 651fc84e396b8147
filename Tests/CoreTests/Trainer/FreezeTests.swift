import Testing

@testable import DTrainCore

/// Frozen layers.
@Suite struct FreezeTests {
    private static let shape = Trainer.Shape(batchSize: 5, microBatchSize: 2, sequenceLength: 6)

    private func trainer(
        _ cell: Cell = .gru, layers: Int = 2, optimizer: any Optimizer = AdamW(weightDecay: 0.5), threads: Int = 1
    ) throws -> Trainer {
        try Trainer(
            model: ModelConfiguration(cell: cell, layers: layers, embeddingDim: 4, rnnUnits: 9, vocabularySize: 7),
            shape: Self.shape, optimizer: optimizer, threads: threads)
    }

    private func batch(_ salt: UInt32) throws -> Batch {
        try Batch((0..<5).map { testText(7, vocabularySize: 7, salt: 100 * salt + UInt32($0)) })
    }

    private func step(_ trainer: Trainer, _ salt: UInt32, clipNorm: Double? = nil, clipValue: Double? = nil) throws {
        var gradient = try trainer.gradient(of: try batch(salt))
        if let clipNorm { try gradient.clip(norm: clipNorm) }
        if let clipValue { try gradient.clip(value: clipValue) }
        try trainer.apply(gradient, learningRate: 0.01)
    }

    /// The bits of a tensor's weights and of its slots.
    private func bits(_ trainer: Trainer, _ tensor: ParameterLayout.Tensor) -> [[UInt32]] {
        ([trainer.replica.parameters] + trainer.replica.optimizerState.slots).map { buffer in
            buffer.elements[tensor.offset..<tensor.offset + tensor.count].map(\.bitPattern)
        }
    }

    private static let choices: [(frozen: FrozenLayers, prefixes: [String])] = [
        (["embedding"], ["embedding."]), (["gru"], ["gru.", "gru_1."]), (["gru_0"], ["gru."]),
        (["gru_1"], ["gru_1."]), (["dense"], ["dense."]), (["embedding", "gru"], ["embedding.", "gru.", "gru_1."]),
        (["gru_0", "dense"], ["gru.", "dense."]),
    ]

    @Test(arguments: choices.indices)
    func frozenLayersKeepTheirBitsAndOthersChange(choice: Int) throws {
        let (frozen, prefixes) = Self.choices[choice]
        let trainer = try trainer()
        // Nonzero slots must also stay unchanged.
        try step(trainer, 0)
        try trainer.freeze(frozen)
        let before = trainer.layout.tensors.map { bits(trainer, $0) }
        for salt in 1..<4 as Range<UInt32> { try step(trainer, salt, clipNorm: 0.1, clipValue: 0.05) }
        for (tensor, old) in zip(trainer.layout.tensors, before) {
            let isFrozen = prefixes.contains { tensor.name.hasPrefix($0) }
            #expect((bits(trainer, tensor) == old) == isFrozen, "\(tensor.name)")
        }
        #expect(trainer.frozen == frozen && trainer.step == 4)
    }

    @Test(arguments: choices.indices)
    func theNormExcludesFrozenLayers(choice: Int) throws {
        let (frozen, prefixes) = Self.choices[choice]
        let trainer = try trainer()
        try trainer.freeze(frozen)
        let gradient = try trainer.gradient(of: try batch(1))
        var squares = 0.0
        for tensor in trainer.layout.tensors where !prefixes.contains(where: { tensor.name.hasPrefix($0) }) {
            let values = try #require(gradient[tensor.name])
            squares += values.reduce(0) { $0 + Double($1) * Double($1) }
        }
        #expect(abs(squares.squareRoot() / gradient.norm - 1) < 1e-12)
    }

    /// Freezing doesn't change the other layers' gradients, so their first Adam step is the same.
    @Test func freezingDoesNotChangeTheFirstStepOfOtherLayers() throws {
        let (all, part) = (try trainer(optimizer: Adam()), try trainer(optimizer: Adam()))
        try part.freeze(["gru_1", "embedding"])
        try step(all, 1)
        try step(part, 1)
        for tensor in all.layout.tensors where tensor.name.hasPrefix("gru.") || tensor.name.hasPrefix("dense.") {
            #expect(bits(all, tensor) == bits(part, tensor), "\(tensor.name)")
        }
    }

    @Test func theNumberOfThreadsDoesNotChangeTheBits() throws {
        let trainers = try [1, 2, 3].map { try trainer(threads: $0) }
        for trainer in trainers {
            try trainer.freeze(["gru_0"])
            for salt in 0..<3 as Range<UInt32> { try step(trainer, salt, clipNorm: 0.01) }
        }
        for tensor in trainers[0].layout.tensors {
            #expect(trainers.allSatisfy { bits($0, tensor) == bits(trainers[0], tensor) }, "\(tensor.name)")
        }
    }

    @Test func unfreezingRestoresTheBitsOfNormalTraining() throws {
        let (plain, thawed) = (try trainer(), try trainer())
        try thawed.freeze(["gru"])
        try thawed.freeze(.none)
        for trainer in [plain, thawed] { try step(trainer, 1, clipNorm: 0.01) }
        for tensor in plain.layout.tensors { #expect(bits(plain, tensor) == bits(thawed, tensor), "\(tensor.name)") }
    }

    @Test(arguments: Cell.allCases) func layerNamesFollowTheCellAndOthersAreRejected(cell: Cell) throws {
        let trainer = try trainer(cell, layers: 3)
        try trainer.freeze(FrozenLayers([cell.rawValue]))
        try trainer.freeze(FrozenLayers(["\(cell.layerName)_2", "\(cell.layerName)_0"]))
        let layout = trainer.layout
        let single = try FrozenLayers(["\(cell.layerName)_2"]).tensors(of: layout)
        #expect(single.map { layout.tensors[$0].name }.allSatisfy { $0.hasPrefix("\(cell.layerName)_2.") })
        #expect(single.count == 3)
        for other in ["\(cell.layerName)_3", "head", "gru_", "embedding.embeddings"] {
            let error = #expect(throws: DTrainError.self) { try trainer.freeze(FrozenLayers([other])) }
            let layers = (0..<3).map { "\(cell.layerName)_\($0)" }.joined(separator: ", ")
            let names = "embedding, \(cell.rawValue), \(layers), dense"
            #expect(error?.category == .usage && error?.hint?.contains(names) == true, "\(String(describing: error))")
        }
        let all = FrozenLayers(["embedding", cell.rawValue, "dense"])
        let error = #expect(throws: DTrainError.self) { try trainer.freeze(all) }
        #expect(error?.message.contains("nothing to train") == true)
        #expect(trainer.frozen.names == ["\(cell.layerName)_0", "\(cell.layerName)_2"])
    }

    @Test func freezingWhileAGradientIsInUseIsRejected() throws {
        let trainer = try trainer()
        let gradient = try trainer.gradient(of: try batch(1))
        #expect(throws: DTrainError.self) { try trainer.freeze(["dense"]) }
        try trainer.apply(gradient, learningRate: 0.01)
        try trainer.freeze(["dense"])
    }

    @Test func listsAreReadInAnyOrderAndWrittenSorted() {
        #expect(FrozenLayers("gru,embedding,gru") == ["embedding", "gru"])
        #expect(FrozenLayers("gru,embedding")?.settingText == "embedding,gru")
        #expect(FrozenLayers("none") == FrozenLayers.none && FrozenLayers.none.settingText == nil)
        for text in ["", ",", "gru,", "none,gru", "a b", "GRU"] { #expect(FrozenLayers(text) == nil, "\(text)") }
    }
}
