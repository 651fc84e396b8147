/// A team's product with the dense layer's weights; each member computes a part of the vocabulary
/// for all rows.
///
/// N rows, H units, V vocabulary size.
final class TeamLogits {
    /// The dense layer's bias: [V].
    let bias: UnsafePointer<Float>
    /// V.
    let vocabularySize: Int
    /// The logits without the bias: [N, V].
    let logits: AlignedBuffer<Float>
    private let weights: PackedWeights
    /// The product of each member; nil for a member without columns.
    private let products: [(any WeightProduct)?]

    /// Prepares a team's products.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(_ team: Team, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
        let (rows, columns) = (team.rows.count, weights.dense.columns)
        (bias, vocabularySize, self.weights) = (parameters + weights.layout.denseBias, columns, weights)
        logits = try AlignedBuffer(count: rows * columns)
        // Whole column blocks; the last may end with the vocabulary.
        let step = BlockPacking.blockColumns
        products = try Partition.balanced(count: columns.groups(of: step), parts: team.count).map { blocks in
            let part = blocks.lowerBound * step..<min(columns, blocks.upperBound * step)
            return part.isEmpty ? nil : try weights.dense.product(rows: rows, columns: ColumnGroups(first: part))
        }
    }

    /// Computes a member's part.
    ///
    /// - Parameter states: the dense layer's operand in the products' format: [N, H].
    func compute(_ states: UnsafeRawPointer, member: Int) {
        products[member]?(states, weights.dense.bytes, logits.pointer)
    }
}
