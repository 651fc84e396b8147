import CKernels

/// The weights in the layouts that the products read, packed from the flat parameters once per
/// step.
///
/// All workers share them. The ranks of a host share them too, and each packs a part.
final class PackedWeights: @unchecked Sendable {
    /// One recurrent layer's weights; H units, G gates.
    struct Layer {
        /// The layer's offsets in the flat parameters.
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

    /// The use of the packed weights.
    enum Use {
        /// Training on batches with these characters.
        case training(BatchCharacters)
        /// Inference: evaluation or generation.
        case inference
    }

    /// The table of the first layer's input products, with a row for each character.
    private enum Table {
        case ofBatch(InputTable)
        case lazy(LazyTable)
    }

    let layout: ParameterLayout
    /// The products that read the packed weights, except the first layer's kernel, whose products
    /// are in float32.
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

    /// A piece of the packing, done by one worker.
    private enum Task {
        /// Packs columns of the matrix at an offset of the flat parameters.
        case matrix(PackedMatrix, offset: Int, columns: Range<Int>)
        /// Computes a part of the table.
        case table(InputTable, task: Int)
    }

    /// Allocates packed weights.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters, which must outlive this object.
    ///   - products: the products of all layers; the table stays in float32.
    ///   - use: the use of the weights; for training, the transposes for the backward pass are
    ///     packed too.
    ///   - host: memory that the ranks of the host share; nil for memory of this process.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
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
        case .inference:
            let kernel = try shapes.inputKernel()
            all += Self.tasks(kernel, offset: layout.recurrent[0].kernel)
            table = .lazy(try LazyTable(layout, parameters: parameters, kernel: kernel))
        }
        // The tasks take about the same time and are distributed round-robin.
        tasks = all.indices.filter { $0 % (host?.ranks ?? 1) == host?.index ?? 0 }.map { all[$0] }
        (self.layers, self.dense, self.denseTransposed) = (layers, dense, denseTransposed)
    }

    /// Allocates packed weights for inference.
    ///
    /// bf16 weights take two bytes each, even if they are multiplied in float32.
    static func forInference(
        _ layout: ParameterLayout, parameters: UnsafePointer<Float>, precision: Precision, pool: WorkerPool
    ) throws -> PackedWeights {
        let operands = try Arithmetic.best(for: precision).operands
        let format = operands == .roundedFP32 ? .expandedBF16 : operands
        return try PackedWeights(
            layout: layout, parameters: parameters, products: format.weightProducts(), use: .inference, pool: pool)
    }

    /// The first layer's input products, with G·H floats per row.
    ///
    /// Training has a row for each character of the batch. Inference has one for each character of
    /// the vocabulary, which must be filled before it is read.
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

    /// Packs the current parameters, on all workers of the pool.
    ///
    /// Collective if ranks share the packed weights: no rank may still read the old ones.
    func pack() throws {
        lazyTable?.removeAll()
        try pool.run { worker in
            while let task = pool.nextTask(below: tasks.count) { run(tasks[task], on: worker) }
        }
        try host?.barrier()
    }

    /// Waits until all ranks of the host have read the packed weights; collective.
    ///
    /// Only needed before `pack` if no other communication ensures it.
    func finishReading() throws { try host?.barrier() }

    /// Returns an upper bound for the bytes of the packed weights in training, padding included.
    ///
    /// - Parameter tableRows: the number of rows of the first layer's table.
    static func maxBytes(_ configuration: ModelConfiguration, tableRows: Int) -> Int {
        // Every layout pads a dimension by less than the columns of two blocks. Floating point
        // avoids overflow.
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

    /// Divides the packing of a matrix into tasks of whole column blocks.
    private static func tasks(_ matrix: PackedMatrix?, offset: Int) -> [Task] {
        guard let matrix else { return [] }
        let blocks = max(1, taskElements / max(1, matrix.depth * BlockPacking.blockColumns))
        let width = blocks * BlockPacking.blockColumns
        return stride(from: 0, to: matrix.columns, by: width).map {
            .matrix(matrix, offset: offset, columns: $0..<min(matrix.columns, $0 + width))
        }
    }

    /// The elements per task, at most a millisecond's work, which is small enough to balance many
    /// workers.
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

    /// Allocates a matrix of [H, columns].
    func forward(_ columns: Int) throws -> PackedMatrix {
        try PackedMatrix(depth: units, columns: columns, source: .rows, products: products, host: host)
    }

    /// Allocates a matrix of [columns, H], packed from its transpose; nil unless for training.
    func backward(_ columns: Int) throws -> PackedMatrix? {
        guard isForTraining else { return nil }
        return try PackedMatrix(depth: columns, columns: units, source: .transposed, products: products, host: host)
    }

    /// Allocates W of the first layer in float32: [E, G·H].
    func inputKernel() throws -> PackedMatrix {
        try PackedMatrix(
            depth: embeddingDim, columns: columns, source: .rows, products: OperandFormat.fp32.weightProducts(),
            host: host)
    }
}
