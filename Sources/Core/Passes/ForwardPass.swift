import CKernels

/// Advances a team's rows by one character at a time, for the units of one member.
///
/// All members call the same methods in the same order. Nothing else is shared with other workers but the packed weights.
///
/// N rows, H units, G gates.
final class ForwardPass {
    /// One recurrent layer.
    ///
    /// Addresses, since counting references to what all members share would slow each of them.
    private struct Layer {
        /// Both states: [N, H].
        let hidden: (OperandPlace, OperandPlace)
        /// Both states as operands of h · U, with some units dropped; nil without recurrent dropout.
        let masked: (OperandPlace, OperandPlace)?
        /// The output with some units dropped, operand of the layer above; nil without dropout.
        let dropped: OperandPlace?
        let memory: UnsafeMutablePointer<Float>
        /// h · U: [N, G·H].
        let recurrent: UnsafeMutablePointer<Float>
        /// x · W of a layer above the first: [N, G·H].
        let input: UnsafeMutablePointer<Float>?
        /// The packed U and W.
        let weights: (recurrent: UnsafeRawPointer, kernel: UnsafeRawPointer?)
        let bias: UnsafePointer<Float>
        /// For the member's units.
        let recurrentProduct: any WeightProduct
        let inputProduct: (any WeightProduct)?

        func state(_ index: Int) -> OperandPlace { index == 0 ? hidden.0 : hidden.1 }

        /// As the layer above or the head gets it.
        func output(_ index: Int, isDropping: Bool) -> OperandPlace { (isDropping ? dropped : nil) ?? state(index) }

        func masked(_ index: Int) -> OperandPlace? { index == 0 ? masked?.0 : masked?.1 }
    }

    /// Where a training pass keeps what the backward pass needs: each layer's values, the rows' places among them, and the time.
    struct Recording {
        let layers: [LayerTape]
        let places: [RowPlace]
        /// The rank's rows before the team's.
        let firstRow: Int
        /// Each layer's masks; nil where no units are dropped.
        let masks: [LayerMasks]?
        var time: Int
    }

    /// Keeps the memory behind the addresses.
    private let owners: (states: TeamStates, weights: PackedWeights)
    private let barrier: WorkerBarrier
    private let member: Int
    private let rows: Int
    private let units: Range<Int>
    /// H.
    private let width: Int
    private let gateCount: Int
    private let memoryUnits: Int
    private let forward: Cell.Forward
    private let layers: [Layer]
    /// The first layer's input products.
    private let table: UnsafePointer<Float>
    /// A table that is filled on the way, and this worker's product for it.
    private let lazyTable: (table: LazyTable, product: any WeightProduct)?
    /// The state before the first character: [H].
    private let zeros: AlignedBuffer<Float>
    private var isAtStart = true
    /// Which of the two states is the present one.
    private var present = 0

