import Foundation
import Testing

@testable import DTrainCore

/// Custom losses, called in the forward pass.
@Suite struct RowLossTests {
    private static let model = ModelConfiguration(embeddingDim: 4, rnnUnits: 9, vocabularySize: 7)

    private func trainer() throws -> Trainer {
        try Trainer(
            model: Self.model, shape: Trainer.Shape(batchSize: 3, microBatchSize: 2, sequenceLength: 5), threads: 2)
    }

    private var batch: Batch {
        get throws { try Batch((0..<3).map { testText(6, vocabularySize: 7, salt: UInt32(40 + $0)) }) }
    }

    /// Softmax cross-entropy with label smoothing: the target gets 1 − share, and share is divided
    /// among all ids.
    private func smoothed(_ share: Double) -> RowLoss {
        RowLoss { logits, target, gradient in
            let largest = Double(logits.max() ?? 0)
            let sum = logits.reduce(0) { $0 + exp(Double($1) - largest) }
            let spread = share / Double(logits.count)
            var loss = 0.0
            for id in logits.indices {
                let probability = exp(Double(logits[id]) - largest) / sum
                let label = spread + (id == target ? 1 - share : 0)
                loss -= label * log(probability)
                gradient[id] = Float(probability - label)
            }
            return loss
        }
    }

    @Test func withoutSmoothingTheLossIsTheCrossEntropy() throws {
        let (own, builtIn) = (try trainer(), try trainer())
        let found = try own.gradient(of: batch, loss: smoothed(0))
        let expected = try builtIn.gradient(of: batch)
        #expect(abs(found.loss - expected.loss) < 1e-6)
        for tensor in own.layout.tensors {
            let (a, b) = (try #require(found[tensor.name]), try #require(expected[tensor.name]))
            for (a, b) in zip(a, b) { #expect(abs(a - b) < 1e-6, "\(tensor.name)") }
        }
    }

    @Test func theGradientOfASmoothedLossMatchesFiniteDifferences() throws {
        let trainer = try trainer()
        let gradient = try trainer.gradient(of: batch, loss: smoothed(0.3))
        let bias = try #require(gradient["dense.bias"])
        _ = consume gradient
        for id in bias.indices {
            func loss(_ offset: Float) throws -> Double {
                let place = trainer.replica.parameters.pointer + trainer.layout.denseBias + id
                let before = place.pointee
                defer { place.pointee = before }
                place.pointee += offset
                return Double(try trainer.gradient(of: batch, loss: smoothed(0.3)).loss)
            }
            let slope = (try loss(0.05) - loss(-0.05)) / 0.1
            #expect(isClose(Double(bias[id]), slope, relative: 1e-2, absolute: 1e-5), "\(id): \(bias[id]), \(slope)")
        }
    }

    @Test func incompleteGradientsAreRejected() throws {
        let trainer = try trainer()
        let incomplete = RowLoss { _, target, gradient in
            for id in gradient.indices where id != target { gradient[id] = 0 }
            return 0
        }
        let gradient = try trainer.gradient(of: batch, loss: incomplete)
        do {
            try trainer.apply(gradient, learningRate: 1e-3)
            Issue.record("an incomplete gradient was applied")
        } catch {
            #expect((error as? DTrainError)?.category == .badData)
        }
    }
}
