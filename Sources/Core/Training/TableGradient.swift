/// The embedding's and the first kernel's gradients from the table's: dE = dTable · Wᵀ, dW = Eᵀ · dTable.
final class TableGradient {
    private let layout: GradientLayout
    private let embeddingProduct: MatrixProduct
    private let kernelProduct: MatrixProduct

    init(_ layout: GradientLayout) throws {
        let configuration = layout.parameters.configuration
        let (vocabulary, embedding) = (configuration.vocabularySize, configuration.embeddingDim)
        let columns = configuration.cell.gates * configuration.rnnUnits
        self.layout = layout
        embeddingProduct = try MatrixProduct(
            rows: vocabulary, columns: embedding, depth: columns, a: .rows(stride: columns),
            b: .columns(stride: columns))
        kernelProduct = try MatrixProduct(
            rows: embedding, columns: columns, depth: vocabulary, a: .columns(stride: embedding),
            b: .rows(stride: columns))
    }

    /// Fills in the two gradients, one task each.
    func run(task: Int, parameters: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>) throws {
        let (embeddings, kernel) = (layout.parameters.embeddings, layout.parameters.recurrent[0].kernel)
        let table = gradient + layout.table
        if task == 0 {
            try embeddingProduct(table, parameters + kernel, gradient + embeddings)
        } else {
            try kernelProduct(parameters + embeddings, table, gradient + kernel)
        }
    }

    static let tasks = 2
}
