extension GradientLayout {
    /// What in a node's vector is not finite: the loss, the first tensor, or both; nil when all is.
    ///
    /// - Parameter node: the elements of `summed`.
    func nonFinite(in node: UnsafePointer<Float>) -> String? {
        let base = node - summed.lowerBound
        let tensor = parameters.tensors.first {
            summed.contains($0.offset) && !allFinite(base + $0.offset, count: $0.count)
        }
        // The table's gradient is where those of the embedding and of the first kernel come from.
        let tableName = allFinite(base + table, count: loss - table) ? nil : "embedding.embeddings"
        let gradient = (tensor?.name ?? tableName).map { "the gradient of \($0)" }
        let parts = [base[loss].isFinite ? nil : "the loss", gradient].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: " and ")
    }
}
