import COneDNN

/// oneDNN's matrix product C = A · B or C += A · B, in float32, for one worker.
final class OneDNNMatmul {
    private let primitive: OneDNNPrimitive

    init(a: MatrixDescriptor, b: MatrixDescriptor, c: MatrixDescriptor, accumulate: Bool) throws {
        primitive = try Self.withDescriptor(a: a, b: b, c: c, accumulate: accumulate) {
            try OneDNNPrimitive($0, slots: [(DNNL_ARG_SRC, a), (DNNL_ARG_WEIGHTS, b), (DNNL_ARG_DST, c)])
        }
    }

    /// Computes the product; the three matrices must not overlap.
    func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>) throws {
        try primitive.set(0, a)
        try primitive.set(1, b)
        try primitive.set(2, c)
        try primitive.execute()
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
