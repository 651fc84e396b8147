/// The order in which the ranks' gradients are added.
package enum GradientSummation: String, Hashable, Sendable, Codable, CaseIterable {
    /// One fixed tree over the micro-batches: the same bits for any number of ranks.
    case tree
    /// The MPI library's own order, which depends on the number of ranks.
    case library = "mpi"
}

/// The format in which ranks exchange gradients.
package enum GradientCompression: String, Hashable, Sendable, Codable, CaseIterable {
    /// Uncompressed float32.
    case none
    /// Rounded to bf16, which halves the traffic; rounding errors carry over to the next step.
    case bf16
}
