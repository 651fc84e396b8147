/// What the members of a team share while they advance its rows.
///
/// N rows, H units, G gates.
final class TeamStates {
    /// The state of one recurrent layer.
    struct Layer {
        /// [N, H], twice: a time step reads one and writes the other, so that members need to meet only once.
        let hidden: [OperandBuffer]
        /// h as the operand of h · U with some units dropped, likewise; nil without recurrent dropout.
        let masked: [OperandBuffer]?
        /// h as the layer above or sampling gets it, with some units dropped: [N, H]; nil without dropout, and in a top layer without
        /// sampling.
        ///
        /// Once: before a member writes it again, all have met behind the product that reads it.
        let dropped: OperandBuffer?
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
    /// - Parameters:
    ///   - dropout: the kinds that its passes may need.
    ///   - samplesInputs: whether logits are computed on the way.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        _ team: Team, weights: PackedWeights, dropout: DropoutMasks.Use = DropoutMasks.Use(.none),
        samplesInputs: Bool = false
    ) throws {
        self.team = team
        let configuration = weights.layout.configuration
        let (rows, units, cell) = (team.rows.count, configuration.rnnUnits, configuration.cell)
        let columns = cell.gates * units
        func operand() throws -> OperandBuffer {
            try OperandBuffer(rows: rows, columns: units, format: weights.products.format)
        }
        layers = try weights.layers.enumerated().map { index, layer in
            Layer(
                hidden: [try operand(), try operand()],
                masked: dropout.recurrent ? [try operand(), try operand()] : nil,
                dropped: dropout.inputs && (samplesInputs || index + 1 < weights.layers.count) ? try operand() : nil,
                memory: try AlignedBuffer(count: rows * cell.memoryUnits(units)),
                recurrent: try AlignedBuffer(count: rows * columns),
                input: layer.kernel == nil ? nil : try AlignedBuffer(count: rows * columns))
        }
    }
}
