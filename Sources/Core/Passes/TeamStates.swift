/// The states that the members of a team share during the forward pass.
///
/// N rows, H units, G gates.
final class TeamStates {
    /// The state of one recurrent layer.
    struct Layer {
        /// h: two buffers of [N, H].
        ///
        /// A time step reads one and writes the other, so members wait for each other only once.
        let hidden: [OperandBuffer]
        /// h with dropped units as the operand of h · U, likewise; nil without recurrent dropout.
        let masked: [OperandBuffer]?
        /// h with dropped units, as the layer above or sampling reads it: [N, H]; nil without
        /// dropout, and in a top layer without sampling.
        ///
        /// One buffer is enough: all members pass a barrier after the product that reads it, before
        /// any writes it again.
        let dropped: OperandBuffer?
        /// The second state: [N, H]; empty for cells without one.
        let memory: AlignedBuffer<Float>
        /// h · U: [N, G·H].
        let recurrent: AlignedBuffer<Float>
        /// x · W: [N, G·H]; nil in the first layer.
        let input: AlignedBuffer<Float>?
    }

    let team: Team
    let layers: [Layer]

    /// Allocates the states of a team.
    ///
    /// - Parameters:
    ///   - dropout: the kinds of masks that the passes may need.
    ///   - samplesInputs: whether logits are computed between time steps, for sampling.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
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
