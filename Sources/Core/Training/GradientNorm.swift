import CKernels

/// The Euclidean norm of the flat gradient over all parameters.
///
/// Added up in blocks of a fixed size and then block after block, so its bits depend on the gradient alone, not on who
/// computes which block.
final class GradientNorm: @unchecked Sendable {
    /// The number of blocks.
    let blocks: Int
    private let count: Int
    private let sums: AlignedBuffer<Double>

    /// Elements of a block.
    private static let block = 1 << 16

    /// Prepares for gradients of so many elements.
    init(count: Int) throws {
        self.count = count
        blocks = (count + Self.block - 1) / Self.block
        sums = try AlignedBuffer(count: blocks)
    }

    /// Adds up one block's squares; blocks may go to different threads.
    func run(block: Int, gradient: UnsafePointer<Float>) {
        let first = block * Self.block
        sums.pointer[block] = dtrain_squared_norm(Int64(min(Self.block, count - first)), gradient + first)
    }

    /// The norm, when all blocks are done; finite exactly when every element is.
    var value: Double { sums.elements.reduce(0, +).squareRoot() }
}
