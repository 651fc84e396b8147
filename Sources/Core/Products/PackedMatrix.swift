import CKernels
import COneDNN

/// Weights B[K, N] in the layout that the products like best, refilled ("packed") once a step and read by all workers.
final class PackedMatrix: @unchecked Sendable {
    /// K.
    let depth: Int
    /// N.
    let columns: Int
    let format: OperandFormat
    private let packing: Packing
    private let storage: AlignedBuffer<UInt32>

    /// What lies in memory, row by row without gaps.
    enum Source {
        /// B itself: [K, N].
        case rows
        /// Bᵀ: [N, K].
        case transposed
    }

    private enum Packing {
        /// The blocks that the loops of CKernels read, of B as it is or of what lies in memory as Bᵀ.
        case blocks(isTransposed: Bool)
        /// What oneDNN has chosen, and how it gets there.
        case library(MatrixDescriptor, OneDNNPrimitive)
    }

    /// Rows of the product that oneDNN is asked to choose a layout for; other row counts then use the same layout.
    private static let typicalRows = 64

    /// Makes room for a matrix.
    ///
    /// - Parameters:
    ///   - depth: K.
    ///   - columns: N.
    ///   - source: what `pack` will be given, in float32.
    ///   - format: what they are packed as.
    ///   - host: where it is kept for all ranks of the host.
    init(
        depth: Int, columns: Int, source: Source, format: OperandFormat, host: (any HostMemory)? = nil
    ) throws {
        self.depth = depth
        self.columns = columns
        self.format = format
        let count: Int
        if format.hasVectorProducts {
            let steps = format.isPaired ? (depth + 1) / 2 : depth
            count = (columns + 63) / 64 * 64 * ((steps + 15) / 16 * 16)
            packing = .blocks(isTransposed: source == .transposed)
        } else {
            let layout = try Self.chosenLayout(depth: depth, columns: columns, format: format)
            let plain: MatrixProduct.Layout = source == .transposed ? .columns(stride: depth) : .rows(stride: columns)
            let reorder = try Self.makeReorder(from: plain.descriptor(rows: depth, columns: columns), to: layout)
            count = (layout.size + 3) / 4
            packing = .library(layout, reorder)
        }
        storage = try AlignedBuffer(count: count, in: host)
    }

    /// The layout, if oneDNN has chosen it: only then it multiplies the matrix.
    var layout: MatrixDescriptor? {
        if case .library(let layout, _) = packing { layout } else { nil }
    }

    /// The packed bytes, operand B of products made with these weights.
    var bytes: UnsafeRawPointer { UnsafeRawPointer(storage.pointer) }

    /// Packs the weights; no product may read them meanwhile, and one thread at a time may call this.
    func pack(_ weights: UnsafePointer<Float>) throws {
        switch packing {
        case .library(_, let reorder):
            try reorder.set(0, weights)
            try reorder.set(1, storage.pointer)
            try reorder.execute()
        case .blocks(let isTransposed):
            packBlocks(weights, isTransposed: isTransposed)
        }
        guard format == .roundedFP32 else { return }
        withFloats { dtrain_round_to_bf16(Int64(storage.count), $0, $0) }
    }

    private func packBlocks(_ weights: UnsafePointer<Float>, isTransposed: Bool) {
        #if arch(x86_64)
            let (rows, columns) = (Int64(depth), Int64(self.columns))
            if format.isPaired {
                let pack = isTransposed ? dtrain_pack_transposed_bf16_pairs : dtrain_pack_bf16_pairs
                pack(rows, columns, weights, storage.pointer)
            } else {
                let pack = isTransposed ? dtrain_pack_transposed : dtrain_pack
                withFloats { pack(rows, columns, weights, $0) }
            }
        #endif
    }

    private func withFloats(_ body: (UnsafeMutablePointer<Float>) -> Void) {
        storage.pointer.withMemoryRebound(to: Float.self, capacity: storage.count, body)
    }

    /// What oneDNN likes best.
    private static func chosenLayout(depth: Int, columns: Int, format: OperandFormat) throws -> MatrixDescriptor {
        try MatrixProduct.withDescriptor(
            a: .plain(rows: typicalRows, columns: depth, rowStride: depth, format: format),
            b: .any(rows: depth, columns: columns, format: format),
            c: .plain(rows: typicalRows, columns: columns, rowStride: columns), accumulate: false
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
