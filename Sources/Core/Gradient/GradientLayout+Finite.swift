extension GradientLayout {
    /// What of a flat gradient's sums is not finite: the loss, the first tensor, or both; nil when all is.
    func nonFinite(in flat: UnsafePointer<Float>) -> String? {
        let tensor = parameters.tensors.first {
            summed.contains($0.offset) && !allFinite(flat + $0.offset, count: $0.count)
        }
        // The table's gradient is where those of the embedding and of the first kernel come from.
        let tableName = allFinite(flat + table, count: loss - table) ? nil : "embedding.embeddings"
        let gradient = (tensor?.name ?? tableName).map { "the gradient of \($0)" }
        let parts = [flat[loss].isFinite ? nil : "the loss", gradient].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: " and ")
    }
}
