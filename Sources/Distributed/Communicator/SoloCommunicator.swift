import Core
import Glibc

/// A job of one process, without MPI.
public final class SoloCommunicator {
    /// The only rank.
    public let rank = 0
    /// One process.
    public let size = 1
    /// The only rank of its host.
    public let localRank = 0
    /// One process on this host.
    public let localSize = 1
    /// This host.
    public let hostName = currentHostName()

    /// A job of this process alone.
    public init() {}
}

// Documented by the protocol.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SoloCommunicator: Communicator {
    public func barrier() throws {}

    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
        try requireRank(root)
    }

    public func allGather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        precondition(all.count == own.count, "room for one piece per rank")
        all.copyMemory(from: own)
    }

    public func allGather(_ own: [UInt8]) throws -> [[UInt8]] { [own] }

    public func allToAll(
        _ source: UnsafePointer<Float>, _ sent: RankBlocks, into destination: UnsafeMutablePointer<Float>,
        _ received: RankBlocks
    ) throws {
        let from = sent.range(of: 0)
        let to = received.range(of: 0)
        precondition(from.count == to.count, "blocks of equal length")
        (destination + to.lowerBound).update(from: source + from.lowerBound, count: from.count)
    }

    public func allGather(inPlace values: UnsafeMutablePointer<Float>, _ blocks: RankBlocks) throws {}

    public func allReduceSum(inPlace values: UnsafeMutableBufferPointer<Float>) throws {}

    public func allReduce(_ values: [Double], _ operation: ReductionOperation) throws -> [Double] { values }

    public func abort(code: Int32, message: String) -> Never {
        reportError(message)
        exit(code)
    }
}

extension Communicator {
    /// Refuses a rank that the job doesn't have.
    func requireRank(_ root: Int) throws {
        guard root >= 0, root < size else {
            throw DTrainError(.internal, "there is no rank \(root) in a job of \(size)")
        }
    }
}

/// Writes one error line to standard error, in one piece so that the lines of several ranks don't mix.
func reportError(_ message: String) {
    // Names of files may have line ends in them.
    let text = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    let line = Array("error: \(text)\n".utf8)
    line.withUnsafeBytes { bytes in
        _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
}

/// This host's name.
func currentHostName() -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 257) { buffer in
        buffer.initialize(repeating: 0)
        guard let name = buffer.baseAddress, gethostname(name, 256) == 0 else { return "unknown host" }
        return String(cString: name)
    }
}
