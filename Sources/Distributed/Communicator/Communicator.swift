import DTrainCore

/// The ranks of one job and their collective operations.
///
/// Operations are *collective* unless documented otherwise: all ranks call them in the same order,
/// with the counts that each operation requires, or the job stalls. All calls come from the thread
/// that created the communicator.
///
/// An operation that throws leaves the ranks out of step. Only the top level catches the error,
/// prints it, and ends the job (see `Job`). Use `collectively(_:)` to share one rank's error with
/// all ranks before the next operation.
///
/// A program gets its communicator from `Job.main`; the protocol isn't meant for conformances in
/// other packages. Most operations serve `Trainer`. A training loop needs the rank, and sometimes
/// `broadcast`, `allGather` or `barrier`.
///
/// Not supported: groups of ranks, messages between two ranks, element types other than those
/// below.
public protocol Communicator: AnyObject {
    /// The rank of this process, 0..<size.
    var rank: Int { get }
    /// The number of processes in the job.
    var size: Int { get }
    /// The rank of this process among those on its host, 0..<localSize.
    var localRank: Int { get }
    /// The number of the job's processes on this host.
    var localSize: Int { get }
    /// The processors of this host, and this rank's share of them.
    var processors: SharedProcessors { get }
    /// The name of this process's host.
    var hostName: String { get }
    /// The progress of this rank, which the stall watch reads.
    var heartbeat: Heartbeat { get }

    /// Waits until all ranks have called this method.
    func barrier() throws

    /// Copies rank `root`'s bytes to all ranks.
    ///
    /// Collective: the same count and root on all ranks.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws

    /// Gathers all ranks' pieces of equal length, in rank order, on every rank.
    ///
    /// Collective: the same count on all ranks. `all` holds `size` times the bytes of `own` and
    /// doesn't overlap it.
    func allGather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws

    /// Gathers all ranks' byte strings on every rank; the result is indexed by rank.
    ///
    /// Collective: lengths may differ and may be 0.
    func allGather(_ own: [UInt8]) throws -> [[UInt8]]

    /// Replaces each element by its sum over all ranks.
    ///
    /// Collective: the same count on all ranks. All ranks get the same bits. The order of the
    /// additions, and with it the bits, depends on the number of ranks and on the MPI library.
    func allReduceSum(inPlace values: UnsafeMutableBufferPointer<Float>) throws

    /// Starts to send a block of bytes from `source` to each rank and to receive a block from each
    /// rank in `destination`.
    ///
    /// Collective: rank b receives exactly as many bytes from rank a as a sends to b. All ranks
    /// start transfers of one kind in the same order; other operations may come in between. The
    /// buffers don't overlap, and belong to the transfer until it is complete.
    func startAllToAll(
        _ source: UnsafeRawPointer, _ sent: RankBlocks, into destination: UnsafeMutableRawPointer,
        _ received: RankBlocks
    ) throws -> any Transfer

    /// Starts to gather all ranks' blocks of bytes in a buffer in which each rank has filled its
    /// own block.
    ///
    /// Collective: the same blocks on all ranks. All ranks start transfers of one kind in the same
    /// order, as with `startAllToAll`.
    func startAllGather(inPlace bytes: UnsafeMutableRawPointer, _ blocks: RankBlocks) throws -> any Transfer

    /// Declares the number of this rank's worker threads; `wait` yields if threads outnumber the
    /// processors.
    ///
    /// Collective; the numbers may differ.
    func occupy(threads: Int) throws

    /// Gathers one number from each rank of this host, by local rank.
    ///
    /// Collective among the ranks of a host.
    func allGatherOnHost(_ value: Int) throws -> [Int]

    /// Allocates memory shared by the ranks of a host.
    ///
    /// Collective, with the same size. If the system refuses on any rank of a host, the ranks of
    /// that host don't share memory.
    ///
    /// - Parameter byteCount: the size in bytes.
    /// - Returns: nil in a job of one rank.
    func shareMemory(byteCount: Int) throws -> (any HostMemory)?

    /// Polls `isDone` until it returns true, and yields between polls if threads share processors;
    /// not collective.
    ///
    /// - Parameters:
    ///   - operation: the name of the operation, for the message about a stall.
    ///   - isDone: advances this rank's transfers and returns whether they are complete.
    func wait(for operation: StaticString, until isDone: () throws -> Bool) throws

    /// Prints `error: message` to standard error and ends the whole job with an exit code; not
    /// collective.
    func abort(code: Int32, message: String) -> Never
}

/// A nonblocking collective operation; it makes progress whenever a rank checks for completion.
public protocol Transfer: AnyObject {
    /// Returns whether the operation is complete on this rank and its buffers may be reused.
    ///
    /// Once complete, the operation stays complete.
    func isComplete() throws -> Bool
}

extension Communicator {
    /// Whether this is rank 0, which prints and writes files.
    public var isRoot: Bool { rank == 0 }

    /// This rank's name in messages: `rank 2 (hostname)`.
    public var name: String { "rank \(rank) (\(hostName))" }

    /// Gathers one value from each rank, in rank order, on every rank; collective.
    public func allGather<Value: BitwiseCopyable>(_ value: Value) throws -> [Value] {
        var all = [Value](repeating: value, count: size)
        try withUnsafeBytes(of: value) { own in
            let own = UnsafeRawBufferPointer(start: own.baseAddress, count: MemoryLayout<Value>.stride)
            try all.withUnsafeMutableBytes { try allGather(own, into: $0) }
        }
        return all
    }

    /// Gathers one string from each rank, in rank order, on every rank; collective.
    public func allGather(_ text: String) throws -> [String] {
        try allGather(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Copies rank `root`'s bytes to all ranks, which needn't know the count; collective.
    ///
    /// - Parameters:
    ///   - bytes: the bytes to send; ignored on the other ranks.
    ///   - root: the sending rank.
    /// - Returns: the bytes of rank `root`.
    public func broadcast(_ bytes: [UInt8], from root: Int) throws -> [UInt8] {
        var count = bytes.count
        try withUnsafeMutableBytes(of: &count) { try broadcast($0, from: root) }
        var result = rank == root ? bytes : [UInt8](repeating: 0, count: count)
        try result.withUnsafeMutableBytes { try broadcast($0, from: root) }
        return result
    }
}
