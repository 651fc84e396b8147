/// The embedding's and the first kernel's gradients from the table's: dE = dTable · Wᵀ, dW = Eᵀ · dTable.
final class TableGradient {
    private let gradient: GradientSums
    /// [V, G·H].
    private let table: AlignedBuffer<Float>
    /// The table's column panels among the sums.
    private let panels: [GradientBlocks.Place]
    private let embeddingProduct: PlainProduct
    private let kernelProduct: PlainProduct

    init(_ gradient: GradientSums) throws {
        let layout = gradient.layout
        let configuration = layout.parameters.configuration
        let (vocabulary, embedding) = (configuration.vocabularySize, configuration.embeddingDim)
        let columns = configuration.cell.gates * configuration.rnnUnits
        self.gradient = gradient
        table = try AlignedBuffer(count: layout.loss - layout.table)
        panels = gradient.blocks.places.filter { (layout.table..<layout.loss).contains($0.matrix.offset) }
        embeddingProduct = try PlainProduct(
            rows: vocabulary, columns: embedding, depth: columns, a: .rows(stride: columns),
            b: .columns(stride: columns))
        kernelProduct = try PlainProduct(
            rows: embedding, columns: columns, depth: vocabulary, a: .columns(stride: embedding),
            b: .rows(stride: columns))
    }

    /// The number of panels.
    var panelCount: Int { panels.count }

    /// Copies a panel to its place in the table; all before the first task.
    func gather(panel: Int) {
        let place = panels[panel]
        place.unpack(gradient.sums.pointer, to: table.pointer + (place.matrix.offset - gradient.layout.table))
    }

    /// Fills in the two gradients, one task each.
    func run(task: Int, parameters: UnsafePointer<Float>) throws {
        let layout = gradient.layout.parameters
        let (embeddings, kernel) = (layout.embeddings, layout.recurrent[0].kernel)
        if task == 0 {
            try embeddingProduct(table.pointer, parameters + kernel, gradient.inputs.pointer + embeddings)
        } else {
            try kernelProduct(parameters + embeddings, table.pointer, gradient.inputs.pointer + kernel)
        }
    }

    static let tasks = 2
}
