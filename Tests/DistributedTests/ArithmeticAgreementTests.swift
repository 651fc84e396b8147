@testable import DTrainCore
import Testing

@testable import DTrainDistributed

/// The agreement of ranks (threads) whose CPUs offer different arithmetics.
@Suite struct ArithmeticAgreementTests {
    /// The agreed arithmetic of each rank; a rank offers its best one and all below.
    private func agree(_ best: [Arithmetic]) throws -> [Result<Arithmetic, any Error>] {
        let offers = try best.map { best in
            let arithmetics = Arithmetic.allCases.filter { $0.precision == best.precision }
            return Array(arithmetics[...(try #require(arithmetics.firstIndex(of: best)))])
        }
        return try agree(offers)
    }

    private func agree(_ offers: [[Arithmetic]]) throws -> [Result<Arithmetic, any Error>] {
        try InMemoryCommunicator.run(ranks: offers.count) { communicator in
            try JobRanks(communicator).agree(offering: offers[communicator.rank])
        }
    }

    @Test(arguments: [
        ([Arithmetic.fp32, .fp32, .fp32], Arithmetic.fp32),
        ([.fp32, .fp32WithoutFMA, .fp32], .fp32WithoutFMA),
        ([.pairedBF16, .pairedBF16], .pairedBF16),
        ([.pairedBF16, .roundedBF16], .roundedBF16),
        ([.roundedBF16WithoutFMA, .pairedBF16, .roundedBF16], .roundedBF16WithoutFMA),
        ([.tiledBF16, .tiledBF16], .tiledBF16),
        ([.tiledBF16, .pairedBF16], .pairedBF16),
        ([.tiledBF16, .roundedBF16, .tiledBF16], .roundedBF16),
    ])
    func ranksAgreeOnTheBestCommonArithmetic(offers: [Arithmetic], expected: Arithmetic) throws {
        for result in try agree(offers) { #expect(try result.get() == expected) }
    }

    @Test func differingPrecisionsAreRejectedOnAllRanks() throws {
        for result in try agree([.fp32, .roundedBF16]) {
            let error = try #require(throws: CollectiveError.self) { try result.get() }.error
            #expect(error.category == .usage && error.message.contains("'bf16 rounded', 'fp32'"), "\(error)")
        }
    }

    /// The agreed arithmetic replaces this CPU's default; any CPU can multiply rounded operands.
    @Test func aTrainerUsesTheAgreedArithmetic() throws {
        let bench = try TrainerRanksBench()
        func losses(_ arithmetic: Arithmetic) throws -> [UInt32] {
            let trainer = try Trainer(
                model: ModelConfiguration(
                    embeddingDim: 4, rnnUnits: 70, vocabularySize: bench.data.corpus.vocabulary.size),
                shape: Trainer.Shape(batchSize: 5, microBatchSize: 2, sequenceLength: 6), optimizer: Adam(),
                arithmetic: arithmetic, threads: 1, seed: 1, ranks: SingleRank())
            try trainer.initialize()
            #expect(trainer.arithmetic == arithmetic && trainer.precision == arithmetic.precision)
            var progress = TrainingProgress()
            try bench.train(trainer, &progress, to: 6)
            let path = "\(bench.folder)/\(arithmetic.rawValue)"
            try trainer.save(to: path, data: bench.data, progress: progress)
            #expect(try Checkpoint(path: path).metadata.arithmetic == arithmetic.rawValue)
            return trainer.replica.parameters.elements.map(\.bitPattern)
        }
        var arithmetics = [Arithmetic.fp32, .roundedBF16, .tiledBF16]
        if try OperandFormat.bf16.isSupported() { arithmetics.append(.pairedBF16) }
        #expect(Set(try arithmetics.map(losses)).count == arithmetics.count)
    }

    /// Gradients that isolate the products with weights and the sums over tokens.
    ///
    /// The sequences have one token, so no product affects the states, which have the same bits in
    /// every arithmetic.
    private func gradients(_ arithmetic: Arithmetic) throws -> (bias: [UInt32], kernel: [UInt32]) {
        let model = ModelConfiguration(embeddingDim: 4, rnnUnits: 70, vocabularySize: 39)
        let trainer = try Trainer(
            model: model, shape: Trainer.Shape(batchSize: 40, microBatchSize: 40, sequenceLength: 1),
            optimizer: Adam(), arithmetic: arithmetic, threads: 1, seed: 1, ranks: SingleRank())
        try trainer.initialize()
        // Weights as large as trained ones, and enough of them for sums with rounding.
        for index in trainer.replica.parameters.elements.indices { trainer.replica.parameters.elements[index] *= 8 }
        let batch = try Batch((0..<40 as Range<UInt16>).map { [$0 % 37, $0 % 37 + 2] })
        func gradient(_ name: String) throws -> [UInt32] {
            let gradient = try trainer.gradient(of: batch)
            let values = gradient[name]
            return try #require(values).map(\.bitPattern)
        }
        let bias = try gradient("dense.bias")
        // Without a kernel the logits are the same, so only their products with the states differ.
        let layout = trainer.layout
        trainer.replica.parameters.elements[layout.denseKernel..<layout.denseBias].update(repeating: 0)
        return (bias, try gradient("dense.kernel"))
    }

    @Test func bothKindsOfProductUseTheAgreedArithmetic() throws {
        var arithmetics = [Arithmetic.fp32, .roundedBF16, .tiledBF16]
        if try OperandFormat.bf16.isSupported() { arithmetics.append(.pairedBF16) }
        let gradients = try arithmetics.map(gradients)
        #expect(Set(gradients.map(\.bias)).count == arithmetics.count)
        #expect(Set(gradients.map(\.kernel)).count == arithmetics.count)
    }
}
