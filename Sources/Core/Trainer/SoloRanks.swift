/// One process that trains alone.
package final class SoloRanks: TrainingRanks {
    /// The only rank.
    package let rank = 0
    /// One process.
    package let size = 1
    /// Where the process shows how far it is.
    package let heartbeat: Heartbeat
    /// The processors that this process may run on.
    package var defaultThreads: Int { ProcessorSet.defaultThreads }
    /// Those that this process may run on, all the time.
    package var ownProcessors: ProcessorSet? { ProcessorQuota.current.processors == nil ? .current : nil }

    /// A process that trains alone.
    ///
    /// - Parameter heartbeat: where it shows how far it is.
    package init(heartbeat: Heartbeat = Heartbeat()) { self.heartbeat = heartbeat }
}

extension SoloRanks {
    package func prepare(threads: Int, sharedBytes: Int) throws -> (any HostMemory)? { nil }

    package func makeReducer(
        tree: ReductionTree, runs: [Range<Int>], blocks: GradientBlocks
    ) throws -> any GradientReducer { SoloReducer() }

    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws {}

    package func allGather(_ text: String) throws -> [String] { [text] }

    package func allGather(_ own: [UInt8]) throws -> [[UInt8]] { [own] }

    package func collectively<Value>(_ body: () throws -> Value) throws -> Value { try body() }

    package func shared(_ error: DTrainError) -> any Error { error }

    package func names() throws -> [String] { ["this process"] }
}

/// The sum of one rank's single node, which is that node.
private final class SoloReducer: GradientReducer {
    func reduce(
        _ nodes: UnsafeMutablePointer<Float>, while compute: (_ advance: (Int) throws -> Void) throws -> Void
    ) throws -> ReductionTimes {
        try compute { _ in }
        return ReductionTimes()
    }
}
