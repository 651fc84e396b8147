/// The ranks that train one model together, as a trainer needs them.
///
/// Every method is collective: all ranks call the same ones in the same order.
package protocol TrainingRanks: AnyObject {
    /// This process's number, 0..<size.
    var rank: Int { get }
    /// The number of processes.
    var size: Int { get }
    /// Where this rank shows how far it is.
    var heartbeat: Heartbeat { get }
    /// Worker threads of this rank where none are asked for.
    var defaultThreads: Int { get }

    /// The processors that this rank has to itself; nil where other ranks of the host may run on them, or a quota limits their time.
    var ownProcessors: ProcessorSet? { get }

    /// Notes the threads that this rank starts, and makes memory that the ranks of a host share.
    ///
    /// - Parameters:
    ///   - threads: this rank's worker threads.
    ///   - sharedBytes: the most bytes that will be taken of it; the same on all ranks.
    /// - Returns: nil where each rank keeps its own.
    func prepare(threads: Int, sharedBytes: Int) throws -> (any HostMemory)?

    /// Makes what sums the gradients of all ranks.
    ///
    /// - Parameters:
    ///   - tree: the tree over a step's micro-batches.
    ///   - runs: each rank's micro-batches, in rank order.
    ///   - blocks: how the gradient travels.
    func makeReducer(tree: ReductionTree, runs: [Range<Int>], blocks: GradientBlocks) throws -> any GradientReducer

    /// Overwrites `bytes` on every rank with those of rank 0; the same count on all ranks.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer) throws

    /// Gathers one text of each rank, in rank order, on every rank.
    func allGather(_ text: String) throws -> [String]

    /// Gathers bytes of each rank, in rank order, on every rank; lengths may differ.
    func allGather(_ own: [UInt8]) throws -> [[UInt8]]

    /// Runs `body` on every rank, and throws on all of them if it throws on one; `body` itself doesn't communicate.
    func collectively<Value>(_ body: () throws -> Value) throws -> Value

    /// The form in which all ranks throw an error that all of them know.
    func shared(_ error: DTrainError) -> any Error

    /// The ranks as messages name them, in rank order.
    func names() throws -> [String]
}

/// Sums one gradient after another over all ranks.
package protocol GradientReducer: AnyObject {
    /// Lets `compute` fill in this rank's nodes, and replaces them by the sum of all ranks' nodes.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - nodes: room for this rank's nodes, at least one; in the end the sum, in wire order, at the front.
    ///   - compute: computes the nodes. The closure that it gets lets finished blocks travel meanwhile; its argument is the
    ///     number of leading blocks whose nodes are complete.
    /// - Returns: where the time went.
    func reduce(
        _ nodes: UnsafeMutablePointer<Float>, while compute: (_ advance: (Int) throws -> Void) throws -> Void
    ) throws -> ReductionTimes
}

/// Where the seconds of a reduction over ranks went.
package struct ReductionTimes: Hashable, Sendable {
    /// Between the products of the gradient, while blocks were sent.
    package var interleaved = 0.0
    /// After the gradient was computed.
    package var finishing = 0.0
    /// The part of `finishing` until the last rank had computed its gradient.
    ///
    /// Each rank sends the time since the last reduction ended, which was about the same moment on all ranks. A barrier
    /// would measure the same only if its messages didn't queue behind the gradient's.
    package var waiting = 0.0
    /// While blocks travelled and this rank computed.
    package var hidden = 0.0

    /// A reduction that took no time.
    package init() {}
}
