import CKernels

/// The backward pass through time for a team's rows, for the units of one member.
///
/// Starts from d(loss)/d(h) of the top layer on the tape, and replaces the tape's records by
/// gradients of the gates.
///
/// N rows, H units, G gates.
final class BackwardPass {
    /// One recurrent layer.
    ///
    /// Holds plain addresses, because all members would contend for the reference counts of shared
    /// objects.
    private struct Layer {
        let hidden: UnsafeMutablePointer<Float>
        let memory: UnsafeMutablePointer<Float>
        /// d(loss)/d(h · U), [N, G·H]; the time steps alternate between the buffers.
        let gates: [OperandPointers]
        /// d(loss)/d(x · W), alternating likewise; nil in the first layer.
        let inputGates: [OperandPointers]?
        /// The packed Uᵀ and Wᵀ.
        let weights: (recurrent: UnsafeRawPointer, kernel: UnsafeRawPointer?)
        let kept: LayerTape
        /// gates · Uᵀ for the member's units, added to `hidden` directly or after masking.
        let recurrentProduct: any WeightProduct
        /// input gates · Wᵀ for the member's units, added to `hidden` of the layer below; nil in
        /// the first layer.
        let inputProduct: (any WeightProduct)?
    }

    /// Keeps the memory at the addresses alive.
    private let owners: (gradients: TeamGradients, weights: PackedWeights)
    private let barrier: WorkerBarrier
    private let member: Int
    private let units: Range<Int>
    private let tape: Tape
    private let backward: Cell.Backward
    /// Whether the gradients of x · W and h · U differ.
    private let isSeparate: Bool
    /// G·H.
    private let columns: Int
    private let memoryUnits: Int
    private let rowOffsets: [RowOffsets]
    /// The member's columns of each gate.
    private let gateColumns: [Range<Int>]
    private let layers: [Layer]
    /// Products before masking; nil without dropout.
    private let products: UnsafeMutablePointer<Float>?
    /// The number of the rank's rows before the team's.
    private let firstRow: Int

