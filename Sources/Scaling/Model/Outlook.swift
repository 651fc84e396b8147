import Pages

/// A sentence on the limit of a training on more hosts than were measured.
enum Outlook {
    /// The sentence; nil without a predicted curve.
    ///
    /// - Parameter projections: curves over ranks. Strong scaling is preferred to weak scaling, and
    ///   the middle one of several assumed networks is used.
    static func sentence(_ projections: [Projection]) -> String? {
        let curves = [Series.strong, .weak].map { series in projections.filter { $0.series == series } }
        guard let curves = curves.first(where: { !$0.isEmpty }), let last = curves.first?.points.last else {
            return nil
        }
        let curve = curves[curves.count / 2]
        let batch =
            curve.series == .strong
            ? "batches of \(last.batchSize)" : "batches of \(last.batchSize / max(1, last.ranks)) per host"
        let network = curve.link.origin == .assumed ? " over \(curve.linkName)" : ""
        return "\(limit(curve)): predicted for \(batch)\(network)."
    }

    private static func limit(_ curve: Projection) -> String {
        let points = curve.points
        guard let place = points.indices.dropFirst().first(where: { points[$0].limit != .compute }) else {
            return "Up to \(count(points.last?.ranks ?? 1, "host")), compute is the only limit"
        }
        let before = points[place - 1].ranks
        let start = before == 1 ? "Already on \(count(points[place].ranks, "host"))" : "Beyond \(count(before, "host"))"
        return "\(start), \(words(points[place].limit))"
    }

    private static func words(_ limit: Limit) -> String {
        switch limit {
        case .compute: "compute is the limit"
        case .network: "the network is the limit"
        case .sharedMemory: "the exchange in shared memory is the limit"
        case .smallBatch: "a host's share of the batch is too small to keep it busy"
        case .microBatches: "the batch has too few micro-batches for all hosts"
        case .skew: "waiting for the slowest worker is the limit"
        case .cores: "workers outnumber the cores"
        case .memory: "a host's memory is too small"
        }
    }
}
