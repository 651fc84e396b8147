/// What the members of a team share while they advance its rows.
///
/// N rows, H units, G gates.
final class TeamStates {
    /// The state of one recurrent layer.
    struct Layer {
        /// [N, H], twice: a time step reads one and writes the other, so that members need to meet only once.
        let hidden: [OperandBuffer]
        /// [N, H]: the second state of cells that have one, else empty.
        let memory: AlignedBuffer<Float>
        /// h · U: [N, G·H].
        let recurrent: AlignedBuffer<Float>
        /// x · W of a layer above the first: [N, G·H].
        let input: AlignedBuffer<Float>?
    }

    let team: Team
    let layers: [Layer]

    /// Allocates the states of a team.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ team: Team, weights: PackedWeights) throws {
        self.team = team
        let configuration = weights.layout.configuration
        let (rows, units, cell) = (team.rows.count, configuration.rnnUnits, configuration.cell)
        let columns = cell.gates * units
        layers = try weights.layers.map { layer in
            Layer(
                hidden: try (0..<2).map { _ in
                    try OperandBuffer(rows: rows, columns: units, format: weights.products.format)
                },
                memory: try AlignedBuffer(count: rows * cell.memoryUnits(units)),
                recurrent: try AlignedBuffer(count: rows * columns),
                input: layer.kernel == nil ? nil : try AlignedBuffer(count: rows * columns))
        }
    }
}
