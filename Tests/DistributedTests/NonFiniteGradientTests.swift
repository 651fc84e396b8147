import Testing

@testable import DTrainCore
@testable import DTrainDistributed

/// The error for a step with a non-finite loss or gradient names the rank and the tensor.
@Suite struct NonFiniteGradientTests {
    /// The agreed error of all ranks after one rank's values were corrupted.
    private func error(
        ranks: Int, loss: Float, corrupt: @escaping @Sendable (_ rank: Int, Replica) -> Void
    ) throws -> DTrainError {
        let results = try InMemoryCommunicator.run(ranks: ranks) { communicator in
            let replica = try Replica(
                Replica.Configuration(
                    model: ModelConfiguration(embeddingDim: 2, rnnUnits: 3, vocabularySize: 5),
                    rankBatch: RankBatch(
                        batchSize: ranks, microBatchSize: 1, sequenceLength: 2,
                        microBatches: communicator.rank..<communicator.rank + 1),
                    optimizer: Adam(), threads: 1))
            let error = try NonFiniteGradient(step: 12, loss: loss)
                .diagnose(replica, JobRanks(communicator)) { corrupt(communicator.rank, replica) }
            return try #require(error as? CollectiveError).error
        }
        let errors = try results.map { try $0.get() }
        #expect(Set(errors).count == 1)
        return try #require(errors.first)
    }

    private let advice =
        "; lower `learning-rate` or limit the gradient with `clip-norm`, and continue from the last checkpoint with "
        + "`resume`"

    @Test func theErrorNamesTheRankAndTheTensor() throws {
        let error = try error(ranks: 3, loss: 4) { rank, replica in
            // The sums over tokens are the first to be sent.
            if rank == 1 { replica.gradient.sums[0] = .infinity }
        }
        #expect(error.category == .badData)
        #expect(
            error.description
                == "the gradient of step 12 is not finite: the gradient of gru.bias is not finite on rank 1 "
                + "(\(currentHostName()))\(advice)")
    }

    @Test func nonFiniteWeightsAreReportedBeforeTheirEffects() throws {
        let error = try error(ranks: 2, loss: .nan) { rank, replica in
            replica.parameters.pointer[replica.layout.denseKernel] = .nan
            if rank == 1 { replica.gradient.sums[0] = .nan }
        }
        let host = currentHostName()
        #expect(
            error.description
                == "the loss of step 12 is nan: the weights of dense.kernel are not finite on rank 0 (\(host)), rank 1 "
                + "(\(host))\(advice)")
    }

    @Test func theErrorOfASingleProcessNamesNoRank() throws {
        let error = try error(ranks: 1, loss: .infinity) { _, replica in
            replica.gradient.sums[replica.gradient.blocks.loss] = .infinity
        }
        #expect(error.description == "the loss of step 12 is inf: the loss is not finite\(advice)")
    }

    @Test func aNonFiniteSumOfFinitePartsIsExplained() throws {
        let error = try error(ranks: 2, loss: 4) { _, _ in }
        #expect(
            error.description
                == "the gradient of step 12 is not finite: every rank's own part is finite, so their sum is too large, or a "
                + "machine computed a wrong value\(advice)")
    }
}
