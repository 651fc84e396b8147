import DTrainCore
import Glibc

/// A job whose ranks are threads of one process, for tests.
///
/// It is stricter than MPI. If the ranks call different operations, or differ in a count, all of
/// them throw. If a rank doesn't call an operation, the others throw after a timeout.
package final class InMemoryCommunicator {
    /// The rank of this thread.
    package let rank: Int
    /// The number of ranks.
    package let size: Int
    /// The same as `rank`: all ranks are on this host.
    package var localRank: Int { rank }
    /// The same as `size`.
    package var localSize: Int { size }
    /// The processors of this process, which all ranks share.
    package var processors: SharedProcessors {
        SharedProcessors(
            masks: [ProcessorSet](repeating: .current, count: size),
            quotas: [ProcessorQuota](repeating: .current, count: size), localRank: rank)
    }
    /// The name of this host.
    package let hostName = currentHostName()
    /// The progress of this rank.
    package let heartbeat = Heartbeat()
    private let rendezvous: Rendezvous
    private let board: TransferBoard
    private let seconds: Double

    private init(rank: Int, size: Int, seconds: Double, rendezvous: Rendezvous, board: TransferBoard) {
        self.rank = rank
        self.size = size
        self.seconds = seconds
        self.rendezvous = rendezvous
        self.board = board
    }

    /// Runs `body` on every rank, each on its own thread, and waits for all of them.
    ///
    /// - Parameters:
    ///   - ranks: the number of ranks.
    ///   - seconds: the timeout of an operation.
    ///   - body: the closure that each rank runs.
    /// - Returns: the result or error of each rank, in rank order.
    /// - Throws: `DTrainError` with `internal` if the system refuses to start a thread.
    package static func run<Value: Sendable>(
        ranks: Int, seconds: Double = 20, _ body: @escaping @Sendable (InMemoryCommunicator) throws -> Value
    ) throws -> [Result<Value, any Error>] {
        let rendezvous = Rendezvous(size: ranks, seconds: seconds)
        let board = TransferBoard(size: ranks)
        let results = Results<Value>()
        var threads: [BlockingThread] = []
        // If a thread can't be started, the others end when their operations time out.
        defer { for thread in threads { thread.join() } }
        for rank in 0..<ranks {
            threads.append(
                try BlockingThread {
                    let communicator = InMemoryCommunicator(
                        rank: rank, size: ranks, seconds: seconds, rendezvous: rendezvous, board: board)
                    results.set(rank, Result { try body(communicator) })
                })
        }
        while let thread = threads.popLast() { thread.join() }
        return results.all(ranks)
    }
}

// Documented by the protocol.
extension InMemoryCommunicator: Communicator {
    package func barrier() throws {
        try rendezvous.exchange(rank, "barrier", Contribution()) { _ in }
    }

