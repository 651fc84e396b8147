/// hᵀ · panel for panels of one shape, for one worker.
///
/// A float32 panel is an operand as it is. For bf16 it is packed first, which rounds it too; the packed panel stays in the
/// worker's cache.
struct PanelProduct {
    private let product: MatrixProduct
    private let packed: PackedMatrix?

    /// A product of [units, tokens] with [tokens, width].
    init(sequences: Int, width: Int, tape: Tape, precision: Precision) throws {
        let tokens = sequences * tape.shard.sequenceLength
        let states = MatrixProduct.Layout.rows(stride: sequences * (tape.shard.sequenceLength + 1))
        switch precision {
        case .fp32:
            packed = nil
            product = try MatrixProduct(
                rows: tape.units, columns: width, depth: tokens, a: states, b: .rows(stride: width))
        case .bf16:
            let packed = try PackedMatrix(
                depth: tokens, columns: width, source: .rows(stride: width), precision: precision, rows: tape.units)
            self.packed = packed
            product = try MatrixProduct(rows: tape.units, weights: packed, a: states)
        }
    }

    /// Takes a panel: the products that follow are with it as it is now.
    func prepare(_ panel: UnsafePointer<Float>) throws {
        try packed?.pack(panel)
    }

    /// sums = hᵀ · panel, the one that was prepared.
    func callAsFunction(
        _ hidden: UnsafeRawPointer, _ panel: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>
    ) throws {
        try product(hidden, packed?.bytes ?? UnsafeRawPointer(panel), sums)
    }
}
