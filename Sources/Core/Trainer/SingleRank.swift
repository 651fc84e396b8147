/// A single process that trains alone.
package final class SingleRank: TrainingRanks {
    /// The only rank.
    package let rank = 0
    /// One process.
    package let size = 1
    /// The progress of this process.
    package let heartbeat: Heartbeat
    /// The number of processors available to this process.
    package var defaultThreads: Int { ProcessorSet.defaultThreads }
    /// The processors that this process may use; nil if a quota limits its time on them.
    package var ownProcessors: ProcessorSet? { ProcessorQuota.current.processors == nil ? .current : nil }

    /// Creates the only rank.
    ///
    /// - Parameter heartbeat: the progress of this process.
    package init(heartbeat: Heartbeat = Heartbeat()) { self.heartbeat = heartbeat }
}

extension SingleRank {
    package func prepare(threads: Int, sharedBytes: Int) throws -> (any HostMemory)? { nil }

    package func makeReducer(
        tree: ReductionTree, runs: [Range<Int>], blocks: GradientBlocks
    ) throws -> any GradientReducer { SingleRankReducer() }

    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws {}

    package func allGather(_ text: String) throws -> [String] { [text] }

    package func allGather(_ own: [UInt8]) throws -> [[UInt8]] { [own] }

    package func collectively<Value>(_ body: () throws -> Value) throws -> Value { try body() }

    package func shared(_ error: DTrainError) -> any Error { error }

    package func names() throws -> [String] { ["this process"] }
}

/// A reducer for one rank, whose single node is the sum already.
private final class SingleRankReducer: GradientReducer {
    func reduce(
        _ nodes: UnsafeMutablePointer<Float>, while compute: (_ advance: (Int) throws -> Void) throws -> Void
    ) throws -> ReductionTimes {
        try compute { _ in }
        return ReductionTimes()
    }
}