    package func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
        try requireRank(root)
        try rendezvous.exchange(rank, "broadcast of \(bytes.count) bytes from \(root)", Contribution(bytes)) {
            [rank] contributions in
            if rank != root { bytes.copyMemory(from: contributions[root].bytes) }
        }
    }

    package func allGather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        precondition(all.count == own.count * size, "room for one piece per rank")
        try rendezvous.exchange(rank, "gathering of \(own.count) bytes", Contribution(own)) { contributions in
            for (rank, contribution) in contributions.enumerated() {
                let piece = rank * own.count..<(rank + 1) * own.count
                UnsafeMutableRawBufferPointer(rebasing: all[piece]).copyMemory(from: contribution.bytes)
            }
        }
    }

    package func allGather(_ own: [UInt8]) throws -> [[UInt8]] {
        try own.withUnsafeBytes { own in
            try rendezvous.exchange(rank, "gathering", Contribution(own)) { $0.map { Array($0.bytes) } }
        }
    }

    package func allReduceSum(inPlace values: UnsafeMutableBufferPointer<Float>) throws {
        let contribution = Contribution(UnsafeRawBufferPointer(values))
        let sums = try rendezvous.exchange(rank, "sum of \(values.count) floats", contribution) { contributions in
            contributions.map { Array($0.bytes.bindMemory(to: Float.self)) }.reduce(
                [Float](repeating: 0, count: values.count)
            ) {
                zip($0, $1).map(+)
            }
        }
        _ = values.update(from: sums)
    }

    package func startAllToAll(
        _ source: UnsafeRawPointer, _ sent: RankBlocks, into destination: UnsafeMutableRawPointer,
        _ received: RankBlocks
    ) throws -> any Transfer {
        board.start(
            .exchange, rank: rank,
            TransferBoard.Part(source: source, sent: sent, destination: destination, received: received))
    }

    package func startAllGather(inPlace bytes: UnsafeMutableRawPointer, _ blocks: RankBlocks) throws -> any Transfer {
        board.start(
            .gathering, rank: rank,
            TransferBoard.Part(source: UnsafeRawPointer(bytes), destination: bytes, received: blocks))
    }

    package func occupy(threads: Int) throws {}

    package func allGatherOnHost(_ value: Int) throws -> [Int] { try allGather(value) }

    package func shareMemory(byteCount: Int) throws -> (any HostMemory)? { nil }

    package func wait(for operation: StaticString, until isDone: () throws -> Bool) throws {
        let deadline = Clock.seconds + seconds
        while try !isDone() {
            guard Clock.seconds < deadline else {
                throw DTrainError(.internal, "waited \(seconds) s in '\(operation)' for the other ranks")
            }
            usleep(50)
        }
    }

    package func abort(code: Int32, message: String) -> Never {
        reportError(message)
        endProcess(code)
    }
}

/// One rank's memory that the others read during an operation.
private struct Contribution: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)) {
        self.bytes = bytes
    }

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        self.init(UnsafeRawBufferPointer(bytes))
    }
}

/// A rendezvous of all ranks in an operation.
private final class Rendezvous: @unchecked Sendable {
    private let size: Int
    private let seconds: Double
    private let monitor = Monitor()
    // Under the monitor's lock.
    private var contributions: [Contribution?]
    private var operations: [String?]
    private var arrived = 0
    private var round = 0
    private var failure: DTrainError?

    init(size: Int, seconds: Double) {
        self.size = size
        self.seconds = seconds
        contributions = Array(repeating: nil, count: size)
        operations = Array(repeating: nil, count: size)
    }

    /// Publishes a contribution, reads all ranks' contributions, and returns when all ranks have
    /// read them.
    func exchange<Value>(
        _ rank: Int, _ operation: String, _ contribution: Contribution, _ take: ([Contribution]) throws -> Value
    ) throws -> Value {
        monitor.locked {
            contributions[rank] = contribution
            operations[rank] = operation
        }
        try barrier(operation)
        let value = try monitor.locked {
            if let other = operations.firstIndex(where: { $0 != operation }) {
                failure = DTrainError(
                    .internal, "rank \(rank) is in '\(operation)', rank \(other) in '\(operations[other] ?? "")'")
            }
            if let failure { throw failure }
            return contributions.compactMap(\.self)
        }
        let taken = Result { try take(value) }
        if case .failure(let error as DTrainError) = taken { monitor.locked { failure = error } }
        try barrier(operation)
        return try taken.get()
    }

    /// Waits until all ranks have called this method.
    private func barrier(_ operation: String) throws {
        try monitor.locked {
            if let failure { throw failure }
            let own = round
            arrived += 1
            if arrived == size {
                arrived = 0
                round += 1
                monitor.wakeAll()
            } else if !monitor.wait(seconds: seconds, until: { round != own || failure != nil }) {
                failure = failure ?? DTrainError(.internal, "waited \(seconds) s in '\(operation)' for the other ranks")
                monitor.wakeAll()
            }
            if let failure { throw failure }
        }
    }
}

/// The results of the ranks.
private final class Results<Value: Sendable>: @unchecked Sendable {
    private let monitor = Monitor()
    private var values: [Int: Result<Value, any Error>] = [:]

    func set(_ rank: Int, _ value: Result<Value, any Error>) {
        monitor.locked { values[rank] = value }
    }

    func all(_ ranks: Int) -> [Result<Value, any Error>] {
        monitor.locked {
            (0..<ranks).map { values[$0] ?? .failure(DTrainError(.internal, "rank \($0) returned nothing")) }
        }
    }
}
