/// The recurrent states of a rank's rows between batches that continue one another.
///
/// Workers read and write the rows of their own teams, so the type is `Sendable` without the compiler's proof.
package final class CarriedStates: @unchecked Sendable {
    /// One recurrent layer; H units.
    package struct Layer: Sendable {
        /// h: [rows, H].
        package let hidden: AlignedBuffer<Float>
        /// The second state of cells that have one: [rows, H], else empty.
        package let memory: AlignedBuffer<Float>
    }

    /// The rank's rows.
    package let rows: Int
    /// From the input up.
    package let layers: [Layer]

    /// Makes states of zero.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ model: ModelConfiguration, rows: Int) throws {
        self.rows = rows
        layers = try (0..<model.layers).map { _ in
            Layer(
                hidden: try AlignedBuffer(count: rows * model.rnnUnits),
                memory: try AlignedBuffer(count: rows * model.cell.memoryUnits(model.rnnUnits)))
        }
    }

    /// Sets all states to zero.
    package func reset() {
        for layer in layers {
            layer.hidden.elements.update(repeating: 0)
            layer.memory.elements.update(repeating: 0)
        }
    }
}
