import CKernels

/// The weights in the forms that the products read, made from the flat parameters once a step.
///
/// All workers share them, and so do all ranks of a host, each of which packs a part.
final class PackedWeights: @unchecked Sendable {
    /// One recurrent layer's weights; H units, G gates.
    struct Layer {
        /// The layer's place in the flat parameters.
        let place: ParameterLayout.RecurrentLayer
        /// U: [H, G·H].
        let recurrent: PackedMatrix
        /// Uᵀ: [G·H, H]; for training.
        let recurrentTransposed: PackedMatrix?
        /// W: [H, G·H]; the first layer has a table instead.
        let kernel: PackedMatrix?
        /// Wᵀ: [G·H, H]; for training.
        let kernelTransposed: PackedMatrix?
    }

    /// What weights are packed for.
    enum Use {
        /// Training, on batches with these characters.
        case training(BatchCharacters)
        /// Reading a text or writing one.
        case reading
    }

    /// The first layer's input products: a character's input product is one row.
    private enum Table {
        case ofBatch(InputTable)
        case lazy(LazyTable)
    }

    let layout: ParameterLayout
    /// The products that read the packed weights: all but those of the first layer's kernel, which are of float32.
    let products: any WeightProducts
    let layers: [Layer]
    /// [H, V].
    let dense: PackedMatrix
    /// [V, H]; for training.
    let denseTransposed: PackedMatrix?

    private let table: Table
    private let parameters: UnsafePointer<Float>
    private let pool: WorkerPool
    private let host: (any HostMemory)?
    /// This rank's share of the packing.
    private let tasks: [Task]

    /// One piece of the packing; a worker's turn.
    private enum Task {
        /// Packs columns of the matrix at an offset of the flat parameters.
        case matrix(PackedMatrix, offset: Int, columns: Range<Int>)
        /// Runs a task of a table.
        case table(InputTable, task: Int)
    }

