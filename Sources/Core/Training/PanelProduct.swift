import CKernels

/// hᵀ · panel for panels of one shape, for one worker.
///
/// A float32 panel is an operand as it is. For bf16 it is packed first, which rounds it too; the packed panel stays in the
/// worker's cache. Where the CPU and the shape allow, a loop of CKernels computes the product, oneDNN elsewhere.
struct PanelProduct {
    private let product: MatrixProduct
    private let packed: PackedMatrix?
    private let size: (units: Int64, width: Int64, states: Int64)
    private let streams: Bool

    /// A product of [units, states] with [states, width].
    init(units: Int, width: Int, states: Int, precision: Precision) throws {
        size = (Int64(units), Int64(width), Int64(states))
        switch precision {
        case .fp32:
            packed = nil
            product = try MatrixProduct(
                rows: units, columns: width, depth: states, a: .rows(stride: states), b: .rows(stride: width))
            streams = precision.hasVectorProducts && width.isMultiple(of: 32)
        case .bf16:
            let packed = try PackedMatrix(
                depth: states, columns: width, source: .rows(stride: width), precision: precision, rows: units)
            self.packed = packed
            product = try MatrixProduct(rows: units, weights: packed)
            streams =
                precision.hasVectorProducts && packed.isBlocked && width.isMultiple(of: 64) && states.isMultiple(of: 2)
        }
    }

    /// sums = hᵀ · panel.
    func callAsFunction(
        _ hidden: UnsafeRawPointer, _ panel: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>
    ) throws {
        try packed?.pack(panel)
        #if arch(x86_64)
            if streams {
                if let packed {
                    dtrain_panel_product_bf16(size.units, size.width, size.states, hidden, packed.bytes, sums)
                } else {
                    dtrain_panel_product_fp32(size.units, size.width, size.states, hidden, panel, sums)
                }
                return
            }
        #endif
        try product(hidden, packed?.bytes ?? UnsafeRawPointer(panel), sums)
    }
}
