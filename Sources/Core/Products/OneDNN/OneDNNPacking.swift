import COneDNN

/// Weights in the layout that oneDNN chooses for a product.
final class OneDNNPacking: WeightPacking {
    private let depth: Int
    private let columns: Int
    private let layout: MatrixDescriptor
    private let reorder: OneDNNPrimitive

    /// The rows that oneDNN chooses a layout for; products of other row counts use the same one.
    private static let typicalRows = 64

    init(depth: Int, columns: Int, source: PackedMatrix.Source) throws {
        self.depth = depth
        self.columns = columns
        let plain: PlainProduct.Layout = source == .transposed ? .columns(stride: depth) : .rows(stride: columns)
        layout = try Self.chosenLayout(depth: depth, columns: columns)
        reorder = try Self.makeReorder(from: .plain(rows: depth, columns: columns, plain), to: layout)
    }

    var words: Int { layout.size.groups(of: MemoryLayout<UInt32>.size) }

    func pack(_ weights: UnsafePointer<Float>, to packed: UnsafeMutableRawPointer) throws {
        try reorder.set(0, weights)
        try reorder.set(1, packed)
        try reorder.execute()
    }

    func product(rows: Int, columns: ColumnGroups?, accumulate: Bool) throws -> any WeightProduct {
        // The bits of some columns might differ from theirs in a product of all.
        guard columns == nil else {
            throw DTrainError(.internal, "oneDNN's products cannot be divided by columns; please report this")
        }
        return try OneDNNMatmul(
            a: .plain(rows: rows, columns: depth, .rows(stride: depth)), b: layout,
            c: .plain(rows: rows, columns: self.columns, .rows(stride: self.columns)), accumulate: accumulate)
    }

    private static func chosenLayout(depth: Int, columns: Int) throws -> MatrixDescriptor {
        try OneDNNMatmul.withDescriptor(
            a: .plain(rows: typicalRows, columns: depth, .rows(stride: depth)),
            b: .any(rows: depth, columns: columns),
            c: .plain(rows: typicalRows, columns: columns, .rows(stride: columns)), accumulate: false
        ) { try MatrixDescriptor.queried($0, dnnl_query_weights_md) }
    }

    private static func makeReorder(from: MatrixDescriptor, to: MatrixDescriptor) throws -> OneDNNPrimitive {
        var attributes: dnnl_primitive_attr_t?
        defer { dnnl_primitive_attr_destroy(attributes) }
        try OneDNN.check(dtrain_attributes(&attributes, false), "dnnl_primitive_attr")
        var descriptor: dnnl_primitive_desc_t?
        defer { dnnl_primitive_desc_destroy(descriptor) }
        var (plain, packed) = (from.md, to.md)
        try OneDNN.check(
            dtrain_reorder_descriptor(&descriptor, &plain, &packed, attributes, OneDNN.engine()), "dnnl_reorder")
        guard let descriptor else { throw DTrainError(.internal, "oneDNN: no reorder of this shape") }
        return try OneDNNPrimitive(descriptor, slots: [(DNNL_ARG_FROM, from), (DNNL_ARG_TO, to)])
    }
}

extension OneDNNMatmul: WeightProduct {}
