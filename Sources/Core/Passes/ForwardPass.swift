import CKernels

/// Advances rows by one character at a time: the states of every layer, then the logits.
///
/// A worker has rows of its own, or a team of workers has rows together, each with some of the units; then the members advance in
/// step. Nothing else is shared with other workers but the packed weights.
///
/// N rows, H units, G gates, V vocabulary.
final class ForwardPass {
    /// The state of one recurrent layer.
    private struct Layer {
        /// [N, H].
        let hidden: OperandBuffer
        /// [N, H]: the second state of cells that have one, else empty.
        let memory: AlignedBuffer<Float>
        /// h · U: [N, G·H].
        let recurrent: AlignedBuffer<Float>
        /// x · W of a layer above the first: [N, G·H].
        let input: AlignedBuffer<Float>?
    }

    /// The products of one recurrent layer.
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

    let rows: Int
    /// This worker's product for the rows of a table that is filled on the way.
    private let tableProduct: (any WeightProduct)?
    /// Where a team meets.
    let barrier: WorkerBarrier
    private let weights: PackedWeights
    private let parameters: UnsafePointer<Float>
    private let cell: Cell
    private let units: Range<Int>
    private let layers: [Layer]
    private let products: [Products]
    /// Of a team, its first member's.
    private let denseProduct: (any WeightProduct)?
    /// Without the dense bias: [N, V].
    let logits: AlignedBuffer<Float>

    /// The pass of one worker with rows of its own.
    init(rows: Int, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
        let configuration = weights.layout.configuration
        let units = configuration.rnnUnits
        let cell = configuration.cell
        let columns = cell.gates * units
        self.rows = rows
        self.weights = weights
        self.parameters = parameters
        self.cell = cell
        self.units = 0..<units
        barrier = WorkerBarrier(count: 1)
        tableProduct = try weights.lazyTable?.product()
        layers = try weights.layers.map { layer in
            Layer(
                hidden: try OperandBuffer(rows: rows, columns: units, format: weights.products.format),
                memory: try AlignedBuffer(count: rows * cell.memoryUnits(units)),
                recurrent: try AlignedBuffer(count: rows * columns),
                input: layer.kernel == nil ? nil : try AlignedBuffer(count: rows * columns))
        }
        products = try weights.layers.map { layer in
            Products(
                recurrent: try layer.recurrent.product(rows: rows),
                input: try layer.kernel.map { try $0.product(rows: rows) })
        }
        denseProduct = try weights.dense.product(rows: rows)
        logits = try AlignedBuffer(count: rows * configuration.vocabularySize)
    }

    /// Forgets everything: all states become zero.
    func reset() {
        for layer in layers {
            layer.hidden.clear()
            layer.memory.elements.update(repeating: 0)
        }
    }

    /// Feeds one character to each row.
    ///
    /// - Parameters:
    ///   - ids: for each row, the row of the weights' `inputs`; for weights that are only read, the vocabulary id.
    ///   - recording: where training keeps the gates and states.
    func advance(_ ids: UnsafePointer<UInt16>, recording: Recording? = nil) throws {
        if let table = weights.lazyTable, let tableProduct {
            for row in 0..<rows { try table.fill(Int(ids[row]), with: tableProduct) }
        }
        for index in layers.indices {
            try multiply(layer: index, recording)
            // Others still read the states that the gates replace.
            barrier.meet()
            gates(layer: index, ids, recording)
            barrier.meet()
        }
        if let top = layers.last { try denseProduct?(top.hidden.bytes, weights.dense.bytes, logits.pointer) }
    }

    private func multiply(layer index: Int, _ recording: Recording?) throws {
        let (layer, products) = (layers[index], products[index])
        if recording?.time == 0 {
            // A window begins with the state zero.
            layer.recurrent.elements.update(repeating: 0)
        } else {
            try products.recurrent(
                layer.hidden.bytes, weights.layers[index].recurrent.bytes, layer.recurrent.pointer)
        }
        if let product = products.input, let kernel = weights.layers[index].kernel, let input = layer.input {
            try product(layers[index - 1].hidden.bytes, kernel.bytes, input.pointer)
        }
    }

