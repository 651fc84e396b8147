/// A layer's h before or after each token, packed per micro-batch for the weight gradient's
/// products.
struct PackedStates {
    private let products: any PanelProducts
    private let rankBatch: RankBatch
    private let units: Int
    private let storage: AlignedBuffer<UInt32>
    /// The words per micro-batch.
    private let stride: Int

    /// Allocates memory for all micro-batches.
    ///
    /// - Parameter reusing: memory that is free from the first `fill` on, used if it is large
    ///   enough.
    init(
        rankBatch: RankBatch, units: Int, products: any PanelProducts, reusing memory: AlignedBuffer<UInt32>? = nil
    ) throws {
        self.rankBatch = rankBatch
        self.units = units
        self.products = products
        stride = products.words(states: rankBatch.microBatchSize * rankBatch.sequenceLength, units: units)
        let count = stride * rankBatch.count
        storage = if let memory, memory.count >= count { memory } else { try AlignedBuffer(count: count) }
    }

    /// Packs a micro-batch's states, one for each token: [tokens][units].
    func fill(_ microBatch: Int, from hidden: UnsafePointer<Float>) {
        products.packStates(
            hidden, states: rankBatch.tokens(of: microBatch).count, units: units,
            to: storage.pointer + stride * microBatch)
    }

    /// Returns the packed states of a micro-batch from a unit on, at which a part of a product's
    /// rows starts.
    func bytes(_ microBatch: Int, from unit: Int) -> UnsafeRawPointer {
        let before = products.words(before: unit, states: rankBatch.tokens(of: microBatch).count)
        return UnsafeRawPointer(storage.pointer + stride * microBatch + before)
    }
}
