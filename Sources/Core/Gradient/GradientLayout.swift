/// The layout of the flat gradient: the parameters' gradients in the parameters' layout, then the
/// other sums of a step.
///
/// It defines offsets only; the sums are stored in the order of `GradientBlocks`.
///
/// The first layer's input products are a table with a row for each character of the batch, so the
/// backward pass sums the table's gradient over tokens. The gradients of the embedding and of the
/// first kernel are computed from that sum once per step and aren't exchanged. They come first in
/// the parameters' layout, so all sums over micro-batches are one range, `summed`.
struct GradientLayout: Hashable, Sendable {
    /// The layout of the parameters.
    let parameters: ParameterLayout
    /// R, the number of rows of the table's gradient.
    let tableRows: Int
    /// The elements of the table's gradient: [R, G·H]; only the rows of characters that occur are
    /// in use.
    let table: Range<Int>
    /// The offset of the step's mean loss over all tokens of the global batch (nats).
    let loss: Int
    /// The number of elements.
    let count: Int

    /// Lays out the gradient of a model.
    ///
    /// - Parameter tableRows: R, the maximum number of distinct characters in a batch.
    init(_ parameters: ParameterLayout, tableRows: Int) {
        let configuration = parameters.configuration
        let tableCount = tableRows * configuration.cell.gates * configuration.rnnUnits
        self.tableRows = tableRows
        self.parameters = parameters
        table = parameters.count..<parameters.count + tableCount
        loss = table.upperBound
        count = loss + 1
    }

    /// The elements that are sums over micro-batches.
    var summed: Range<Int> { parameters.recurrent[0].recurrentKernel..<count }
}

extension GradientLayout {
    /// Describes the sums of a flat gradient that aren't finite: the loss, the first such tensor,
    /// or both.
    ///
    /// - Parameter tableRows: the number of table rows in use.
    /// - Returns: a phrase for an error message; nil if all sums are finite.
    func nonFinite(in flat: UnsafePointer<Float>, tableRows: Int) -> String? {
        let tensor = parameters.tensors.first {
            summed.contains($0.offset) && !allFinite(flat + $0.offset, count: $0.count)
        }
        // The gradients of the embedding and of the first kernel derive from the table's gradient.
        let isTableFinite = allFinite(flat + table.lowerBound, count: table.count / self.tableRows * tableRows)
        let tableName = isTableFinite ? nil : "embedding.embeddings"
        let gradient = (tensor?.name ?? tableName).map { "the gradient of \($0)" }
        let parts = [flat[loss].isFinite ? nil : "the loss", gradient].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: " and ")
    }
}
