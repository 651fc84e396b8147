import COneDNN

/// C[M, N] = A[M, K] · B[K, N], or with packed weights C += A · B, summed in float32; for one worker.
///
/// Packed weights are multiplied by dtrain's own loops where the CPU has AVX-512; all else is oneDNN's.
///
/// With packed weights and `steadyRows`, the bits of a row of C depend on that row of A and on B alone, not on M.
final class MatrixProduct {
    /// How a plain matrix lies in memory.
    enum Layout {
        /// Rows follow each other, `stride` elements apart.
        case rows(stride: Int)
        /// The transpose is stored: columns follow each other, `stride` elements apart.
        case columns(stride: Int)

        func descriptor(rows: Int, columns: Int) throws -> MatrixDescriptor {
            switch self {
            case .rows(let stride): try .plain(rows: rows, columns: columns, rowStride: stride)
            case .columns(let stride): try .plain(rows: rows, columns: columns, rowStride: 1, columnStride: stride)
            }
        }
    }

    private enum Way {
        case oneDNN(OneDNNPrimitive)
        case fetching(AVX512Product)
    }

    private let way: Way

    /// The least number of rows ≥ `rows` whose products have the same bits in every row as any other such number.
    ///
    /// With AVX-512 that is `rows`: dtrain's own loops add in the order of the depth. Below, oneDNN's kernels take 6 rows at a time and the rest another way, which adds in
    /// another order: measured with oneDNN 2.6.3 and 3.2, and checked by the tests of this type.
    static func steadyRows(_ rows: Int) -> Int {
        OperandFormat.fp32.hasVectorProducts ? rows : (rows + 5) / 6 * 6
    }

    /// A product of plain float32 matrices.
    init(rows: Int, columns: Int, depth: Int, a: Layout, b: Layout, c: Layout? = nil) throws {
        way = .oneDNN(
            try Self.make(
                a: a.descriptor(rows: rows, columns: depth), b: b.descriptor(rows: depth, columns: columns),
                c: (c ?? .rows(stride: columns)).descriptor(rows: rows, columns: columns), accumulate: false))
    }

    /// A product with packed weights: C is [rows, weights.columns] without gaps, and so is A, [rows, weights.depth], in the
    /// weights' precision.
    init(rows: Int, weights: PackedMatrix, accumulate: Bool = false) throws {
        if let fetching = try AVX512Product(rows: rows, weights: weights, accumulate: accumulate) {
            way = .fetching(fetching)
            return
        }
        guard let layout = weights.layout, weights.format != .expandedBF16 else {
            throw DTrainError(.internal, "nothing multiplies weights packed like these here; please report this")
        }
        way = .oneDNN(
            try Self.make(
                a: .plain(rows: rows, columns: weights.depth, rowStride: weights.depth, format: weights.format),
                b: layout,
                c: .plain(rows: rows, columns: weights.columns, rowStride: weights.columns), accumulate: accumulate))
    }

    /// Some columns of a product with packed weights, in dtrain's own loops only: oneDNN's bits of a column might depend on the
    /// others.
    init(rows: Int, weights: PackedMatrix, columns: AVX512Product.Columns) throws {
        let product = try AVX512Product(rows: rows, weights: weights, columns: columns, accumulate: false)
        guard let product else {
            throw DTrainError(.internal, "a product cannot be divided by columns; please report this")
        }
        way = .fetching(product)
    }

    /// Computes the product; the three must not overlap.
    func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) throws {
        switch way {
        case .fetching(let product): product(a, b, c)
        case .oneDNN(let primitive):
            try primitive.set(0, a)
            try primitive.set(1, b)
            try primitive.set(2, c)
            try primitive.execute()
        }
    }

    private static func make(
        a: MatrixDescriptor, b: MatrixDescriptor, c: MatrixDescriptor, accumulate: Bool
    ) throws -> OneDNNPrimitive {
        try withDescriptor(a: a, b: b, c: c, accumulate: accumulate) {
            try OneDNNPrimitive(
                $0, slots: [(DNNL_ARG_SRC, a), (DNNL_ARG_WEIGHTS, b), (DNNL_ARG_DST, c)])
        }
    }

    /// Calls `body` with the matmul primitive's descriptor for these layouts.
    static func withDescriptor<Result>(
        a: MatrixDescriptor, b: MatrixDescriptor, c: MatrixDescriptor, accumulate: Bool,
        _ body: (dnnl_primitive_desc_t) throws -> Result
    ) throws -> Result {
        var attributes: dnnl_primitive_attr_t?
        defer { dnnl_primitive_attr_destroy(attributes) }
        try OneDNN.check(dtrain_attributes(&attributes, accumulate), "dnnl_primitive_attr")
        var descriptor: dnnl_primitive_desc_t?
        defer { dnnl_primitive_desc_destroy(descriptor) }
        var (source, weights, destination) = (a.md, b.md, c.md)
        try OneDNN.check(
            dtrain_matmul_descriptor(&descriptor, &source, &weights, &destination, attributes, OneDNN.engine()),
            "dnnl_matmul_desc")
        guard let descriptor else {
            throw DTrainError(.internal, "oneDNN: no product of this shape; please report this")
        }
        return try body(descriptor)
    }
}
