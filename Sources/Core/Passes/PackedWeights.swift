import CKernels

/// The weights in the forms that the products read, made from the flat parameters once a step and shared by all workers, and by
/// all ranks of a host, each of which makes a part of them.
final class PackedWeights: @unchecked Sendable {
    /// One recurrent layer's weights; H units, G gates.
    struct Layer {
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
    private var tasks: [() throws -> Void] = []
    private var work: WorkerPool.Work = { _ in }

    /// Allocates packed weights.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters of that layout, which must outlive this object.
    ///   - products: the products of all layers; the table stays in float32.
    ///   - training: whether the transposes that the backward pass needs are packed too.
    ///   - host: where they are kept for all ranks of the host.
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
        layers = try (0..<configuration.layers).map { index in
            Layer(
                recurrent: try forward(columns), recurrentTransposed: try backward(columns),
                kernel: index == 0 ? nil : try forward(columns),
                kernelTransposed: index == 0 ? nil : try backward(columns))
        }
        dense = try forward(configuration.vocabularySize)
        denseTransposed = try backward(configuration.vocabularySize)
        let all = try makeTasks()
        // The dearest come first, and in turn.
        tasks = all.indices.filter { $0 % (host?.ranks ?? 1) == host?.index ?? 0 }.map { all[$0] }
        work = { [unowned self] _ in
            while let task = self.pool.nextTask(below: self.tasks.count) { try self.tasks[task]() }
        }
    }

    /// Packed weights of a model that is only read.
    ///
    /// bf16 weights take two bytes each even where they are multiplied in float32.
    static func reading(
        _ layout: ParameterLayout, parameters: UnsafePointer<Float>, precision: Precision, pool: WorkerPool
    ) throws -> PackedWeights {
        let expands = precision.isComputedInFP32 && OperandFormat.expandedBF16.isSupported
        let format = expands ? .expandedBF16 : precision.operands
        return try PackedWeights(
            layout: layout, parameters: parameters, products: format.weightProducts(), training: false, pool: pool)
    }

    /// Makes all forms anew from the parameters, on all workers of the pool.
    ///
    /// Collective where ranks share them: called when no rank of the host reads the old ones any more.
    func pack() throws {
        try pool.run(work)
        try host?.meet()
    }

    /// The most bytes that a training's packed weights take, padding included.
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

    private func makeTasks() throws -> [() throws -> Void] {
        var tasks: [() throws -> Void] = []
        func add(_ matrix: PackedMatrix?, _ offset: Int) {
            guard let matrix else { return }
            tasks.append { [parameters] in try matrix.pack(parameters + offset) }
        }
        for (layer, place) in zip(layers, layout.recurrent) {
            add(layer.recurrent, place.recurrentKernel)
            add(layer.recurrentTransposed, place.recurrentKernel)
            add(layer.kernel, place.kernel)
            add(layer.kernelTransposed, place.kernel)
        }
        add(dense, layout.denseKernel)
        add(denseTransposed, layout.denseKernel)
        return tasks + (try tableTasks())
    }

    /// The table's product, a gate at a time.
    private func tableTasks() throws -> [() throws -> Void] {
        let configuration = layout.configuration
        let units = configuration.rnnUnits
        let columns = configuration.cell.gates * units
        let (embeddings, kernel) = (parameters + layout.embeddings, parameters + layout.recurrent[0].kernel)
        return try (0..<configuration.cell.gates).map { gate in
            let product = try PlainProduct(
                rows: configuration.vocabularySize, columns: units, depth: configuration.embeddingDim,
                a: .rows(stride: configuration.embeddingDim), b: .rows(stride: columns), c: .rows(stride: columns))
            let target = table.pointer + gate * units
            return { try product(embeddings, kernel + gate * units, target) }
        }
    }
}
