/// hᵀ · panel for panels of one shape, for one worker.
///
/// A float32 panel is an operand as it is. For bf16 it is packed first, which rounds it too; the packed panel stays in the
/// worker's cache.
struct PanelProduct {
    private let product: MatrixProduct
    private let packed: PackedMatrix?

    /// A product of [units, states] with [states, width].
    init(sequences: Int, width: Int, tape: Tape, precision: Precision) throws {
        let states = sequences * (tape.shard.sequenceLength + 1)
        switch precision {
        case .fp32:
            packed = nil
            product = try MatrixProduct(
                rows: tape.units, columns: width, depth: states, a: .rows(stride: states), b: .rows(stride: width))
        case .bf16:
            let packed = try PackedMatrix(
                depth: states, columns: width, source: .rows(stride: width), precision: precision, rows: tape.units)
            self.packed = packed
            product = try MatrixProduct(rows: tape.units, weights: packed)
        }
    }

    /// sums = hᵀ · panel.
    func callAsFunction(
        _ hidden: UnsafeRawPointer, _ panel: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>
    ) throws {
        try packed?.pack(panel)
        try product(hidden, packed?.bytes ?? UnsafeRawPointer(panel), sums)
    }
}
