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

    let layout: ParameterLayout
    /// The products that read the packed weights: all but the table's.
    let products: any WeightProducts
    /// embeddings · W of the first layer, [V, G·H]: a character's input product is one row of it.
    let table: AlignedBuffer<Float>
    let layers: [Layer]
    /// [H, V].
    let dense: PackedMatrix
    /// [V, H]; for training.
    let denseTransposed: PackedMatrix?

    private let parameters: UnsafePointer<Float>
    private let pool: WorkerPool
    private let host: (any HostMemory)?
    /// This rank's share of the packing.
    private let tasks: [Task]

    /// One piece of the packing; a worker's turn.
    private enum Task {
        /// Packs the matrix at an offset of the flat parameters.
        case matrix(PackedMatrix, offset: Int)
        /// Computes the table's columns of one gate.
        case table(PlainProduct, gate: Int)
    }

    /// Allocates packed weights.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters of that layout, which must outlive this object.
    ///   - products: the products of all layers; the table stays in float32.
    ///   - training: whether the transposes that the backward pass needs are packed too.
    ///   - host: memory for all ranks of the host; nil for memory of this process.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        layout: ParameterLayout, parameters: UnsafePointer<Float>, products: any WeightProducts, training: Bool,
        pool: WorkerPool, host: (any HostMemory)? = nil
    ) throws {
        let configuration = layout.configuration
        let units = configuration.rnnUnits
        let columns = configuration.cell.gates * units
        func forward(_ columns: Int) throws -> PackedMatrix {
            try PackedMatrix(depth: units, columns: columns, source: .rows, products: products, host: host)
        }
        func backward(_ columns: Int) throws -> PackedMatrix? {
            guard training else { return nil }
            return try PackedMatrix(
                depth: columns, columns: units, source: .transposed, products: products, host: host)
        }
        self.layout = layout
        self.parameters = parameters
        self.pool = pool
        self.host = host
        self.products = products
        table = try AlignedBuffer(count: configuration.vocabularySize * columns, in: host)
        let layers = try layout.recurrent.enumerated().map { index, place in
            Layer(
                place: place, recurrent: try forward(columns), recurrentTransposed: try backward(columns),
                kernel: index == 0 ? nil : try forward(columns),
                kernelTransposed: index == 0 ? nil : try backward(columns))
        }
        let dense = try forward(configuration.vocabularySize)
        let denseTransposed = try backward(configuration.vocabularySize)
        var all = layers.flatMap(Self.tasks)
        for matrix in [dense, denseTransposed] {
            if let matrix { all.append(.matrix(matrix, offset: layout.denseKernel)) }
        }
        all += try Self.tableTasks(configuration)
        // The expensive tasks come first and are distributed round-robin.
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
            layout: layout, parameters: parameters, products: format.weightProducts(), training: false, pool: pool)
    }

    /// Packs the present parameters, on all workers of the pool.
    ///
    /// Collective where ranks share the packed weights: none of them may still read the old ones.
    func pack() throws {
        try pool.run { _ in
            while let task = pool.nextTask(below: tasks.count) { try run(tasks[task]) }
        }
        try host?.meet()
    }

    /// An upper bound of the bytes of a training's packed weights, padding included.
    static func mostBytes(_ configuration: ModelConfiguration) -> Int {
        // No layout pads a dimension by the columns of two blocks. In floating point no size overflows.
        func padded(_ count: Int) -> Double { Double(count) + Double(2 * DTRAIN_BLOCK_COLUMNS - 1) }
        let (units, columns) = (
            padded(configuration.rnnUnits), padded(configuration.cell.gates * configuration.rnnUnits)
        )
        let vocabularySize = padded(configuration.vocabularySize)
        let kernels = Double(4 * configuration.layers - 2) * units * columns
        let elements = kernels + 2 * units * vocabularySize + vocabularySize * columns
        return Int(min(elements * Double(MemoryLayout<Float>.stride) + 0x1p16, 0x1p46))
    }

    private func run(_ task: Task) throws {
        switch task {
        case .matrix(let matrix, let offset): try matrix.pack(parameters + offset)
        case .table(let product, let gate):
            let first = gate * layout.configuration.rnnUnits
            product(
                parameters + layout.embeddings, parameters + (layout.recurrent[0].kernel + first),
                table.pointer + first)
        }
    }

    private static func tasks(of layer: Layer) -> [Task] {
        func task(_ matrix: PackedMatrix?, _ offset: Int) -> Task? { matrix.map { .matrix($0, offset: offset) } }
        return [
            task(layer.recurrent, layer.place.recurrentKernel),
            task(layer.recurrentTransposed, layer.place.recurrentKernel),
            task(layer.kernel, layer.place.kernel),
            task(layer.kernelTransposed, layer.place.kernel),
        ].compactMap(\.self)
    }

    /// The table's product, a gate at a time.
    private static func tableTasks(_ configuration: ModelConfiguration) throws -> [Task] {
        let (units, embedding) = (configuration.rnnUnits, configuration.embeddingDim)
        let columns = configuration.cell.gates * units
        return try (0..<configuration.cell.gates).map { gate in
            let product = try PlainProduct(
                rows: configuration.vocabularySize, columns: units, depth: embedding, b: .rows(stride: columns),
                resultStride: columns)
            return .table(product, gate: gate)
        }
    }
}
