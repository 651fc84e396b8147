import CKernels

/// Backward through time for a team's rows, for the units of one member.
///
/// Turns the tape's records into gradients of the gates, from d(loss)/d(h) of the top layer in the tape.
///
/// N rows, H units, G gates.
final class BackwardPass {
    /// The products of one recurrent layer, for the member's units of the result.
    private struct Products {
        /// hidden += gates · Uᵀ.
        let recurrent: any WeightProduct
        /// How a layer above the first hands its gradient down: below.hidden += input gates · Wᵀ.
        let input: (any WeightProduct)?
    }

    private let gradients: TeamGradients
    private let member: Int
    private let units: Range<Int>
    private let weights: PackedWeights
    private let tape: Tape
    private let cell: Cell
    private let places: [RowPlace]
    /// The member's columns of each gate.
    private let gateColumns: [Range<Int>]
    private let products: [Products]

    /// Makes a member's pass; the weights must be packed for training.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ gradients: TeamGradients, member: Int, weights: PackedWeights, tape: Tape) throws {
        let team = gradients.team
        let units = team.units[member]
        let columns = units.count == weights.layout.configuration.rnnUnits ? nil : ColumnGroups(first: units)
        func accumulating(_ matrix: PackedMatrix?) throws -> any WeightProduct {
            guard let matrix else { throw DTrainError(.internal, "the weights aren't packed for training") }
            return try matrix.product(rows: team.rows.count, columns: columns, accumulate: true)
        }
        (self.gradients, self.member, self.units) = (gradients, member, units)
        (self.weights, self.tape) = (weights, tape)
        cell = weights.layout.configuration.cell
        places = team.rows.map(tape.rankBatch.place)
        gateColumns = (0..<cell.gates).map {
            $0 * tape.units + units.lowerBound..<$0 * tape.units + units.upperBound
        }
        products = try weights.layers.map { layer in
            Products(
                recurrent: try accumulating(layer.recurrentTransposed),
                input: layer.kernel == nil ? nil : try accumulating(layer.kernelTransposed))
        }
    }

    /// Goes from the last time step to the first; all members call this.
    func run() {
        clear()
        for time in (0..<tape.rankBatch.sequenceLength).reversed() {
            tape.heartbeat.beat()
            addOutputGradients(time)
            for index in gradients.layers.indices.reversed() { step(layer: index, time) }
        }
    }

    /// Clears what is carried, for the member's units.
    private func clear() {
        let (first, count, width) = (units.lowerBound, units.count, tape.units)
        let memoryUnits = cell.memoryUnits(width)
        for layer in gradients.layers {
            for row in places.indices {
                (layer.hidden.pointer + row * width + first).update(repeating: 0, count: count)
                guard memoryUnits > 0 else { continue }
                (layer.memory.pointer + row * memoryUnits + first).update(repeating: 0, count: count)
            }
        }
    }

    private func addOutputGradients(_ time: Int) {
        guard let top = gradients.layers.last else { return }
        let (first, width) = (units.lowerBound, tape.units)
        for (row, place) in places.enumerated() {
            dtrain_add(
                Int64(units.count), tape.outputGradient(from: place.firstToken + place.token(time)) + first,
                top.hidden.pointer + row * width + first)
        }
    }

    private func step(layer index: Int, _ time: Int) {
        let (layer, products) = (gradients.layers[index], products[index])
        let turn = time % layer.gates.count
        gates(layer: index, time, turn)
        gradients.team.barrier.meet(member)
        if time > 0, let transposed = weights.layers[index].recurrentTransposed {
            products.recurrent(layer.gates[turn].bytes, transposed.bytes, layer.hidden.pointer)
        }
        if let product = products.input, let inputGates = layer.inputGates,
            let transposed = weights.layers[index].kernelTransposed
        {
            product(inputGates[turn].bytes, transposed.bytes, gradients.layers[index - 1].hidden.pointer)
        }
    }

    /// The gates of all rows, for the member's units.
    private func gates(layer index: Int, _ time: Int, _ turn: Int) {
        let (layer, backward) = (gradients.layers[index], cell.backward)
        let (width, places) = (tape.units, places)
        let (columns, memoryUnits) = (cell.gates * width, cell.memoryUnits(width))
        let kept = tape.layer(index)
        let (states, memories, gates) = (layer.hidden.pointer, layer.memory.pointer, layer.gates[turn])
        let separate = cell.separatesInputGradient ? layer.inputGates?[turn] : nil
        let inputGates = separate?.pointer
        var arguments = dtrain_backward_row()
        arguments.units = Int64(width)
        (arguments.first, arguments.end) = (Int64(units.lowerBound), Int64(units.upperBound))
        for (row, place) in places.enumerated() {
            arguments.hidden_before = UnsafePointer(kept.hidden(place, time))
            arguments.memory_before = UnsafePointer(kept.memory(place, time))
            arguments.hidden_gradient = states + row * width
            arguments.memory_gradient = memories + row * memoryUnits
            arguments.recurrent_gradient = gates.pointer + row * columns
            arguments.input_gradient = inputGates.map { $0 + row * columns }
            arguments.record = kept.record(place, time)
            backward(&arguments)
            for part in gateColumns {
                separate?.round(row: row, columns: part)
                gates.round(row: row, columns: part)
            }
        }
    }
}
