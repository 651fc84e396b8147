import CKernels

/// The gradients of the embedding and of the first kernel, computed from the table's: dE = dTable ·
/// Wᵀ, dW = Eᵀ · dTable.
///
/// Only the rows of characters that occur enter, in ascending order; the other rows of dE are zero.
/// Tasks divide the results' rows and columns, but not the depth of a sum.
///
/// E is the embedding's width; the first layer has H units and G gates.
final class TableGradient: @unchecked Sendable {
    /// A column panel of the table's gradient: [R][width].
    private struct Panel {
        /// The first column in the table.
        let column: Int
        let width: Int
        let values: UnsafePointer<Float>
    }

    /// A worker's buffers.
    private struct Buffers {
        /// A block of dE: [rows][columns of a block].
        let embeddings: AlignedBuffer<Float>
        let scratch: AlignedBuffer<Float>
        /// A panel of dW: [E][width].
        let kernel: AlignedBuffer<Float>
    }

    /// The rows per task of dE.
    private static let taskRows = 128
    /// The columns per task of dE, which are those of a block of packed weights.
    private static let taskColumns = DTRAIN_BLOCK_COLUMNS

    private let gradient: GradientSums
    private let characters: BatchCharacters
    private let parameters: UnsafePointer<Float>
    /// Wᵀ in column blocks: [G·H, E].
    ///
    /// Separate from `PackedWeights`, which another rank of the host may already be replacing.
    private let kernelTransposed: AlignedBuffer<Float>
    private let embeddingDim: Int
    /// G·H.
    private let columns: Int
    /// The panels, from the table's first column to its last.
    private let panels: [Panel]
    /// The embeddings of the characters that occur, in the layout of packed float32 states.
    private let embeddings: AlignedBuffer<Float>
    private let buffers: [Buffers]
    /// The ids whose rows of dE may be nonzero.
    private let written: AlignedBuffer<UInt16>
    private var writtenCount = 0

