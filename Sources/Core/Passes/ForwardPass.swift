import CKernels

/// Advances a team's rows by one character at a time, for the units of one member.
///
/// All members must call the same methods in the same order. Other teams share only the packed
/// weights.
///
/// N rows, H units, G gates.
final class ForwardPass {
    /// One recurrent layer.
    ///
    /// Holds plain addresses, because all members would contend for the reference counts of shared
    /// objects.
    private struct Layer {
        /// Both states: [N, H].
        let hidden: (OperandPointers, OperandPointers)
        /// Both states with dropped units, as operands of h · U; nil without recurrent dropout.
        let masked: (OperandPointers, OperandPointers)?
        /// The output with dropped units, as operand of the layer above; nil without dropout.
        let dropped: OperandPointers?
        let memory: UnsafeMutablePointer<Float>
        /// h · U: [N, G·H].
        let recurrent: UnsafeMutablePointer<Float>
        /// x · W: [N, G·H]; nil in the first layer.
        let input: UnsafeMutablePointer<Float>?
        /// The packed U and W.
        let weights: (recurrent: UnsafeRawPointer, kernel: UnsafeRawPointer?)
        let bias: UnsafePointer<Float>
        /// h · U for the member's units.
        let recurrentProduct: any WeightProduct
        let inputProduct: (any WeightProduct)?

        func state(_ index: Int) -> OperandPointers { index == 0 ? hidden.0 : hidden.1 }

        /// Returns the state as the layer above or the head reads it.
        func output(_ index: Int, isDropping: Bool) -> OperandPointers { (isDropping ? dropped : nil) ?? state(index) }

        func masked(_ index: Int) -> OperandPointers? { index == 0 ? masked?.0 : masked?.1 }
    }

    /// The part of the tape where a training pass stores a time step's values for the backward
    /// pass.
    struct Recording {
        let layers: [LayerTape]
        let rowOffsets: [RowOffsets]
        /// The number of the rank's rows before the team's.
        let firstRow: Int
        /// The masks of each layer; nil if no units are dropped.
        let masks: [LayerMasks]?
        var time: Int
    }

    /// Keeps the memory at the addresses alive.
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
    /// A table that is filled on demand, and this worker's product for it; nil in training.
    private let lazyTable: (table: LazyTable, product: any WeightProduct)?
    /// The state before the first character: [H].
    private let zeros: AlignedBuffer<Float>
    private var isAtStart = true
    /// The index of the current one of the two states.
    private var current = 0