    /// Creates a member's pass; the weights must be packed for training.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(
        _ gradients: TeamGradients, member: Int, weights: PackedWeights, tape: Tape, dropout: DropoutMasks.Use
    ) throws {
        let (team, cell, width) = (gradients.team, weights.layout.configuration.cell, tape.units)
        let units = team.units[member]
        let columns = units.count == width ? nil : ColumnGroups(first: units)
        func product(_ matrix: PackedMatrix, isMasked: Bool) throws -> any WeightProduct {
            try matrix.product(rows: team.rows.count, columns: columns, accumulate: !isMasked)
        }
        (owners, barrier, self.member, self.units) = ((gradients, weights), team.barrier, member, units)
        (self.tape, backward, isSeparate) = (tape, cell.backward, cell.separatesInputGradient)
        (self.columns, memoryUnits) = (cell.gates * width, cell.memoryUnits(width))
        rowOffsets = team.rows.map(tape.rankBatch.offsets)
        (products, firstRow) = (gradients.products?.pointer, team.rows.lowerBound)
        gateColumns = (0..<cell.gates).map { $0 * width + units.lowerBound..<$0 * width + units.upperBound }
        layers = try gradients.layers.indices.map { index in
            let (gradient, packed) = (gradients.layers[index], weights.layers[index])
            guard let recurrent = packed.recurrentTransposed else {
                throw DTrainError(.internal, "the weights aren't packed for training; please report this")
            }
            return Layer(
                hidden: gradient.hidden.pointer, memory: gradient.memory.pointer, gates: gradient.gates.map(\.pointers),
                inputGates: gradient.inputGates?.map(\.pointers),
                weights: (recurrent.bytes, packed.kernelTransposed?.bytes), kept: tape.layer(index),
                recurrentProduct: try product(recurrent, isMasked: dropout.recurrent),
                inputProduct: try packed.kernelTransposed.map { try product($0, isMasked: dropout.inputs) })
        }
    }

    /// Runs from the last time step to the first; all members must call this.
    ///
    /// - Parameter masks: the masks of each layer; nil if no units are dropped.
    func run(_ masks: [LayerMasks]? = nil) {
        clear()
        for time in (0..<tape.rankBatch.sequenceLength).reversed() {
            if member == 0 { tape.heartbeat.beat() }
            addOutputGradients(time, masks?[layers.count - 1].output)
            for index in layers.indices.reversed() { step(layer: index, time, masks) }
        }
    }

    /// Clears the carried gradients of the member's units.
    private func clear() {
        let (first, count, width) = (units.lowerBound, units.count, tape.units)
        for layer in layers {
            for row in rowOffsets.indices {
                (layer.hidden + row * width + first).update(repeating: 0, count: count)
                if memoryUnits > 0 { (layer.memory + row * memoryUnits + first).update(repeating: 0, count: count) }
            }
        }
    }

    private func addOutputGradients(_ time: Int, _ mask: LayerMasks.Mask?) {
        let (first, width, top) = (units.lowerBound, tape.units, layers[layers.count - 1].hidden)
        let gradients = tape.outputGradient(from: 0)
        for (row, offsets) in rowOffsets.enumerated() {
            let token = offsets.firstToken + offsets.token(time)
            let (from, to) = (gradients + token * width + first, top + row * width + first)
            if let mask {
                mask.dropAndAdd(at: token * width + first, count: units.count, from, to: to)
            } else {
                dtrain_add(Int64(units.count), from, to)
            }
        }
    }

    private func step(layer index: Int, _ time: Int, _ masks: [LayerMasks]?) {
        let layer = layers[index]
        let turn = time % layer.gates.count
        gates(layer, time, turn)
        barrier.arriveAndWait(member)
        if time > 0 {
            add(
                { layer.recurrentProduct(layer.gates[turn].bytes, layer.weights.recurrent, $0) },
                masks?[index].recurrent, to: layer.hidden
            ) { row in firstRow + row }
        }
        if let product = layer.inputProduct, let gates = layer.inputGates, let kernel = layer.weights.kernel {
            add(
                { product(gates[turn].bytes, kernel, $0) }, masks?[index - 1].output, to: layers[index - 1].hidden
            ) { row in rowOffsets[row].firstToken + rowOffsets[row].token(time) }
        }
    }

    /// Adds a product to a gradient, masked if there is a mask.
    ///
    /// - Parameter maskRow: returns the mask's row for a row of the team.
    private func add(
        _ product: (UnsafeMutablePointer<Float>) -> Void, _ mask: LayerMasks.Mask?,
        to sum: UnsafeMutablePointer<Float>, maskRow: (Int) -> Int
    ) {
        guard let mask, let products else { return product(sum) }
        product(products)
        let (first, width) = (units.lowerBound, tape.units)
        for row in rowOffsets.indices {
            mask.dropAndAdd(
                at: maskRow(row) * width + first, count: units.count, products + row * width + first,
                to: sum + row * width + first)
        }
    }

    /// Computes the gates' gradients of all rows, for the member's units.
    private func gates(_ layer: Layer, _ time: Int, _ turn: Int) {
        let (width, gates) = (tape.units, layer.gates[turn])
        let separate = isSeparate ? layer.inputGates?[turn] : nil
        var arguments = dtrain_backward_row()
        arguments.units = Int64(width)
        (arguments.first, arguments.end) = (Int64(units.lowerBound), Int64(units.upperBound))
        for (row, offsets) in rowOffsets.enumerated() {
            arguments.hidden_before = UnsafePointer(layer.kept.hidden(offsets, time))
            arguments.memory_before = UnsafePointer(layer.kept.memory(offsets, time))
            arguments.hidden_gradient = layer.hidden + row * width
            arguments.memory_gradient = layer.memory + row * memoryUnits
            arguments.recurrent_gradient = gates.pointer + row * columns
            arguments.input_gradient = separate.map { $0.pointer + row * columns }
            arguments.record = layer.kept.record(offsets, time)
            backward(&arguments)
            for part in gateColumns {
                separate?.round(row: row, columns: part)
                gates.round(row: row, columns: part)
            }
        }
    }
}
