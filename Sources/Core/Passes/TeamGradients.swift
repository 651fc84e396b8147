/// What the members of a team share while they take its rows back in time.
///
/// N rows, H units, G gates.
final class TeamGradients {
    /// The gradients of one recurrent layer.
    struct Layer {
        /// d(loss)/d(h), carried from the later time step: [N, H].
        let hidden: AlignedBuffer<Float>
        /// d(loss)/d(memory), carried likewise: [N, H] for cells with a memory, else empty.
        let memory: AlignedBuffer<Float>
        /// d(loss)/d(h · U): [N, G·H], twice: members write one while slower ones still read the other.
        let gates: [OperandBuffer]
        /// d(loss)/d(x · W), [N, G·H], twice, in a layer above the first: `gates` in cells that have one gradient for both products.
        let inputGates: [OperandBuffer]?
    }

    let team: Team
    /// Products of which some units are dropped before they are added to a gradient: [N, H]; nil without dropout.
    let products: AlignedBuffer<Float>?
    let layers: [Layer]

    /// Allocates the gradients of a team.
    ///
    /// - Parameter dropout: the kinds that its passes may need.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ team: Team, weights: PackedWeights, dropout: DropoutMasks.Use = DropoutMasks.Use(.none)) throws {
        self.team = team
        let configuration = weights.layout.configuration
        let (rows, units, cell) = (team.rows.count, configuration.rnnUnits, configuration.cell)
        products = dropout.isAny ? try AlignedBuffer(count: rows * units) : nil
        func operands() throws -> [OperandBuffer] {
            // One worker alone needs no second one.
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
