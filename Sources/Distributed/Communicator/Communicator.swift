import DTrainCore

/// The ranks of one job, and what they do together.
///
/// Every operation below is *collective*: all ranks call the same operations in the same order, with the counts that
/// each operation asks for, or the job stalls. They are called from one thread at a time, the one that created the
/// communicator.
///
/// An operation that throws leaves the ranks out of step: only the top level catches (see `Job`), prints, and ends the
/// job. Make an error of one rank known to all first (see `ReplicaAgreement.agree(localError:)`).
///
/// Not supported: groups of ranks, messages between two ranks, other element types than those below.
public protocol Communicator: AnyObject {
    /// This process's number, 0..<size.
    var rank: Int { get }
    /// The number of processes in the job.
    var size: Int { get }
    /// This process's number among those of its host, 0..<localSize.
    var localRank: Int { get }
    /// The number of the job's processes on this host.
    var localSize: Int { get }
    /// The processors of this host, and this rank's share of them.
    var processors: SharedProcessors { get }
    /// The name of the host that this process runs on.
    var hostName: String { get }
    /// Where this rank tells how far it has come.
    var heartbeat: Heartbeat { get }

    /// Waits until all ranks are here.
    func barrier() throws

    /// Overwrites `bytes` on every rank with the bytes of rank `root`.
    ///
    /// Collective: the same count and root on all ranks.
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws

    /// Gathers equally long pieces of all ranks, in rank order, on every rank.
    ///
    /// Collective: the same count on all ranks; `all` holds `size` times the bytes of `own` and doesn't overlap it.
    func allGather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws

    /// Gathers byte strings of any length from all ranks on every rank; the result is indexed by rank.
    ///
    /// Collective: lengths may differ, and be 0.
    func allGather(_ own: [UInt8]) throws -> [[UInt8]]

    /// Sends a block of `source` to each rank and receives one from each in `destination`.
    ///
    /// Collective: what rank a sends to b has the length that b expects from a. The two buffers don't overlap.
    func allToAll(
        _ source: UnsafePointer<Float>, _ sent: RankBlocks, into destination: UnsafeMutablePointer<Float>,
        _ received: RankBlocks
    ) throws

    /// Completes a buffer of which every rank has filled its own block.
    ///
    /// Collective: the same blocks on all ranks.
    func allGather(inPlace values: UnsafeMutablePointer<Float>, _ blocks: RankBlocks) throws

    /// Replaces each element by its sum over all ranks.
    ///
    /// Collective: the same count on all ranks. All ranks get the same bits, but the order of the additions, and so the
    /// bits, depend on the number of ranks and on the library.
    func allReduceSum(inPlace values: UnsafeMutableBufferPointer<Float>) throws

    /// Begins what `allToAll` does, on blocks of bytes.
    ///
    /// Collective, as are the two operations below: all ranks begin transfers of one kind in the same order, whatever
    /// else they do in between. The buffers belong to the transfer until it is complete.
    func startAllToAll(
        _ source: UnsafeRawPointer, _ sent: RankBlocks, into destination: UnsafeMutableRawPointer,
        _ received: RankBlocks
    ) throws -> any Transfer

    /// Begins to complete a buffer of bytes of which every rank has filled its own block.
    ///
    /// Collective: the same blocks on all ranks, and the order that `startAllToAll` tells.
    func startAllGather(inPlace bytes: UnsafeMutableRawPointer, _ blocks: RankBlocks) throws -> any Transfer

    /// Notes how many worker threads this rank runs, so that `wait` knows whether they have enough processors.
    ///
    /// Collective; the numbers may differ.
    func occupy(threads: Int) throws

    /// Makes memory for what the ranks of a host have in common.
    ///
    /// Collective, with the same number; where the system refuses, every rank of the host keeps its own.
    ///
    /// - Parameter byteCount: as much as can be taken of it.
    /// - Returns: nil where no rank has anybody to share with.
    func shareMemory(byteCount: Int) throws -> (any HostMemory)?

    /// Asks `isDone` until it says so, and leaves the processor to others meanwhile where threads share it.
    ///
    /// Not collective itself, but what it waits for is.
    ///
    /// - Parameters:
    ///   - operation: what is waited for, for the message when it takes too long.
    ///   - isDone: asks this rank's transfers.
    func wait(for operation: StaticString, until isDone: () throws -> Bool) throws

    /// Prints `error: message` on standard error and ends the whole job with an exit code; not collective.
    func abort(code: Int32, message: String) -> Never
}

/// An operation that all ranks have begun or will begin, and that goes on whenever one of them asks about it.
public protocol Transfer: AnyObject {
    /// Whether it is over on this rank, so that its buffers may be used again; once it is, it stays so.
    func isComplete() throws -> Bool
}

extension Communicator {
    /// Whether this is rank 0, the one that prints and writes files.
    public var isRoot: Bool { rank == 0 }

    /// The rank as it is named to users: `rank 2 (hostname)`.
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

    /// Every rank gets rank `root`'s bytes, whatever their number; collective.
    ///
    /// - Parameters:
    ///   - bytes: what to send; ignored on the other ranks.
    ///   - root: the rank that sends.
    public func broadcast(_ bytes: [UInt8], from root: Int) throws -> [UInt8] {
        var count = bytes.count
        try withUnsafeMutableBytes(of: &count) { try broadcast($0, from: root) }
        var result = rank == root ? bytes : [UInt8](repeating: 0, count: count)
        try result.withUnsafeMutableBytes { try broadcast($0, from: root) }
        return result
    }
}
