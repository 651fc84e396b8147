import DTrainCore

/// The ranks of a job, with the operations that a trainer needs.
///
/// Every method is collective.
package final class JobRanks: TrainingRanks {
    /// The rank of this process.
    package var rank: Int { communicator.rank }
    /// The number of processes in the job.
    package var size: Int { communicator.size }
    /// The progress of this rank.
    package var heartbeat: Heartbeat { communicator.heartbeat }
    /// The default number of worker threads: this rank's share of its host's processors.
    package var defaultThreads: Int { communicator.processors.defaultThreads }
    /// The stop request sent with the last gradient or poll, the same on all ranks; nil if no rank
    /// had received a signal.
    package private(set) var stopRequest: StopRequest?

    private let communicator: any Communicator
    private let agreement: ReplicaAgreement
    private let mode: GradientSummation
    private let compression: GradientCompression
    private let stopSignal: () -> Int32

    /// Wraps a communicator.
    ///
    /// - Parameters:
    ///   - communicator: the ranks.
    ///   - mode: the order in which the ranks' gradients are added.
    ///   - compression: the representation of gradients sent between ranks.
    ///   - stopSignal: returns the stop signal that this rank received, 0 for none. It is called
    ///     once per step and in each poll. The step's value is sent with the gradient, so all ranks
    ///     stop after the same step.
    package init(
        _ communicator: any Communicator, mode: GradientSummation = .tree,
        compression: GradientCompression = .none, stopSignal: @escaping () -> Int32 = { 0 }
    ) {
        (self.communicator, self.mode, self.compression) = (communicator, mode, compression)
        self.stopSignal = stopSignal
        agreement = ReplicaAgreement(communicator)
    }

    package var ownProcessors: ProcessorSet? { communicator.processors.own }

    package func prepare(threads: Int, sharedBytes: Int) throws -> (any HostMemory)? {
        try communicator.occupy(threads: threads)
        return try communicator.shareMemory(byteCount: sharedBytes)
    }

    package func makeReducer(
        tree: ReductionTree, runs: [Range<Int>], blocks: GradientBlocks
    ) throws -> any GradientReducer {
        JobReducer(
            try GradientSynchronizer(
                communicator: communicator, tree: tree, runs: runs, blocks: blocks, mode: mode,
                compression: compression), ranks: self)
    }

    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws {
        try communicator.broadcast(bytes, from: 0)
    }

    package func allGather(_ text: String) throws -> [String] { try communicator.allGather(text) }

    package func allGather(_ own: [UInt8]) throws -> [[UInt8]] { try communicator.allGather(own) }

    package func collectively<Value>(_ body: () throws -> Value) throws -> Value {
        try agreement.collectively(body)
    }

    package func shared(_ error: DTrainError) -> any Error { CollectiveError(error) }

    package func names() throws -> [String] { try communicator.allGather(communicator.name) }

    /// Asks all ranks for their stop signals; collective.
    ///
    /// - Returns: the stop request, the same on all ranks; nil if no rank has received a signal.
    package func pollStopRequest() throws -> StopRequest? {
        storeStopRequest(try communicator.allGather(receivedSignal()))
        return stopRequest
    }

    fileprivate func receivedSignal() -> UInt32 { UInt32(truncatingIfNeeded: stopSignal()) }

    fileprivate func storeStopRequest(_ signals: [UInt32]) { stopRequest = StopRequest(signals: signals) }
}

/// A reducer that sums gradients with a synchronizer.
private final class JobReducer: GradientReducer {
    private let synchronizer: GradientSynchronizer
    private unowned let ranks: JobRanks

    init(_ synchronizer: GradientSynchronizer, ranks: JobRanks) {
        (self.synchronizer, self.ranks) = (synchronizer, ranks)
    }

    func reduce(
        _ nodes: UnsafeMutablePointer<Float>, while compute: (_ advance: (Int) throws -> Void) throws -> Void
    ) throws -> ReductionTimes {
        let reduction = try synchronizer.begin(nodes: nodes)
        try compute { try reduction.advance(finished: $0) }
        let outcome = try reduction.finish(stopSignal: ranks.receivedSignal())
        ranks.storeStopRequest(outcome.stopSignals)
        return outcome.times
    }
}
