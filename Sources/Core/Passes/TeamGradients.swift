/// The gradients that the members of a team share during the backward pass.
///
/// N rows, H units, G gates.
final class TeamGradients {
    /// The gradients of one recurrent layer.
    struct Layer {
        /// d(loss)/d(h), carried from the later time step: [N, H].
        let hidden: AlignedBuffer<Float>
        /// d(loss)/d(memory), carried likewise: [N, H]; empty for cells without a memory.
        let memory: AlignedBuffer<Float>
        /// d(loss)/d(h · U): two buffers of [N, G·H], since members write one while slower ones
        /// still read the other.
        let gates: [OperandBuffer]
        /// d(loss)/d(x · W), likewise; `gates` for cells with one gradient for both products, nil
        /// in the first layer.
        let inputGates: [OperandBuffer]?
    }

    let team: Team
    /// Products before masking: [N, H]; nil without dropout.
    let products: AlignedBuffer<Float>?
    let layers: [Layer]

    /// Allocates the gradients of a team.
    ///
    /// - Parameter dropout: the kinds of masks that the passes may need.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(_ team: Team, weights: PackedWeights, dropout: DropoutMasks.Use = DropoutMasks.Use(.none)) throws {
        self.team = team
        let configuration = weights.layout.configuration
        let (rows, units, cell) = (team.rows.count, configuration.rnnUnits, configuration.cell)
        products = dropout.isAny ? try AlignedBuffer(count: rows * units) : nil
        func operands() throws -> [OperandBuffer] {
            // A single worker needs only one buffer.
            try (0..<min(2, team.count)).map { _ in
                try OperandBuffer(rows: rows, columns: cell.gates * units, format: weights.products.format)
            }
        }
        layers = try weights.layers.map { layer in
            let gates = try operands()
            return Layer(
                hidden: try AlignedBuffer(count: rows * units),
                memory: try AlignedBuffer(count: rows * cell.memoryUnits(units)), gates: gates,
                inputGates: layer.kernel == nil ? nil : cell.separatesInputGradient ? try operands() : gates)
        }
    }
}
