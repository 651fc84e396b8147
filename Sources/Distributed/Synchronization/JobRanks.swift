import DTrainCore

/// The ranks of a job, as a trainer needs them.
///
/// Every method is collective.
package final class JobRanks: TrainingRanks {
    /// This process's number.
    package var rank: Int { communicator.rank }
    /// The number of processes in the job.
    package var size: Int { communicator.size }
    /// Where this rank shows how far it is.
    package var heartbeat: Heartbeat { communicator.heartbeat }
    /// This rank's share of its host's processors.
    package var defaultThreads: Int { communicator.processors.defaultThreads }
    /// The signal that some rank had received when the last gradient was summed; the same on all ranks.
    package private(set) var stopRequest: StopRequest?

    private let communicator: any Communicator
    private let agreement: ReplicaAgreement
    private let mode: GradientSummation
    private let compression: GradientCompression
    private let stopSignal: () -> Int32

    /// The ranks of a communicator.
    ///
    /// - Parameters:
    ///   - communicator: the ranks.
    ///   - mode: who adds the ranks' gradients, and in which order.
    ///   - compression: how the gradients travel.
    ///   - stopSignal: the signal that has asked this rank to stop, 0 for none; read once a step and sent with the gradient, so
    ///     that all ranks stop after the same step.
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

    fileprivate func receivedSignal() -> UInt32 { UInt32(truncatingIfNeeded: stopSignal()) }

    fileprivate func note(_ signals: [UInt32]) { stopRequest = StopRequest(notes: signals) }
}

/// Sums gradients with a synchroniser.
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
        ranks.note(outcome.stopSignals)
        return outcome.times
    }
}
