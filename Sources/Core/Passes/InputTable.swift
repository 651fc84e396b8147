/// The first layer's input products in training, embeddings · W, with a row of G·H for each
/// character of the step's batch.
///
/// All tokens of a character share a row, so the table never costs more than the product for all
/// tokens. It has at most one row per token of the global batch, so it takes no more memory than
/// one layer's records on all ranks' tapes. The products are computed in float32 in every
/// precision.
///
/// E is the embedding's width, G·H the number of columns.
final class InputTable: @unchecked Sendable {
    /// The rows: [R, G·H]; the first U are in use.
    let values: AlignedBuffer<Float>
    /// The number of tasks.
    let taskCount: Int
    private let characters: BatchCharacters
    private let embeddings: UnsafePointer<Float>
    private let kernel: UnsafePointer<Float>
    private let columns: Int
    private let products: [GatheredProduct]

    /// The columns per task; their part of W stays in the cache.
    private static let taskColumns = 256

    /// Allocates a table.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters, which must outlive this object.
    ///   - workers: the number of workers that run tasks.
    ///   - host: memory that the ranks of the host share; nil for memory of this process.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(
        _ layout: ParameterLayout, parameters: UnsafePointer<Float>, characters: BatchCharacters, workers: Int,
        host: (any HostMemory)?
    ) throws {
        let configuration = layout.configuration
        let columns = configuration.cell.gates * configuration.rnnUnits
        self.characters = characters
        self.columns = columns
        embeddings = parameters + layout.embeddings
        kernel = parameters + layout.recurrent[0].kernel
        taskCount = columns.groups(of: Self.taskColumns)
        values = try AlignedBuffer(count: characters.capacity * columns, in: host)
        products = try (0..<workers).map { _ in
            try GatheredProduct(depth: configuration.embeddingDim, maxColumns: min(columns, Self.taskColumns))
        }
    }

    /// Computes some columns of all rows; tasks may run on different workers.
    func run(task: Int, worker: Int) {
        let (product, first) = (products[worker], task * Self.taskColumns)
        product.pack(kernel + first, columns: min(Self.taskColumns, columns - first), stride: columns)
        product(
            UnsafeBufferPointer(start: characters.ids.pointer, count: characters.count), of: embeddings,
            to: values.pointer + first, stride: columns)
    }
}
