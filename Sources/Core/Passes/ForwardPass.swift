import CKernels

/// Advances a team's rows by one character at a time, for the units of one member.
///
/// All members call the same methods in the same order. Nothing else is shared with other workers but the packed weights.
///
/// N rows, H units, G gates.
final class ForwardPass {
    /// The products of one recurrent layer, for the member's units.
    private struct Products {
        let recurrent: any WeightProduct
        let input: (any WeightProduct)?
    }

    /// Where a training pass keeps what the backward pass needs: the tape, the rows' places in it, and the time.
    struct Recording {
        let tape: Tape
        let places: [RowPlace]
        var time: Int
    }

    private let states: TeamStates
    private let member: Int
    private let units: Range<Int>
    /// This worker's product for the rows of a table that is filled on the way.
    private let tableProduct: (any WeightProduct)?
    private let weights: PackedWeights
    private let parameters: UnsafePointer<Float>
    private let cell: Cell
    private let products: [Products]
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
        (self.states, self.member, self.units, self.cell) = (states, member, units, cell)
        (self.weights, self.parameters) = (weights, parameters)
        tableProduct = try weights.lazyTable?.product()
        products = try weights.layers.map {
            Products(recurrent: try product($0.recurrent), input: try $0.kernel.map(product))
        }
        zeros = try AlignedBuffer(count: width)
    }

    /// Forgets everything: all states become zero.
    func reset() {
        isAtStart = true
        let width = cell.memoryUnits(weights.layout.configuration.rnnUnits)
        for layer in states.layers where width > 0 {
            for row in 0..<states.team.rows.count {
                (layer.memory.pointer + row * width + units.lowerBound).update(repeating: 0, count: units.count)
            }
        }
    }

    /// Feeds one character to each row; when it returns, all members have.
    ///
    /// - Parameters:
    ///   - ids: for each row, the row of the weights' `inputs`; for weights that are only read, the vocabulary id.
    ///   - recording: where training keeps the gates and states.
    func advance(_ ids: UnsafePointer<UInt16>, recording: Recording? = nil) {
        if let table = weights.lazyTable, let tableProduct {
            for row in 0..<states.team.rows.count { table.fill(Int(ids[row]), with: tableProduct) }
        }
        for index in states.layers.indices {
            multiply(layer: index)
            gates(layer: index, ids, recording)
            states.team.barrier.meet(member)
        }
        isAtStart = false
        present = 1 - present
    }

    /// The top layer's states, operand of a product with the dense layer's weights: [N, H].
    var top: UnsafeRawPointer { states.layers[states.layers.count - 1].hidden[present].bytes }

    private func multiply(layer index: Int) {
        let (layer, products) = (states.layers[index], products[index])
        if isAtStart {
            clear(layer.recurrent.pointer)
        } else {
            products.recurrent(
                layer.hidden[present].bytes, weights.layers[index].recurrent.bytes, layer.recurrent.pointer)
        }
        if let product = products.input, let kernel = weights.layers[index].kernel, let input = layer.input {
            product(states.layers[index - 1].hidden[1 - present].bytes, kernel.bytes, input.pointer)
        }
    }

    /// Clears the member's columns of a product.
    private func clear(_ product: UnsafeMutablePointer<Float>) {
        let width = weights.layout.configuration.rnnUnits
        for place in 0..<states.team.rows.count * cell.gates {
            (product + place * width + units.lowerBound).update(repeating: 0, count: units.count)
        }
    }

    /// The gates of all rows, for the member's units.
    private func gates(layer index: Int, _ ids: UnsafePointer<UInt16>, _ recording: Recording?) {
        let (layer, forward) = (states.layers[index], cell.forward)
        let width = weights.layout.configuration.rnnUnits
        let (columns, memoryUnits) = (cell.gates * width, cell.memoryUnits(width))
        let (table, inputs) = (weights.inputs, (layer.input?.pointer).map { UnsafePointer($0) })
        let (recurrent, memories) = (layer.recurrent.pointer, layer.memory.pointer)
        let (before, next) = (layer.hidden[present].pointer, layer.hidden[1 - present])
        let after = next.pointer
        let kept = recording.map { (tape: $0.tape.layer(index), places: $0.places, time: $0.time) }
        var arguments = dtrain_forward_row()
        arguments.units = Int64(width)
        (arguments.first, arguments.end) = (Int64(units.lowerBound), Int64(units.upperBound))
        arguments.bias = parameters + weights.layout.recurrent[index].bias
        for row in 0..<states.team.rows.count {
            arguments.input = inputs.map { $0 + row * columns } ?? table + Int(ids[row]) * columns
            arguments.recurrent = UnsafePointer(recurrent + row * columns)
            arguments.hidden_before = UnsafePointer(isAtStart ? zeros.pointer : before + row * width)
            (arguments.hidden, arguments.memory) = (after + row * width, memories + row * memoryUnits)
            if let kept { arguments.record = kept.tape.record(kept.places[row], kept.time) }
            forward(&arguments)
            next.round(row: row, columns: units)
        }
    }
}
