import Pages

extension CostModel {
    /// The reasons why a step lies outside the fitted range; empty within it.
    func extrapolations(_ layout: Layout, _ workload: Workload) -> [String] {
        var reasons: [String] = []
        if layout.ranks > mostRanks { reasons.append("more ranks than measured (\(mostRanks))") }
        if workload.rows(layout) < fewestRows {
            reasons.append("fewer sequences per worker than measured (\(plain(fewestRows)))")
        }
        if layout.busyCores > mostBusyCores { reasons.append("more busy cores than measured") }
        return reasons
    }
}
