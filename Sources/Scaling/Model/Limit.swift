/// The main limit on the scaling of a step.
public enum Limit: String, Hashable, Sendable, Codable {
    /// Arithmetic alone.
    case compute
    /// The exchange between hosts.
    case network
    /// The exchange between ranks of one host.
    case sharedMemory = "shared memory"
    /// Work that doesn't shrink with the local batch.
    case smallBatch = "small local batch"
    /// Fewer micro-batches than ranks: some ranks are idle.
    case microBatches = "fewer micro-batches than ranks"
    /// Waiting for slower workers.
    case skew
    /// More workers than cores.
    case cores = "more workers than cores"
    /// The machines' memory.
    case memory

    /// The largest loss of a predicted step; `compute` where it is less than a tenth.
    ///
    /// - Parameter machineMemory: bytes of each machine; 0 where unknown.
    static func of(_ step: StepPrediction, _ layout: Layout, _ workload: Workload, machineMemory: Int) -> Limit {
        if machineMemory > 0, step.memoryPerRank * Double(layout.ranksPerMachine) > 0.9 * Double(machineMemory) {
            return .memory
        }
        if layout.isOversubscribed { return .cores }
        if layout.ranks > workload.microBatches { return .microBatches }
        let losses: [(limit: Limit, seconds: Double)] = [
            (layout.usesNetwork ? .network : .sharedMemory, step.exchange),
            (.smallBatch, step.fixedCompute + step.replicated), (.skew, step.skew),
        ]
        let lost = losses.reduce(0) { $0 + $1.seconds }
        guard lost > 0.1 * step.seconds else { return .compute }
        return losses.max { $0.seconds < $1.seconds }?.limit ?? .compute
    }
}
