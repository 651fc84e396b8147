import CKernels

/// Backward through time for a worker's rows: turns the tape's records into gradients of the gates.
///
/// Reads d(loss)/d(logits) from the tape.
///
/// N rows, H units, G gates, V vocabulary.
final class BackwardPass {
    private struct Layer {
        /// d(loss)/d(h), carried from the later time step: [N, H].
        let hidden: AlignedBuffer<Float>
        /// LSTM: d(loss)/d(c), carried: [N, H].
        let cell: AlignedBuffer<Float>?
        /// d(loss)/d(h · U): [N, G·H].
        let gates: OperandBuffer
        /// hidden += gates · Uᵀ.
        let recurrentProduct: any WeightProduct
        /// A layer above the first: below.hidden += gates · Wᵀ, where GRU has other gates than for the recurrent product,
        /// d(loss)/d(x · W): [N, G·H].
        let input: (product: any WeightProduct, gates: OperandBuffer?)?
    }

    private let rows: Int
    private let weights: PackedWeights
    private let tape: Tape
    private let places: [RowPlace]
    private let layers: [Layer]
    /// [N, V].
    private let logitsGradient: OperandBuffer
    private let denseProduct: any WeightProduct

    /// Makes the pass for the rows with these places in the tape; the weights must be packed for training.
    init(weights: PackedWeights, tape: Tape, places: [RowPlace]) throws {
        let configuration = weights.layout.configuration
        let units = configuration.rnnUnits
        let columns = configuration.cell.gates * units
        let rows = places.count
        let productRows = weights.products.steadyRows(rows)
        let isGRU = configuration.cell == .gru
        func accumulating(_ matrix: PackedMatrix?) throws -> any WeightProduct {
            guard let matrix else { throw DTrainError(.internal, "the weights aren't packed for training") }
            return try matrix.product(rows: productRows, accumulate: true)
        }
        self.rows = rows
        self.weights = weights
        self.tape = tape
        self.places = places
        layers = try weights.layers.map { layer in
            Layer(
                hidden: try AlignedBuffer(count: productRows * units),
                cell: configuration.cell == .lstm ? try AlignedBuffer(count: rows * units) : nil,
                gates: try OperandBuffer(count: productRows * columns, format: weights.products.format),
                recurrentProduct: try accumulating(layer.recurrentTransposed),
                input: try layer.kernelTransposed.map {
                    (
                        try accumulating($0),
                        isGRU ? try OperandBuffer(count: productRows * columns, format: weights.products.format) : nil
                    )
                })
        }
        logitsGradient = try OperandBuffer(
            count: productRows * configuration.vocabularySize, format: weights.products.format)
        denseProduct = try accumulating(weights.denseTransposed)
    }

    /// Goes from the last time step to the first.
    func run() throws {
        for layer in layers {
            layer.hidden.elements.update(repeating: 0)
            layer.cell?.elements.update(repeating: 0)
        }
        for time in (0..<tape.rankBatch.sequenceLength).reversed() {
            tape.heartbeat.beat()
            try head(time)
            for index in layers.indices.reversed() { try step(layer: index, time) }
        }
    }

    /// Adds what the loss at this time step says of the top layer's h.
    private func head(_ time: Int) throws {
        for row in 0..<rows {
            tape.copyLogitsGradient(
                places[row], time, row: logitsGradient.pointer + row * tape.vocabularySize, keep: false)
        }
        logitsGradient.round(from: 0, count: rows * tape.vocabularySize)
        if let top = layers.last, let dense = weights.denseTransposed {
            try denseProduct(logitsGradient.bytes, dense.bytes, top.hidden.pointer)
        }
    }

    private func step(layer index: Int, _ time: Int) throws {
        let layer = layers[index]
        gates(layer: index, time)
        if time > 0, let transposed = weights.layers[index].recurrentTransposed {
            try layer.recurrentProduct(layer.gates.bytes, transposed.bytes, layer.hidden.pointer)
        }
        if let input = layer.input, let transposed = weights.layers[index].kernelTransposed {
            let gates = input.gates ?? layer.gates
            try input.product(gates.bytes, transposed.bytes, layers[index - 1].hidden.pointer)
        }
    }

    /// The gates of all rows.
    private func gates(layer index: Int, _ time: Int) {
        let layer = layers[index]
        let (units, places) = (tape.units, places)
        let columns = weights.layout.configuration.cell.gates * units
        let kept = tape.layer(index)
        let (states, cells, gates) = (layer.hidden.pointer, layer.cell?.pointer, layer.gates.pointer)
        let inputGates = layer.input?.gates
        for row in 0..<rows {
            let (place, gates) = (places[row], gates + row * columns)
            let record = kept.record(place, time)
            if let cells, let before = kept.cell(place, time), let after = kept.cell(place, time + 1) {
                dtrain_lstm_backward(record, before, after, states + row * units, cells + row * units, gates)
            } else {
                let inputGates = inputGates.map { $0.pointer + row * columns }
                dtrain_gru_backward(record, kept.hidden(place, time), states + row * units, gates, inputGates)
            }
        }
        inputGates?.round(from: 0, count: rows * columns)
        layer.gates.round(from: 0, count: rows * columns)
    }
}