    /// Makes a member's pass.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ states: TeamStates, member: Int, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
        let configuration = weights.layout.configuration
        let (team, width, cell) = (states.team, configuration.rnnUnits, configuration.cell)
        let (rows, units) = (team.rows.count, team.units[member])
        let columns = ColumnGroups(first: units, count: cell.gates, stride: width)
        func product(_ matrix: PackedMatrix) throws -> any WeightProduct {
            try matrix.product(rows: rows, columns: units.count == width ? nil : columns)
        }
        (owners, barrier, self.member) = ((states, weights), team.barrier, member)
        (self.rows, self.units, self.width) = (rows, units, width)
        (gateCount, memoryUnits, forward) = (cell.gates, cell.memoryUnits(width), cell.forward)
        table = weights.inputs
        lazyTable = try weights.lazyTable.map { ($0, try $0.product()) }
        layers = try zip(states.layers, weights.layers).map { state, layer in
            Layer(
                hidden: (state.hidden[0].place, state.hidden[1].place),
                masked: state.masked.map { ($0[0].place, $0[1].place) }, dropped: state.dropped?.place,
                memory: state.memory.pointer,
                recurrent: state.recurrent.pointer, input: state.input?.pointer,
                weights: (layer.recurrent.bytes, layer.kernel?.bytes), bias: parameters + layer.place.bias,
                recurrentProduct: try product(layer.recurrent), inputProduct: try layer.kernel.map(product))
        }
        zeros = try AlignedBuffer(count: width)
    }

    /// Forgets everything: all states become zero.
    func reset() {
        isAtStart = true
        guard memoryUnits > 0 else { return }
        for layer in layers {
            for row in 0..<rows {
                (layer.memory + row * width + units.lowerBound).update(repeating: 0, count: units.count)
            }
        }
    }

    /// Starts from the states before the recording's first token instead of zeros; when it returns, all members have.
    func resume(_ recording: Recording) {
        for (index, (layer, tape)) in zip(layers, recording.layers).enumerated() {
            let hidden = layer.state(present)
            for (row, place) in recording.places.enumerated() {
                let first = units.lowerBound
                (hidden.pointer + row * width + first).update(from: tape.hidden(place, 0) + first, count: units.count)
                hidden.round(row: row, columns: units)
                mask(layer: index, row, recording, state: present)
                guard memoryUnits > 0 else { continue }
                (layer.memory + row * width + first).update(from: tape.memory(place, 0) + first, count: units.count)
            }
        }
        isAtStart = false
        barrier.meet(member)
    }

    /// Feeds one character to each row; when it returns, all members have.
    ///
    /// - Parameters:
    ///   - ids: for each row, the row of the weights' `inputs`; for weights that are only read, the vocabulary id.
    ///   - recording: where training keeps the gates and states.
    func advance(_ ids: UnsafePointer<UInt16>, recording: Recording? = nil) {
        if let lazyTable {
            for row in 0..<rows { lazyTable.table.fill(Int(ids[row]), with: lazyTable.product) }
        }
        for index in layers.indices {
            multiply(layer: index, isDropping: recording?.masks != nil)
            gates(layer: index, ids, recording)
            barrier.meet(member)
        }
        isAtStart = false
        present = 1 - present
    }

    /// The top layer's output, operand of a product with the dense layer's weights: [N, H].
    ///
    /// - Parameter isDropping: whether to leave out dropped units, for a pass whose team keeps that.
    func top(isDropping: Bool = false) -> UnsafeRawPointer {
        layers[layers.count - 1].output(present, isDropping: isDropping).bytes
    }

    private func multiply(layer index: Int, isDropping: Bool) {
        let layer = layers[index]
        if isAtStart {
            clear(layer.recurrent)
        } else {
            let operand = (isDropping ? layer.masked(present) : nil) ?? layer.state(present)
            layer.recurrentProduct(operand.bytes, layer.weights.recurrent, layer.recurrent)
        }
        if let product = layer.inputProduct, let kernel = layer.weights.kernel, let input = layer.input {
            product(layers[index - 1].output(1 - present, isDropping: isDropping).bytes, kernel, input)
        }
    }

    /// Clears the member's columns of a product.
    private func clear(_ product: UnsafeMutablePointer<Float>) {
        for place in 0..<rows * gateCount {
            (product + place * width + units.lowerBound).update(repeating: 0, count: units.count)
        }
    }

    /// The gates of all rows, for the member's units.
    private func gates(layer index: Int, _ ids: UnsafePointer<UInt16>, _ recording: Recording?) {
        let (layer, columns) = (layers[index], gateCount * width)
        let (before, after) = (layer.state(present).pointer, layer.state(1 - present))
        var arguments = dtrain_forward_row()
        arguments.units = Int64(width)
        (arguments.first, arguments.end) = (Int64(units.lowerBound), Int64(units.upperBound))
        arguments.bias = layer.bias
        for row in 0..<rows {
            arguments.input = layer.input.map { UnsafePointer($0 + row * columns) } ?? table + Int(ids[row]) * columns
            arguments.recurrent = UnsafePointer(layer.recurrent + row * columns)
            arguments.hidden_before = UnsafePointer(isAtStart ? zeros.pointer : before + row * width)
            (arguments.hidden, arguments.memory) = (after.pointer + row * width, layer.memory + row * memoryUnits)
            if let recording {
                arguments.record = recording.layers[index].record(recording.places[row], recording.time)
            }
            forward(&arguments)
            after.round(row: row, columns: units)
            if let recording, recording.masks != nil {
                mask(layer: index, row, recording, state: 1 - present)
                dropOutput(layer: index, row, recording)
            }
        }
    }

    /// Masks a row's new state as operand of the recurrent product, for the member's units.
    private func mask(layer index: Int, _ row: Int, _ recording: Recording, state: Int) {
        let layer = layers[index]
        guard let mask = recording.masks?[index].recurrent, let masked = layer.masked(state) else { return }
        let (first, place) = (units.lowerBound, row * width + units.lowerBound)
        mask.drop(
            at: (recording.firstRow + row) * width + first, count: units.count, layer.state(state).pointer + place,
            to: masked.pointer + place)
        masked.round(row: row, columns: units)
    }

    /// Drops units of a row's output, for the tape and the layer above.
    private func dropOutput(layer index: Int, _ row: Int, _ recording: Recording) {
        let (layer, rowPlace) = (layers[index], recording.places[row])
        let token = rowPlace.firstToken + rowPlace.token(recording.time)
        guard let mask = recording.masks?[index].output, let output = recording.layers[index].output(token) else {
            return
        }
        let (first, place) = (units.lowerBound, row * width + units.lowerBound)
        mask.drop(
            at: token * width + first, count: units.count, layer.state(1 - present).pointer + place,
            to: output + first)
        guard let dropped = layer.dropped else { return }
        (dropped.pointer + place).update(from: output + first, count: units.count)
        dropped.round(row: row, columns: units)
    }
}
