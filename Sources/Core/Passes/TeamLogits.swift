/// The logits of a team's rows, for readers and writers of text; each member computes some of the vocabulary.
///
/// N rows, V vocabulary.
final class TeamLogits {
    /// Without the dense bias: [N, V].
    let values: AlignedBuffer<Float>
    private let team: Team
    private let weights: PackedWeights
    /// Each member's; nil for one without columns.
    private let products: [(any WeightProduct)?]

    /// Prepares the logits of a team.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ team: Team, weights: PackedWeights) throws {
        (self.team, self.weights) = (team, weights)
        let (rows, columns) = (team.rows.count, weights.dense.columns)
        values = try AlignedBuffer(count: rows * columns)
        // Whole column blocks, of which the last may end with the vocabulary.
        let step = BlockPacking.blockColumns
        products = try Partition.balanced(count: columns.groups(of: step), parts: team.count).map { blocks in
            let part = blocks.lowerBound * step..<min(columns, blocks.upperBound * step)
            return part.isEmpty ? nil : try weights.dense.product(rows: rows, columns: ColumnGroups(first: part))
        }
    }

    /// Computes the logits; when it returns, all columns are computed.
    ///
    /// All members call this after each advance.
    func compute(_ forward: ForwardPass, member: Int) {
        products[member]?(forward.top, weights.dense.bytes, values.pointer)
        team.barrier.meet(member)
    }
}
