import CKernels

/// A product with packed weights that fetches the weights ahead, for few rows on CPUs with AVX-512.
///
/// With up to 64 rows, all of the weights stream through the core's cache for little work each; oneDNN's products then wait for the
/// shared cache. Where the layout or the CPU isn't the expected one, there is none and oneDNN computes the product.
final class FetchingProduct {
    /// Which columns of the weights: `count` groups as wide as `first`, each `stride` behind the one before; all multiples of
    /// `columnStep`.
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
        private let scratch: AlignedBuffer<Float>

        /// Most rows for which the copies of A stay in the cache.
        private static let mostRows = 128

        init?(rows: Int, weights: PackedMatrix, columns: Columns? = nil, accumulate: Bool) throws {
            guard Self.takes(rows: rows, weights: weights) else { return nil }
            let columns = columns ?? Columns(first: 0..<weights.columns)
            format = weights.format
            scratch = try AlignedBuffer(count: Int(dtrain_packed_product_scratch(Int64(rows))))
            product = dtrain_packed_product()
            product.rows = Int64(rows)
            product.first = Int64(columns.first.lowerBound)
            product.columns = Int64(columns.first.count)
            product.groups = Int64(columns.count)
            product.group_stride = Int64(columns.stride)
            product.depth = Int64(weights.depth)
            product.c_stride = Int64(weights.columns)
            product.accumulate = accumulate ? 1 : 0
            product.scratch = scratch.pointer
        }

        /// Whether there is such a product; of expanded weights, for any number of rows, as nothing else multiplies them.
        static func takes(rows: Int, weights: PackedMatrix) -> Bool {
            let step = weights.format.isPaired ? 32 : 16
            return weights.isBlocked && weights.columns.isMultiple(of: columnStep)
                && weights.depth.isMultiple(of: step) && weights.format.hasVectorProducts
                && (rows <= mostRows || weights.format == .expandedBF16)
        }

        /// C = A · B, or C += A · B, for the columns that are this product's.
        func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) {
            product.a = a
            product.packed = b
            product.c = c
            product.backwards = 1 - product.backwards
            switch format {
            case .fp32, .roundedFP32: dtrain_packed_product_fp32(product)
            case .bf16: dtrain_packed_product_bf16(product)
            case .expandedBF16: dtrain_packed_product_expanded(product)
            }
        }
    #else
        init?(rows: Int, weights: PackedMatrix, columns: Columns? = nil, accumulate: Bool) throws { nil }

        static func takes(rows: Int, weights: PackedMatrix) -> Bool { false }

        func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) {}
    #endif
}
