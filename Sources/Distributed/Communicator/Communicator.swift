import DTrainCore

/// The ranks of one job and their collective operations.
///
/// Every operation is *collective* unless it says otherwise: all ranks call the same operations in
/// the same order, with the counts that each operation requires, or the job stalls. All calls come
/// from the thread that created the communicator.
///
/// An operation that throws leaves the ranks out of step. Only the top level catches the error,
/// prints it, and ends the job (see `Job`). Share an error of one rank with all ranks before the
/// next operation, with `collectively(_:)`.
///
/// A program gets its communicator from `Job.main`, and conforms no type of its own to the protocol.
/// Most operations serve `Trainer`; a training loop needs the rank, and sometimes `broadcast`,
/// `allGather` or `barrier`.
///
/// Not supported: groups of ranks, messages between two ranks, other element types than those below.
public protocol Communicator: AnyObject {
    /// The number of this process, 0..<size.
    var rank: Int { get }
    /// The number of processes in the job.
    var size: Int { get }
    /// The number of this process among those of its host, 0..<localSize.
    var localRank: Int { get }
    /// The number of the job's processes on this host.
    var localSize: Int { get }
    /// The processors of this host, and this rank's share of them.
    var processors: SharedProcessors { get }
    /// The name of the host that this process runs on.
    var hostName: String { get }
    /// The progress of this rank, which the watch over the ranks reads.
    var heartbeat: Heartbeat { get }

    /// Waits until all ranks have called this.
    func barrier() throws

    /// Copies the bytes of rank `root` to all ranks.
    ///
    /// Collective: the same count and root on all ranks.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws

    /// Gathers equally long pieces of all ranks, in rank order, on every rank.
    ///
    /// Collective: the same count on all ranks; `all` holds `size` times the bytes of `own` and
    /// doesn't overlap it.
    func allGather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws

    /// Gathers byte strings of any length from all ranks on every rank; the result is indexed by rank.
    ///
    /// Collective: lengths may differ, and be 0.
    func allGather(_ own: [UInt8]) throws -> [[UInt8]]

    /// Replaces each element by its sum over all ranks.
    ///
    /// Collective: the same count on all ranks. All ranks get the same bits, but the order of the
    /// additions, and so the bits, depend on the number of ranks and on the library.
    func allReduceSum(inPlace values: UnsafeMutableBufferPointer<Float>) throws

    /// Starts to send a block of bytes from `source` to each rank and to receive one from each rank
    /// in `destination`.
    ///
    /// Collective: rank b receives exactly as many bytes from rank a as a sends to b. All ranks
    /// start transfers of one kind in the same order; other operations may come in between. The
    /// buffers don't overlap and belong to the transfer until it is complete.
    func startAllToAll(
        _ source: UnsafeRawPointer, _ sent: RankBlocks, into destination: UnsafeMutableRawPointer,
        _ received: RankBlocks
    ) throws -> any Transfer

    /// Starts to gather all ranks' blocks of bytes in a buffer of which each rank has filled its
    /// own block.
    ///
    /// Collective: the same blocks on all ranks. All ranks start transfers of one kind in the same
    /// order, as with `startAllToAll`.
    func startAllGather(inPlace bytes: UnsafeMutableRawPointer, _ blocks: RankBlocks) throws -> any Transfer

    /// Declares the number of this rank's worker threads; `wait` yields if they outnumber the
    /// processors.
    ///
    /// Collective; the numbers may differ.
    func occupy(threads: Int) throws

    /// Gathers a number of each rank of this host, by local rank.
    ///
    /// Collective among the ranks of a host.
    func allGatherOnHost(_ value: Int) throws -> [Int]

    /// Allocates memory that the ranks of a host share.
    ///
    /// Collective, with the same size. If the system refuses on any rank of a host, nothing is
    /// shared there.
    ///
    /// - Parameter byteCount: the size in bytes.
    /// - Returns: nil in a job of one rank.
    func shareMemory(byteCount: Int) throws -> (any HostMemory)?

    /// Polls `isDone` until it returns true, and yields the processor in between where threads
    /// share it.
    ///
    /// Not collective.
    ///
    /// - Parameters:
    ///   - operation: the name of the operation, for the message when the wait takes too long.
    ///   - isDone: advances this rank's transfers, and returns whether they are complete.
    func wait(for operation: StaticString, until isDone: () throws -> Bool) throws

    /// Prints `error: message` on standard error and ends the whole job with an exit code; not
    /// collective.
    func abort(code: Int32, message: String) -> Never
}

/// A collective operation in the background; it makes progress when a rank checks whether it is
/// complete.
public protocol Transfer: AnyObject {
    /// Returns whether the operation is complete on this rank and its buffers may be reused; then
    /// it stays complete.
    func isComplete() throws -> Bool
}

extension Communicator {
    /// Whether this is rank 0, the one that prints and writes files.
    public var isRoot: Bool { rank == 0 }

    /// The rank's name in messages: `rank 2 (hostname)`.
    public var name: String { "rank \(rank) (\(hostName))" }

    /// Gathers one value of each rank, in rank order, on every rank; collective.
    public func allGather<Value: BitwiseCopyable>(_ value: Value) throws -> [Value] {
        var all = [Value](repeating: value, count: size)
        try withUnsafeBytes(of: value) { own in
            let own = UnsafeRawBufferPointer(start: own.baseAddress, count: MemoryLayout<Value>.stride)
            try all.withUnsafeMutableBytes { try allGather(own, into: $0) }
        }
        return all
    }

    /// Gathers a text of each rank, in rank order, on every rank; collective.
    public func allGather(_ text: String) throws -> [String] {
        try allGather(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Copies the bytes of rank `root`, whose number the others don't know, to all ranks; collective.
    ///
    /// - Parameters:
    ///   - bytes: the bytes to send; ignored on the other ranks.
    ///   - root: the rank that sends.
    public func broadcast(_ bytes: [UInt8], from root: Int) throws -> [UInt8] {
        var count = bytes.count
        try withUnsafeMutableBytes(of: &count) { try broadcast($0, from: root) }
        var result = rank == root ? bytes : [UInt8](repeating: 0, count: count)
        try result.withUnsafeMutableBytes { try broadcast($0, from: root) }
        return result
    }
}
