import CKernels

@testable import DTrainCore

/// The product C[M, N] = A[M, K] · B[K, N] of plain float32 matrices on one worker.
///
/// B is packed for each product. This simplest use of the loops is a reference for products of
/// divided matrices.
final class PlainProduct {
    /// The memory layout of an operand.
    enum Layout {
        /// Consecutive rows, `stride` floats apart; nil for contiguous rows.
        case rows(stride: Int? = nil)
        /// The transpose is stored in rows.
        case transposed(stride: Int? = nil)
    }

    private let rows: Int
    private let columns: Int
    private let depth: Int
    private let b: Layout
    private let packed: AlignedBuffer<Float>
    /// A copy of A, if its transpose is given.
    private let copy: AlignedBuffer<Float>?
    private let product: BlockProduct

    /// Prepares a product.
    ///
    /// - Parameters:
    ///   - isTransposed: whether A's transpose is stored, contiguously.
    ///   - b: the layout of B.
    ///   - resultStride: the distance between C's rows in floats; nil for contiguous rows.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        rows: Int, columns: Int, depth: Int, isTransposed: Bool = false, b: Layout = .rows(), resultStride: Int? = nil
    ) throws {
        (self.rows, self.columns, self.depth, self.b) = (rows, columns, depth, b)
        packed = try AlignedBuffer(count: BlockPacking.words(columns: columns, steps: depth))
        copy = isTransposed ? try AlignedBuffer(count: rows * depth) : nil
        product = try BlockProduct(
            rows: rows, depth: depth, rowBytes: depth * MemoryLayout<Float>.stride,
            columns: ColumnGroups(first: 0..<columns),
            resultStride: resultStride ?? columns, loops: dtrain_packed_product_fp32)
    }

    /// Computes the product; the three matrices must not overlap.
    func callAsFunction(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>) {
        switch self.b {
        case .rows(let stride):
            PackedMatrix.Source.rows.pack(b, depth: depth, columns: columns, stride: stride, to: packed.pointer)
        case .transposed(let stride):
            PackedMatrix.Source.transposed.pack(b, depth: depth, columns: columns, stride: stride, to: packed.pointer)
        }
        product(copy.map { transpose(a, to: $0.pointer) } ?? a, packed.pointer, c)
    }

    private func transpose(_ a: UnsafePointer<Float>, to copy: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
        for row in 0..<rows {
            for step in 0..<depth { copy[row * depth + step] = a[step * rows + row] }
        }
        return UnsafePointer(copy)
    }
}
