/// The first layer's input products in training, embeddings · W: a row of G·H for each character of the step's batch.
///
/// A row serves all tokens of its character, so the table never costs more than the product of all tokens would. It has at most
/// as many rows as the global batch has tokens, so it takes no more memory than the records of one layer on the ranks' tapes.
/// The products are those of float32 in every precision.
///
/// E the embedding's width, G·H the columns.
final class InputTable: @unchecked Sendable {
    /// The rows: [R, G·H], of which the first U are in use.
    let values: AlignedBuffer<Float>
    /// The number of tasks.
    let taskCount: Int
    private let characters: BatchCharacters
    private let embeddings: UnsafePointer<Float>
    private let kernel: UnsafePointer<Float>
    private let columns: Int
    private let products: [GatheredProduct]

    /// The columns of a task, whose part of W stays in the cache.
    private static let taskColumns = 256

    /// Allocates a table.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters of that layout, which must outlive this object.
    ///   - workers: the number of workers that run tasks.
    ///   - host: memory for all ranks of the host; nil for memory of this process.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
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
            try GatheredProduct(depth: configuration.embeddingDim, mostColumns: min(columns, Self.taskColumns))
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
