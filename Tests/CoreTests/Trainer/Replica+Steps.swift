@testable import DTrainCore

extension Replica {
    /// Computes the nodes of a batch; `read` fills in its sequences.
    func computeGradient(
        _ read: @escaping @Sendable (Int, UnsafeMutablePointer<UInt16>) -> Void,
        advance: @escaping (Int) throws -> Void = { _ in }
    ) throws {
        let batch = Batch(
            count: configuration.rankBatch.batchSize, sequenceLength: configuration.rankBatch.sequenceLength,
            largestID: 0, read: read)
        try load(batch)
        try computeGradient(advance: advance)
    }

    /// Completes the gradient and, if it is finite, applies it, clipped to the largest norm.
    ///
    /// - Returns: the norm before clipping.
    @discardableResult
    func finishStep(learningRate: Double, clipNorm limit: Double? = nil) throws -> Double {
        let norm = try completeGradient()
        guard norm.isFinite else { return norm }
        try applyGradient(
            learningRate: learningRate, scale: limit.map { norm > $0 ? Float($0 / norm) : 1 } ?? 1)
        return norm
    }
}