    /// Creates a member's pass.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
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
                hidden: (state.hidden[0].pointers, state.hidden[1].pointers),
                masked: state.masked.map { ($0[0].pointers, $0[1].pointers) }, dropped: state.dropped?.pointers,
                memory: state.memory.pointer,
                recurrent: state.recurrent.pointer, input: state.input?.pointer,
                weights: (layer.recurrent.bytes, layer.kernel?.bytes), bias: parameters + layer.place.bias,
                recurrentProduct: try product(layer.recurrent), inputProduct: try layer.kernel.map(product))
        }
        zeros = try AlignedBuffer(count: width)
    }

    /// Sets all states to zero.
    func reset() {
        isAtStart = true
        guard memoryUnits > 0 else { return }
        for layer in layers {
            for row in 0..<rows {
                (layer.memory + row * width + units.lowerBound).update(repeating: 0, count: units.count)
            }
        }
    }

    /// Starts from the states before the recording's first token instead of zeros; returns when all
    /// members have done so.
    func resume(_ recording: Recording) {
        for (index, (layer, tape)) in zip(layers, recording.layers).enumerated() {
            let hidden = layer.state(current)
            for (row, offsets) in recording.rowOffsets.enumerated() {
                let first = units.lowerBound
                (hidden.pointer + row * width + first).update(from: tape.hidden(offsets, 0) + first, count: units.count)
                hidden.round(row: row, columns: units)
                mask(layer: index, row, recording, state: current)
                guard memoryUnits > 0 else { continue }
                (layer.memory + row * width + first).update(from: tape.memory(offsets, 0) + first, count: units.count)
            }
        }
        isAtStart = false
        barrier.arriveAndWait(member)
    }

    /// Feeds one character to each row; returns when all members have done so.
    ///
    /// - Parameters:
    ///   - ids: the row of the weights' `inputs` for each row of the team; in inference, the
    ///     vocabulary id.
    ///   - recording: the part of the tape for the gates and states, in training.
    func advance(_ ids: UnsafePointer<UInt16>, recording: Recording? = nil) {
        if let lazyTable {
            for row in 0..<rows { lazyTable.table.fill(Int(ids[row]), with: lazyTable.product) }
        }
        for index in layers.indices {
            multiply(layer: index, isDropping: recording?.masks != nil)
            gates(layer: index, ids, recording)
            barrier.arriveAndWait(member)
        }
        isAtStart = false
        current = 1 - current
    }

    /// Returns the top layer's output, the operand of the product with the dense layer's weights:
    /// [N, H].
    ///
    /// - Parameter isDropping: whether to return the output with dropped units, if the team's
    ///   states include it.
    func top(isDropping: Bool = false) -> UnsafeRawPointer {
        layers[layers.count - 1].output(current, isDropping: isDropping).bytes
    }

    private func multiply(layer index: Int, isDropping: Bool) {
        let layer = layers[index]
        if isAtStart {
            clear(layer.recurrent)
        } else {
            let operand = (isDropping ? layer.masked(current) : nil) ?? layer.state(current)
            layer.recurrentProduct(operand.bytes, layer.weights.recurrent, layer.recurrent)
        }
        if let product = layer.inputProduct, let kernel = layer.weights.kernel, let input = layer.input {
            product(layers[index - 1].output(1 - current, isDropping: isDropping).bytes, kernel, input)
        }
    }

    /// Clears the member's columns of a product.
    private func clear(_ product: UnsafeMutablePointer<Float>) {
        for place in 0..<rows * gateCount {
            (product + place * width + units.lowerBound).update(repeating: 0, count: units.count)
        }
    }

    /// Computes the gates of all rows, for the member's units.
    private func gates(layer index: Int, _ ids: UnsafePointer<UInt16>, _ recording: Recording?) {
        let (layer, columns) = (layers[index], gateCount * width)
        let (before, after) = (layer.state(current).pointer, layer.state(1 - current))
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
                arguments.record = recording.layers[index].record(recording.rowOffsets[row], recording.time)
            }
            forward(&arguments)
            after.round(row: row, columns: units)
            if let recording, recording.masks != nil {
                mask(layer: index, row, recording, state: 1 - current)
                dropOutput(layer: index, row, recording)
            }
        }
    }

    /// Masks a row's state as operand of the recurrent product, for the member's units.
    private func mask(layer index: Int, _ row: Int, _ recording: Recording, state: Int) {
        let layer = layers[index]
        guard let mask = recording.masks?[index].recurrent, let masked = layer.masked(state) else { return }
        let (first, place) = (units.lowerBound, row * width + units.lowerBound)
        mask.drop(
            at: (recording.firstRow + row) * width + first, count: units.count, layer.state(state).pointer + place,
            to: masked.pointer + place)
        masked.round(row: row, columns: units)
    }

    /// Drops units of a row's output for the tape and the layer above.
    private func dropOutput(layer index: Int, _ row: Int, _ recording: Recording) {
        let (layer, offsets) = (layers[index], recording.rowOffsets[row])
        let token = offsets.firstToken + offsets.token(recording.time)
        guard let mask = recording.masks?[index].output, let output = recording.layers[index].output(token) else {
            return
        }
        let (first, place) = (units.lowerBound, row * width + units.lowerBound)
        mask.drop(
            at: token * width + first, count: units.count, layer.state(1 - current).pointer + place,
            to: output + first)
        guard let dropped = layer.dropped else { return }
        (dropped.pointer + place).update(from: output + first, count: units.count)
        dropped.round(row: row, columns: units)
    }
}
