import CKernels

/// A product with packed weights that fetches the weights ahead, for few rows on CPUs with AVX-512.
///
/// With 8 to 64 rows, all of the weights stream through the core's cache for little work each; oneDNN's products then wait for the
/// shared cache. Where the layout or the CPU isn't the expected one, there is none and oneDNN computes the product.
final class FetchingProduct {
    #if arch(x86_64)
        private let rows: Int64
        private let columns: Int64
        private let depth: Int64
        private let accumulate: Int32
        private let format: OperandFormat
        private let scratch: AlignedBuffer<Float>

        /// Most rows for which the copies of A stay in the cache.
        private static let mostRows = 128

        init?(rows: Int, weights: PackedMatrix, accumulate: Bool) throws {
            let step = weights.format == .bf16 ? 32 : 16
            guard weights.isBlocked, weights.columns.isMultiple(of: 64), weights.depth.isMultiple(of: step),
                rows <= Self.mostRows, weights.format.hasVectorProducts
            else { return nil }
            self.rows = Int64(rows)
            columns = Int64(weights.columns)
            depth = Int64(weights.depth)
            self.accumulate = accumulate ? 1 : 0
            format = weights.format
            scratch = try AlignedBuffer(count: Int(dtrain_packed_product_scratch(self.rows)))
        }

        /// C = A · B, or C += A · B.
        func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) {
            switch format {
            case .fp32, .roundedFP32:
                dtrain_packed_product_fp32(rows, columns, depth, a, b, c, accumulate, scratch.pointer)
            case .bf16: dtrain_packed_product_bf16(rows, columns, depth, a, b, c, accumulate, scratch.pointer)
            }
        }
    #else
        init?(rows: Int, weights: PackedMatrix, accumulate: Bool) throws { nil }

        func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) {}
    #endif
}
