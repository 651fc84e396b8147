import CKernels

/// Advances a worker's rows by one character at a time: h and c of every layer, then the logits.
///
/// All rows go together, so every product has as many rows as the worker; nothing is shared with other workers but the
/// packed weights.
///
/// N rows, H units, G gates, V vocabulary.
final class ForwardPass {
    /// The state and products of one recurrent layer.
    private struct Layer {
        /// [N, H].
        let hidden: OperandBuffer
        /// LSTM: [N, H].
        let cell: AlignedBuffer<Float>?
        /// h · U: [N, G·H].
        let recurrent: AlignedBuffer<Float>
        let recurrentProduct: MatrixProduct
        /// x · W of a layer above the first: [N, G·H].
        let input: (product: MatrixProduct, values: AlignedBuffer<Float>)?
    }

    /// Where a training pass keeps what the backward pass needs: the tape, the rows' places in it, and the time.
    struct Recording {
        let tape: Tape
        let places: [RowPlace]
        var time: Int
    }

    let rows: Int
    private let weights: PackedWeights
    private let parameters: UnsafePointer<Float>
    private let layers: [Layer]
    private let denseProduct: MatrixProduct
    /// Without the dense bias: [N, V].
    let logits: AlignedBuffer<Float>

    init(rows: Int, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
        let configuration = weights.layout.configuration
        let units = configuration.rnnUnits
        let columns = configuration.cell.gates * units
        let productRows = MatrixProduct.steadyRows(rows)
        self.rows = rows
        self.weights = weights
        self.parameters = parameters
        layers = try weights.layers.map { layer in
            Layer(
                hidden: try OperandBuffer(count: productRows * units, format: weights.format),
                cell: configuration.cell == .lstm ? try AlignedBuffer(count: rows * units) : nil,
                recurrent: try AlignedBuffer(count: productRows * columns),
                recurrentProduct: try MatrixProduct(rows: productRows, weights: layer.recurrent),
                input: try layer.kernel.map {
                    (try MatrixProduct(rows: productRows, weights: $0), try AlignedBuffer(count: productRows * columns))
                })
        }
        denseProduct = try MatrixProduct(rows: productRows, weights: weights.dense)
        logits = try AlignedBuffer(count: productRows * configuration.vocabularySize)
    }

    /// Forgets everything: all states become zero.
    func reset() {
        for layer in layers {
            layer.hidden.clear()
            layer.cell?.elements.update(repeating: 0)
        }
    }

    /// Feeds one character to each row.
    ///
    /// - Parameters:
    ///   - ids: a vocabulary id a row.
    ///   - recording: where training keeps the gates and states.
    func advance(_ ids: UnsafePointer<UInt16>, recording: Recording? = nil) throws {
        for index in layers.indices { try advance(layer: index, ids, recording) }
        if let top = layers.last { try denseProduct(top.hidden.pointer, weights.dense.bytes, logits.pointer) }
    }

    private func advance(layer index: Int, _ ids: UnsafePointer<UInt16>, _ recording: Recording?) throws {
        let layer = layers[index]
        if recording?.time == 0 {
            // A window begins with the state zero.
            layer.recurrent.elements.update(repeating: 0)
        } else {
            try layer.recurrentProduct(
                layer.hidden.bytes, weights.layers[index].recurrent.bytes, layer.recurrent.pointer)
        }
        if let input = layer.input, let kernel = weights.layers[index].kernel {
            try input.product(layers[index - 1].hidden.bytes, kernel.bytes, input.values.pointer)
        }
        gates(layer: index, ids, recording)
    }

    /// The gates of all rows.
    private func gates(layer index: Int, _ ids: UnsafePointer<UInt16>, _ recording: Recording?) {
        let layer = layers[index]
        let units = weights.layout.configuration.rnnUnits
        let columns = weights.layout.configuration.cell.gates * units
        let bias = parameters + weights.layout.recurrent[index].bias
        let (table, inputs) = (weights.table.pointer, layer.input?.values.pointer)
        let (recurrent, states, cells) = (layer.recurrent.pointer, layer.hidden.pointer, layer.cell?.pointer)
        let kept = recording.map { (tape: $0.tape.layer(index), places: $0.places, time: $0.time) }
        let unrecorded = dtrain_record(
            values: nil, rows: 0, row: 0, units: Int64(units), panel: Int64(Panels.widest))
        for row in 0..<rows {
            let input = inputs.map { $0 + row * columns } ?? table + Int(ids[row]) * columns
            let record = kept.map { $0.tape.record($0.places[row], $0.time) } ?? unrecorded
            let state = states + row * units
            if let cell = cells.map({ $0 + row * units }) {
                dtrain_lstm_forward(record, input, recurrent + row * columns, bias, state, cell)
                if let kept { kept.tape.cell(kept.places[row], kept.time + 1)?.update(from: cell, count: units) }
            } else {
                dtrain_gru_forward(record, input, recurrent + row * columns, bias, state)
            }
            if let kept { kept.tape.hidden(kept.places[row], kept.time + 1).update(from: state, count: units) }
        }
        layer.hidden.round(from: 0, count: rows * units)
    }
}