    /// Allocates the buffers for a gradient.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters, which must outlive this object.
    ///   - workers: the number of workers that run tasks.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(
        _ gradient: GradientSums, characters: BatchCharacters, parameters: UnsafePointer<Float>,
        workers: Int
    ) throws {
        let layout = gradient.layout
        let configuration = layout.parameters.configuration
        let (embeddingDim, columns) = (
            configuration.embeddingDim, configuration.cell.gates * configuration.rnnUnits
        )
        self.gradient = gradient
        self.characters = characters
        self.parameters = parameters
        self.embeddingDim = embeddingDim
        self.columns = columns
        kernelTransposed = try AlignedBuffer(count: BlockPacking.words(columns: embeddingDim, steps: columns))
        panels = gradient.blocks.places.filter { layout.table.contains($0.matrix.offset) }
            .sorted { $0.matrix.offset < $1.matrix.offset }
            .map {
                Panel(
                    column: $0.matrix.offset - layout.table.lowerBound, width: $0.matrix.width,
                    values: UnsafePointer(gradient.sums.pointer + $0.start))
            }
        let groups = embeddingDim.groups(of: DTRAIN_STATE_GROUP)
        embeddings = try AlignedBuffer(count: groups * DTRAIN_STATE_GROUP * characters.capacity)
        let width = panels.map(\.width).max() ?? 0
        buffers = try (0..<workers).map { _ in
            Buffers(
                embeddings: try AlignedBuffer(count: Self.taskRows * Self.taskColumns),
                scratch: try AlignedBuffer(count: Int(dtrain_packed_product_scratch(Int64(Self.taskRows)))),
                kernel: try AlignedBuffer(count: embeddingDim * width))
        }
        written = try AlignedBuffer(count: characters.capacity)
    }

    /// Computes both gradients for the step's weights, on all workers of a pool.
    func run(on pool: WorkerPool) throws {
        clear()
        let groups = embeddingDim.groups(of: DTRAIN_STATE_GROUP)
        let blocks = embeddingDim.groups(of: Self.taskColumns)
        try pool.run { _ in
            while let task = pool.nextTask(below: blocks + groups) {
                if task < blocks { packKernel(block: task) } else { packEmbeddings(group: task - blocks) }
            }
        }
        let pieces = characters.count.groups(of: Self.taskRows) * blocks
        try pool.run { worker in
            while let task = pool.nextTask(below: pieces + panels.count) {
                if task < pieces {
                    embeddings(rows: task / blocks, block: task % blocks, buffers[worker])
                } else {
                    kernel(panels[task - pieces], buffers[worker])
                }
            }
        }
    }

    /// Zeroes the rows of dE that the previous step has written.
    private func clear() {
        let first = gradient.inputs.pointer + gradient.layout.parameters.embeddings
        for id in written.elements.prefix(writtenCount) {
            (first + Int(id) * embeddingDim).update(repeating: 0, count: embeddingDim)
        }
        writtenCount = characters.count
        written.pointer.update(from: characters.ids.pointer, count: writtenCount)
    }

    /// Packs a column block of Wᵀ.
    private func packKernel(block: Int) {
        let first = block * Self.taskColumns
        PackedMatrix.Source.transposed.pack(
            parameters + gradient.layout.parameters.recurrent[0].kernel + first * columns, depth: columns,
            columns: min(Self.taskColumns, embeddingDim - first), to: kernelBlock(block))
    }

    private func kernelBlock(_ block: Int) -> UnsafeMutablePointer<Float> {
        kernelTransposed.pointer + block * BlockPacking.words(columns: Self.taskColumns, steps: columns)
    }

    /// Packs a group of embedding columns for all characters that occur.
    private func packEmbeddings(group: Int) {
        let first = group * DTRAIN_STATE_GROUP
        let (width, count) = (min(DTRAIN_STATE_GROUP, embeddingDim - first), characters.count)
        let from = parameters + gradient.layout.parameters.embeddings + first
        let to = embeddings.pointer + first * count
        for row in 0..<count {
            (to + row * DTRAIN_STATE_GROUP).update(
                from: from + Int(characters.ids[row]) * embeddingDim, count: width)
        }
    }

    /// Computes a column block of some rows of dE, panel after panel in the order of the depth.
    private func embeddings(rows chunk: Int, block: Int, _ buffers: Buffers) {
        let rows = chunk * Self.taskRows..<min(characters.count, (chunk + 1) * Self.taskRows)
        let column = block * Self.taskColumns
        let width = min(Self.taskColumns, embeddingDim - column)
        var product = dtrain_packed_product()
        product.rows = Int64(rows.count)
        product.columns = Int64(width)
        product.groups = 1
        product.c = buffers.embeddings.pointer
        product.c_stride = Int64(Self.taskColumns)
        product.scratch = buffers.scratch.pointer
        for panel in panels {
            product.depth = Int64(panel.width)
            product.a = UnsafeRawPointer(panel.values + rows.lowerBound * panel.width)
            product.packed = UnsafeRawPointer(kernelBlock(block) + panel.column * Self.taskColumns)
            dtrain_packed_product_fp32(product)
            product.accumulate = 1
        }
        let to = gradient.inputs.pointer + gradient.layout.parameters.embeddings + column
        for (index, row) in rows.enumerated() {
            (to + Int(characters.ids[row]) * embeddingDim).update(
                from: buffers.embeddings.pointer + index * Self.taskColumns, count: width)
        }
    }

    /// Computes a panel of dW.
    private func kernel(_ panel: Panel, _ buffers: Buffers) {
        let (count, width) = (Int64(characters.count), panel.width)
        var fold = dtrain_fold()
        fold.out = buffers.kernel.pointer
        fold.upcoming = UnsafePointer(buffers.kernel.pointer)
        dtrain_panel_product_fp32(
            Int64(embeddingDim), Int64(width), count, embeddings.pointer, count, panel.values, Int64(width), &fold)
        let to = gradient.inputs.pointer + gradient.layout.parameters.recurrent[0].kernel + panel.column
        for row in 0..<embeddingDim {
            (to + row * columns).update(from: buffers.kernel.pointer + row * width, count: width)
        }
    }
}
