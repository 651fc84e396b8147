import CKernels

/// A product with packed weights that fetches the weights ahead, on CPUs with AVX-512; on others there is none.
///
/// With a training's few rows, all of the weights stream through the core's cache for little work each; oneDNN's products then wait
/// for the shared cache, and compute columns beyond a multiple of 64 at half the speed.
final class AVX512Product {
    /// Which columns of the weights: `count` groups as wide as `first`, each `stride` behind the one before; all multiples of
    /// `columnStep`, but for the end of a single group at the last column.
    struct Columns {
        let first: Range<Int>
        var count = 1
        var stride = 0
    }

    /// What columns are divided by.
    static let columnStep = 64

    #if arch(x86_64)
        private var product: dtrain_packed_product
        private let format: OperandFormat
        private let rows: Int
        private let scratch: AlignedBuffer<Float>

        /// Most rows at a time: their copies of A stay in the cache.
        private static let mostRows = 128

        init?(rows: Int, weights: PackedMatrix, columns: Columns? = nil, accumulate: Bool) throws {
            guard weights.format.hasVectorProducts else { return nil }
            let columns = columns ?? Columns(first: 0..<weights.columns)
            format = weights.format
            self.rows = rows
            scratch = try AlignedBuffer(count: Int(dtrain_packed_product_scratch(Int64(min(rows, Self.mostRows)))))
            product = dtrain_packed_product()
            product.first = Int64(columns.first.lowerBound)
            product.columns = Int64(columns.first.count)
            product.groups = Int64(columns.count)
            product.group_stride = Int64(columns.stride)
            product.depth = Int64(weights.depth)
            product.c_stride = Int64(weights.columns)
            product.accumulate = accumulate ? 1 : 0
            product.scratch = scratch.pointer
        }

        /// C = A · B, or C += A · B, for the columns that are this product's.
        func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) {
            product.packed = b
            for first in stride(from: 0, to: rows, by: Self.mostRows) {
                product.rows = Int64(min(Self.mostRows, rows - first))
                product.a = a + first * Int(product.depth) * format.bytes
                product.c = c + first * Int(product.c_stride)
                product.backwards = 1 - product.backwards
                run()
            }
        }

        private func run() {
            switch format {
            case .fp32, .roundedFP32: dtrain_packed_product_fp32(product)
            case .bf16: dtrain_packed_product_bf16(product)
            case .expandedBF16: dtrain_packed_product_expanded(product)
            }
        }
    #else
        init?(rows: Int, weights: PackedMatrix, columns: Columns? = nil, accumulate: Bool) throws { nil }

        func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) {}
    #endif
}