    /// Allocates packed weights.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters of that layout, which must outlive this object.
    ///   - products: the products of all layers; the table stays in float32.
    ///   - use: for training, the transposes that the backward pass needs are packed too.
    ///   - host: memory for all ranks of the host; nil for memory of this process.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        layout: ParameterLayout, parameters: UnsafePointer<Float>, products: any WeightProducts, use: Use,
        pool: WorkerPool, host: (any HostMemory)? = nil
    ) throws {
        let shapes = Shapes(layout.configuration, products: products, use: use, host: host)
        self.layout = layout
        self.parameters = parameters
        self.pool = pool
        self.host = host
        self.products = products
        let layers = try layout.recurrent.enumerated().map { index, place in
            Layer(
                place: place, recurrent: try shapes.forward(shapes.columns),
                recurrentTransposed: try shapes.backward(shapes.columns),
                kernel: index == 0 ? nil : try shapes.forward(shapes.columns),
                kernelTransposed: index == 0 ? nil : try shapes.backward(shapes.columns))
        }
        let dense = try shapes.forward(layout.configuration.vocabularySize)
        let denseTransposed = try shapes.backward(layout.configuration.vocabularySize)
        var all = layers.flatMap(Self.tasks)
        for matrix in [dense, denseTransposed] {
            all += Self.tasks(matrix, offset: layout.denseKernel)
        }
        switch use {
        case .training(let characters):
            let made = try InputTable(
                layout, parameters: parameters, characters: characters, workers: pool.count, host: host)
            all += (0..<made.taskCount).map { .table(made, task: $0) }
            table = .ofBatch(made)
        case .reading:
            let kernel = try shapes.inputKernel()
            all += Self.tasks(kernel, offset: layout.recurrent[0].kernel)
            table = .lazy(try LazyTable(layout, parameters: parameters, kernel: kernel))
        }
        // The tasks take about the same time and are distributed round-robin.
        tasks = all.indices.filter { $0 % (host?.ranks ?? 1) == host?.index ?? 0 }.map { all[$0] }
        (self.layers, self.dense, self.denseTransposed) = (layers, dense, denseTransposed)
    }

    /// Packed weights for inference.
    ///
    /// bf16 weights take two bytes each even where they are multiplied in float32.
    static func reading(
        _ layout: ParameterLayout, parameters: UnsafePointer<Float>, precision: Precision, pool: WorkerPool
    ) throws -> PackedWeights {
        let operands = try Arithmetic.best(for: precision).operands
        let format = operands == .roundedFP32 ? .expandedBF16 : operands
        return try PackedWeights(
            layout: layout, parameters: parameters, products: format.weightProducts(), use: .reading, pool: pool)
    }

    /// The first layer's input products, G·H floats a row: in training a row for each character of the batch, otherwise for each
    /// of the vocabulary, to be read once it is filled.
    var inputs: UnsafePointer<Float> {
        switch table {
        case .ofBatch(let table): UnsafePointer(table.values.pointer)
        case .lazy(let table): UnsafePointer(table.values.pointer)
        }
    }

    /// The table whose rows must be filled before they are read; nil in training.
    var lazyTable: LazyTable? {
        if case .lazy(let table) = table { table } else { nil }
    }

    /// Packs the present parameters, on all workers of the pool.
    ///
    /// Collective where ranks share the packed weights: none of them may still read the old ones.
    func pack() throws {
        lazyTable?.removeAll()
        try pool.run { worker in
            while let task = pool.nextTask(below: tasks.count) { run(tasks[task], on: worker) }
        }
        try host?.meet()
    }

    /// Waits until all ranks of the host have read the packed weights, where no other message tells; collective.
    func finishReading() throws { try host?.meet() }

    /// An upper bound of the bytes of a training's packed weights, padding included.
    ///
    /// - Parameter tableRows: the rows of the first layer's table.
    static func mostBytes(_ configuration: ModelConfiguration, tableRows: Int) -> Int {
        // No layout pads a dimension by the columns of two blocks. In floating point no size overflows.
        func padded(_ count: Int) -> Double { Double(count) + Double(2 * DTRAIN_BLOCK_COLUMNS - 1) }
        let (units, columns) = (
            padded(configuration.rnnUnits), padded(configuration.cell.gates * configuration.rnnUnits)
        )
        let kernels = Double(4 * configuration.layers - 2) * units * columns
        let elements =
            kernels + padded(tableRows) * columns + 2 * units * padded(configuration.vocabularySize)
        return Int(min(elements * Double(MemoryLayout<Float>.stride) + 0x1p16, 0x1p46))
    }

    private func run(_ task: Task, on worker: Int) {
        switch task {
        case .matrix(let matrix, let offset, let columns): matrix.pack(parameters + offset, columns: columns)
        case .table(let table, let task): table.run(task: task, worker: worker)
        }
    }

    private static func tasks(of layer: Layer) -> [Task] {
        tasks(layer.recurrent, offset: layer.place.recurrentKernel)
            + tasks(layer.recurrentTransposed, offset: layer.place.recurrentKernel)
            + tasks(layer.kernel, offset: layer.place.kernel)
            + tasks(layer.kernelTransposed, offset: layer.place.kernel)
    }

    /// The packing of a matrix in pieces of whole column blocks.
    private static func tasks(_ matrix: PackedMatrix?, offset: Int) -> [Task] {
        guard let matrix else { return [] }
        let blocks = max(1, taskElements / max(1, matrix.depth * BlockPacking.blockColumns))
        let width = blocks * BlockPacking.blockColumns
        return stride(from: 0, to: matrix.columns, by: width).map {
            .matrix(matrix, offset: offset, columns: $0..<min(matrix.columns, $0 + width))
        }
    }

    /// The elements of a task: a millisecond's work at most, so that many workers have some.
    private static let taskElements = 1 << 18
}

/// The shapes of a model's packed matrices.
private struct Shapes {
    /// G·H.
    let columns: Int
    private let units: Int
    private let embeddingDim: Int
    private let products: any WeightProducts
    private let host: (any HostMemory)?
    private let isForTraining: Bool

    init(
        _ configuration: ModelConfiguration, products: any WeightProducts, use: PackedWeights.Use,
        host: (any HostMemory)?
    ) {
        units = configuration.rnnUnits
        columns = configuration.cell.gates * configuration.rnnUnits
        embeddingDim = configuration.embeddingDim
        (self.products, self.host) = (products, host)
        isForTraining = if case .training = use { true } else { false }
    }

    /// A matrix of [H, columns].
    func forward(_ columns: Int) throws -> PackedMatrix {
        try PackedMatrix(depth: units, columns: columns, source: .rows, products: products, host: host)
    }

    /// A matrix of [columns, H], packed from its transpose; nil unless it is for training.
    func backward(_ columns: Int) throws -> PackedMatrix? {
        guard isForTraining else { return nil }
        return try PackedMatrix(depth: columns, columns: units, source: .transposed, products: products, host: host)
    }

    /// W of the first layer in float32: [E, G·H].
    func inputKernel() throws -> PackedMatrix {
        try PackedMatrix(
            depth: embeddingDim, columns: columns, source: .rows, products: OperandFormat.fp32.weightProducts(),
            host: host)
    }
}
