import DTrainCore
import Glibc

/// A job of one process, without MPI.
package final class SoloCommunicator {
    /// The only rank.
    package let rank = 0
    /// One process.
    package let size = 1
    /// The only rank of its host.
    package let localRank = 0
    /// One process on this host.
    package let localSize = 1
    /// The processors of this process.
    package let processors = SharedProcessors(masks: [.current], quotas: [.current], localRank: 0)
    /// The name of this host.
    package let hostName = currentHostName()
    /// The progress of this rank.
    package let heartbeat = Heartbeat()

    /// Creates a job of this process alone.
    package init() {}
}

// Documented by the protocol.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SoloCommunicator: Communicator {
    package func barrier() throws {}

    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
        try requireRank(root)
    }

    package func allGather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        precondition(all.count == own.count, "room for one piece per rank")
        all.copyMemory(from: own)
    }

    package func allGather(_ own: [UInt8]) throws -> [[UInt8]] { [own] }

    package func allReduceSum(inPlace values: UnsafeMutableBufferPointer<Float>) throws {}

    package func startAllToAll(
        _ source: UnsafeRawPointer, _ sent: RankBlocks, into destination: UnsafeMutableRawPointer,
        _ received: RankBlocks
    ) throws -> any Transfer {
        let from = sent.range(of: 0)
        let to = received.range(of: 0)
        precondition(from.count == to.count, "blocks of equal length")
        (destination + to.lowerBound).copyMemory(from: source + from.lowerBound, byteCount: from.count)
        return CompleteTransfer()
    }

    package func startAllGather(inPlace bytes: UnsafeMutableRawPointer, _ blocks: RankBlocks) throws -> any Transfer {
        CompleteTransfer()
    }

    package func occupy(threads: Int) throws {}

    package func allGatherOnHost(_ value: Int) throws -> [Int] { [value] }

    package func shareMemory(byteCount: Int) throws -> (any HostMemory)? { nil }

    package func wait(for operation: StaticString, until isDone: () throws -> Bool) throws {
        // In a job of one rank, an operation completes at once or never.
        guard try isDone() else {
            throw DTrainError(.internal, "\(operation) waits in a job of one rank; please report this")
        }
    }

    package func abort(code: Int32, message: String) -> Never {
        reportError(message)
        exit(code)
    }
}

/// A transfer in a job of one rank, which completes at once.
private final class CompleteTransfer: Transfer {
    func isComplete() throws -> Bool { true }
}
