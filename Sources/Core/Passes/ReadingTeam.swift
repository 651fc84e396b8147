/// A team that reads or writes texts: it feeds characters to its rows and computes their logits.
///
/// All members call the same methods in the same order; each computes some of the units, and then some of the vocabulary.
///
/// N rows, V vocabulary.
final class ReadingTeam {
    let team: Team
    /// The dense layer's bias: [V].
    let bias: UnsafePointer<Float>
    /// V.
    let vocabularySize: Int
    /// Without the bias: [N, V].
    let logits: AlignedBuffer<Float>
    private let weights: PackedWeights
    /// Each member's.
    private let forward: [ForwardPass]
    /// Each member's; nil for one without columns.
    private let products: [(any WeightProduct)?]

    /// Prepares a team.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ team: Team, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
        let (rows, columns) = (team.rows.count, weights.dense.columns)
        (self.team, self.weights) = (team, weights)
        (bias, vocabularySize) = (parameters + weights.layout.denseBias, columns)
        logits = try AlignedBuffer(count: rows * columns)
        let states = try TeamStates(team, weights: weights)
        forward = try (0..<team.count).map {
            try ForwardPass(states, member: $0, weights: weights, parameters: parameters)
        }
        // Whole column blocks, of which the last may end with the vocabulary.
        let step = BlockPacking.blockColumns
        products = try Partition.balanced(count: columns.groups(of: step), parts: team.count).map { blocks in
            let part = blocks.lowerBound * step..<min(columns, blocks.upperBound * step)
            return part.isEmpty ? nil : try weights.dense.product(rows: rows, columns: ColumnGroups(first: part))
        }
    }

    /// Forgets everything: all states become zero.
    func reset(member: Int) { forward[member].reset() }

    /// Feeds one character to each row; when it returns, all members have, and the logits are complete.
    ///
    /// - Parameter ids: the vocabulary id of each row.
    func advance(_ ids: UnsafePointer<UInt16>, member: Int) {
        forward[member].advance(ids)
        products[member]?(forward[member].top, weights.dense.bytes, logits.pointer)
        meet(member)
    }

    /// Waits until all members have called this.
    func meet(_ member: Int) { team.barrier.meet(member) }
}