    /// The gates of all rows, for this worker's units.
    private func gates(layer index: Int, _ ids: UnsafePointer<UInt16>, _ recording: Recording?) {
        let (layer, forward) = (layers[index], cell.forward)
        let width = weights.layout.configuration.rnnUnits
        let (columns, memoryUnits) = (cell.gates * width, cell.memoryUnits(width))
        let (table, inputs) = (weights.inputs, (layer.input?.pointer).map { UnsafePointer($0) })
        let (recurrent, states, memories) = (layer.recurrent.pointer, layer.hidden.pointer, layer.memory.pointer)
        let kept = recording.map { (tape: $0.tape.layer(index), places: $0.places, time: $0.time) }
        var arguments = dtrain_forward_row()
        arguments.units = Int64(width)
        (arguments.first, arguments.end) = (Int64(units.lowerBound), Int64(units.upperBound))
        arguments.bias = parameters + weights.layout.recurrent[index].bias
        for row in 0..<rows {
            arguments.input = inputs.map { $0 + row * columns } ?? table + Int(ids[row]) * columns
            arguments.recurrent = UnsafePointer(recurrent + row * columns)
            (arguments.hidden, arguments.memory) = (states + row * width, memories + row * memoryUnits)
            if let kept { arguments.record = kept.tape.record(kept.places[row], kept.time) }
            forward(&arguments)
            layer.hidden.round(row: row, columns: units)
        }
    }

    /// A member of a team, which works on the first member's states.
    private init(sharing first: ForwardPass, units: Range<Int>, barrier: WorkerBarrier, isFirst: Bool) throws {
        rows = first.rows
        weights = first.weights
        parameters = first.parameters
        cell = first.cell
        layers = first.layers
        logits = first.logits
        denseProduct = isFirst ? first.denseProduct : nil
        self.units = units
        self.barrier = barrier
        tableProduct = try weights.lazyTable?.product()
        let configuration = weights.layout.configuration
        let columns = ColumnGroups(
            first: units, count: cell.gates, stride: configuration.rnnUnits)
        let rows = rows
        products = try weights.layers.map { layer in
            Products(
                recurrent: try layer.recurrent.product(rows: rows, columns: columns),
                input: try layer.kernel.map { try $0.product(rows: rows, columns: columns) })
        }
    }

    /// The passes of workers that advance the same rows together, `teamSize` at most; `logits` are all one, complete when all
    /// have met after an advance.
    static func team(
        of workers: Int, rows: Int, weights: PackedWeights, parameters: UnsafePointer<Float>
    ) throws -> [ForwardPass] {
        let alone = try ForwardPass(rows: rows, weights: weights, parameters: parameters)
        guard workers > 1 else { return [alone] }
        let step = weights.products.columnStep
        let barrier = WorkerBarrier(count: workers)
        let parts = Partition.balanced(count: weights.layout.configuration.rnnUnits / step, parts: workers)
        return try parts.enumerated().map { index, part in
            try ForwardPass(
                sharing: alone, units: part.lowerBound * step..<part.upperBound * step, barrier: barrier,
                isFirst: index == 0)
        }
    }

    /// How many of some workers are of use as a team for all rows: each reads its part of the weights only, but waits for the
    /// others.
    static func teamSize(of workers: Int, rows: Int, weights: PackedWeights) -> Int {
        let configuration = weights.layout.configuration
        let matrices = weights.layers.flatMap { [$0.recurrent, $0.kernel].compactMap(\.self) }
        let step = weights.products.columnStep
        guard rows <= workers * mostTeamRows, configuration.rnnUnits.isMultiple(of: step) else { return 1 }
        let worthwhile = matrices.map { $0.depth * $0.columns }.reduce(0, +) / leastTeamElements
        return max(1, min(workers, worthwhile, configuration.rnnUnits / step))
    }

    /// Rows a worker; with more, computing takes longer than reading the weights.
    private static let mostTeamRows = 4
    /// The least weights a worker that outweigh the waiting.
    private static let leastTeamElements = 1 << 16
}
