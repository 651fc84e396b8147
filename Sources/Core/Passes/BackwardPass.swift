import CKernels

/// Backward through time for a worker's rows.
///
/// Turns the tape's records into gradients of the gates, from d(loss)/d(h) of the top layer in the tape.
///
/// N rows, H units, G gates.
final class BackwardPass {
    private struct Layer {
        /// d(loss)/d(h), carried from the later time step: [N, H].
        let hidden: AlignedBuffer<Float>
        /// d(loss)/d(memory), carried likewise: [N, H] for cells with a memory, else empty.
        let memory: AlignedBuffer<Float>
        /// d(loss)/d(h · U): [N, G·H].
        let gates: OperandBuffer
        /// hidden += gates · Uᵀ.
        let recurrentProduct: any WeightProduct
        /// In a layer above the first.
        let input: Input?
    }

    /// How a layer hands its gradient down: below.hidden += gates · Wᵀ.
    private struct Input {
        let product: any WeightProduct
        /// d(loss)/d(x · W), [N, G·H]: the layer's own gates in cells that have one gradient for
        /// both products.
        let gates: OperandBuffer
    }

    private let rows: Range<Int>
    private let weights: PackedWeights
    private let tape: Tape
    private let cell: Cell
    private let places: [RowPlace]
    private let layers: [Layer]

    /// Makes the pass for some rows of the rank; the weights must be packed for training.
    init(rows: Range<Int>, weights: PackedWeights, tape: Tape) throws {
        let configuration = weights.layout.configuration
        let units = configuration.rnnUnits
        let cell = configuration.cell
        let columns = cell.gates * units
        func accumulating(_ matrix: PackedMatrix?) throws -> any WeightProduct {
            guard let matrix else { throw DTrainError(.internal, "the weights aren't packed for training") }
            return try matrix.product(rows: rows.count, accumulate: true)
        }
        self.rows = rows
        self.weights = weights
        self.tape = tape
        self.cell = cell
        places = rows.map(tape.rankBatch.place)
        layers = try weights.layers.map { layer in
            let gates = try OperandBuffer(rows: rows.count, columns: columns, format: weights.products.format)
            return Layer(
                hidden: try AlignedBuffer(count: rows.count * units),
                memory: try AlignedBuffer(count: rows.count * cell.memoryUnits(units)),
                gates: gates,
                recurrentProduct: try accumulating(layer.recurrentTransposed),
                input: try layer.kernelTransposed.map {
                    Input(
                        product: try accumulating($0),
                        gates: cell.separatesInputGradient
                            ? try OperandBuffer(rows: rows.count, columns: columns, format: weights.products.format) : gates)
                })
        }
    }

    /// Goes from the last time step to the first.
    func run() throws {
        for layer in layers {
            layer.hidden.elements.update(repeating: 0)
            layer.memory.elements.update(repeating: 0)
        }
        for time in (0..<tape.rankBatch.sequenceLength).reversed() {
            tape.heartbeat.beat()
            if let top = layers.last {
                dtrain_add(Int64(rows.count * tape.units), tape.outputGradient(rows, time), top.hidden.pointer)
            }
            for index in layers.indices.reversed() { try step(layer: index, time) }
        }
    }

    private func step(layer index: Int, _ time: Int) throws {
        let layer = layers[index]
        gates(layer: index, time)
        if time > 0, let transposed = weights.layers[index].recurrentTransposed {
            try layer.recurrentProduct(layer.gates.bytes, transposed.bytes, layer.hidden.pointer)
        }
        if let input = layer.input, let transposed = weights.layers[index].kernelTransposed {
            try input.product(input.gates.bytes, transposed.bytes, layers[index - 1].hidden.pointer)
        }
    }

    /// The gates of all rows.
    private func gates(layer index: Int, _ time: Int) {
        let (layer, backward) = (layers[index], cell.backward)
        let (units, places) = (tape.units, places)
        let (columns, memoryUnits) = (cell.gates * units, cell.memoryUnits(units))
        let kept = tape.layer(index)
        let (states, memories, gates) = (layer.hidden.pointer, layer.memory.pointer, layer.gates.pointer)
        let separate = cell.separatesInputGradient ? layer.input?.gates : nil
        let inputGates = separate?.pointer
        var arguments = dtrain_backward_row()
        arguments.units = Int64(units)
        for (row, place) in places.enumerated() {
            arguments.hidden_before = UnsafePointer(kept.hidden(place, time))
            arguments.memory_before = UnsafePointer(kept.memory(place, time))
            arguments.hidden_gradient = states + row * units
            arguments.memory_gradient = memories + row * memoryUnits
            arguments.recurrent_gradient = gates + row * columns
            arguments.input_gradient = inputGates.map { $0 + row * columns }
            arguments.record = kept.record(place, time)
            backward(&arguments)
            separate?.round(row: row, columns: 0..<columns)
            layer.gates.round(row: row, columns: 0..<columns)
        }
    }
}
