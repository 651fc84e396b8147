/// The ranks that train one model together, and their communication as a trainer needs it.
///
/// All ranks call the same methods in the same order. All but `makeReducer` and `shared` communicate.
package protocol TrainingRanks: AnyObject {
    /// The rank of this process, from 0.
    var rank: Int { get }
    /// The number of processes.
    var size: Int { get }
    /// The progress of this rank.
    var heartbeat: Heartbeat { get }
    /// The default number of worker threads of this rank.
    var defaultThreads: Int { get }

    /// The processors reserved for this rank; nil if other ranks of the host may use them, or if a
    /// quota limits its time on them.
    var ownProcessors: ProcessorSet? { get }

    /// Announces the threads that this rank starts, and allocates memory that the ranks of a host
    /// share.
    ///
    /// - Parameters:
    ///   - threads: the number of this rank's worker threads.
    ///   - sharedBytes: an upper bound of the shared memory in bytes; the same on all ranks.
    /// - Returns: the shared memory; nil if each rank has its own.
    func prepare(threads: Int, sharedBytes: Int) throws -> (any HostMemory)?

    /// Creates the reducer that sums the gradients of all ranks.
    ///
    /// - Parameters:
    ///   - tree: the tree over a step's micro-batches.
    ///   - runs: each rank's micro-batches, in rank order.
    ///   - blocks: the blocks in which the gradient is sent.
    func makeReducer(tree: ReductionTree, runs: [Range<Int>], blocks: GradientBlocks) throws -> any GradientReducer

    /// Overwrites `bytes` on every rank with those of rank 0; the count must be the same on all
    /// ranks.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws

    /// Gathers a text from each rank, in rank order, on every rank.
    func allGather(_ text: String) throws -> [String]

    /// Gathers bytes from each rank, in rank order, on every rank; lengths may differ.
    func allGather(_ own: [UInt8]) throws -> [[UInt8]]

    /// Runs `body` on every rank and throws on all of them if it throws on one; `body` must not
    /// communicate.
    func collectively<Value>(_ body: () throws -> Value) throws -> Value

    /// The form in which all ranks throw an error that each of them has.
    func shared(_ error: DTrainError) -> any Error

    /// The names of the ranks in messages, in rank order.
    func names() throws -> [String]
}

/// A reducer that sums gradients over all ranks, one at a time.
package protocol GradientReducer: AnyObject {
    /// Calls `compute` to fill in this rank's nodes, and replaces them by the sum of all ranks'
    /// nodes.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - nodes: memory for this rank's nodes, at least one; receives the sum, in wire order, at
    ///     the front.
    ///   - compute: computes the nodes. It calls its argument, `advance`, with the number of
    ///     leading blocks whose nodes are complete, which lets them be sent meanwhile.
    /// - Returns: the time spent.
    func reduce(
        _ nodes: UnsafeMutablePointer<Float>, while compute: (_ advance: (Int) throws -> Void) throws -> Void
    ) throws -> ReductionTimes
}

/// The time of a reduction over ranks, in seconds.
package struct ReductionTimes: Hashable, Sendable {
    /// The time between the gradient's products, while blocks were sent.
    package var interleaved = 0.0
    /// The time after the gradient was computed.
    package var finishing = 0.0
    /// The part of `finishing` before the last rank had computed its gradient.
    ///
    /// Each rank sends the time since the last reduction ended, which was about the same moment on
    /// all ranks. A barrier would measure the same only if its messages didn't queue behind the
    /// gradient's.
    package var waiting = 0.0
    /// The time in which blocks were sent while this rank computed.
    package var hidden = 0.0

    /// Creates times of zero.
    package init() {}
}
