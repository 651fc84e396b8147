/// The recurrent states of a rank's rows, carried from a batch to the next that continues it.
///
/// Unchecked `Sendable`: each worker reads and writes only the rows of its own team.
package final class CarriedStates: @unchecked Sendable {
    /// One recurrent layer; H units.
    package struct Layer: Sendable {
        /// h: [rows, H].
        package let hidden: AlignedBuffer<Float>
        /// The second state: [rows, H]; empty for cells without one.
        package let memory: AlignedBuffer<Float>
    }

    /// The number of the rank's rows.
    package let rows: Int
    /// The layers' states, from the input up.
    package let layers: [Layer]

    /// Creates states of zero.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
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
