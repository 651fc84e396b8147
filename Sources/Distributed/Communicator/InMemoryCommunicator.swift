import DTrainCore
import Glibc

/// N ranks as N threads of one process: for tests of what runs on several ranks.
///
/// Stricter than MPI: a rank that enters another operation than its peers, or differs in a count, makes all of them
/// throw; one that doesn't come makes the others throw when the time is up.
public final class InMemoryCommunicator {
    /// This process's number.
    public let rank: Int
    /// The number of processes in the job.
    public let size: Int
    /// The same as the rank: all are on this host.
    public var localRank: Int { rank }
    /// The same as the size.
    public var localSize: Int { size }
    /// The processors of this process, which all ranks share.
    public var processors: SharedProcessors {
        SharedProcessors(masks: [ProcessorSet](repeating: .current, count: size), localRank: rank)
    }
    /// This host.
    public let hostName = currentHostName()
    /// Where this rank tells how far it has come.
    public let heartbeat = Heartbeat()
    private let meeting: Meeting
    private let board: TransferBoard
    private let seconds: Double

    private init(rank: Int, size: Int, seconds: Double, meeting: Meeting, board: TransferBoard) {
        self.rank = rank
        self.size = size
        self.seconds = seconds
        self.meeting = meeting
        self.board = board
    }

    /// Runs `body` once per rank, each on a thread of its own, and waits for all.
    ///
    /// - Parameters:
    ///   - ranks: the number of ranks.
    ///   - seconds: how long an operation waits for the other ranks.
    ///   - body: what each rank does.
    /// - Returns: each rank's result or error.
    public static func run<Value: Sendable>(
        ranks: Int, seconds: Double = 20, _ body: @escaping @Sendable (InMemoryCommunicator) throws -> Value
    ) throws -> [Result<Value, any Error>] {
        let meeting = Meeting(size: ranks, seconds: seconds)
        let board = TransferBoard(size: ranks)
        let results = Results<Value>()
        let threads = try (0..<ranks).map { rank in
            try WaitingThread {
                let communicator = InMemoryCommunicator(
                    rank: rank, size: ranks, seconds: seconds, meeting: meeting, board: board)
                results.set(rank, Result { try body(communicator) })
            }
        }
        for thread in threads { thread.join() }
        return results.all(ranks)
    }
}

// Documented by the protocol.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension InMemoryCommunicator: Communicator {
    public func barrier() throws {
        try meeting.exchange(rank, "barrier", Offer()) { _ in }
    }

    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
        try requireRank(root)
        try meeting.exchange(rank, "broadcast of \(bytes.count) bytes from \(root)", Offer(bytes)) { [rank] offers in
            if rank != root { bytes.copyMemory(from: offers[root].bytes) }
        }
    }

    public func allGather(_ own: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        precondition(all.count == own.count * size, "room for one piece per rank")
        try meeting.exchange(rank, "gathering of \(own.count) bytes", Offer(own)) { offers in
            for (rank, offer) in offers.enumerated() {
                let piece = rank * own.count..<(rank + 1) * own.count
                UnsafeMutableRawBufferPointer(rebasing: all[piece]).copyMemory(from: offer.bytes)
            }
        }
    }

    public func allGather(_ own: [UInt8]) throws -> [[UInt8]] {
        try own.withUnsafeBytes { own in
            try meeting.exchange(rank, "gathering", Offer(own)) { $0.map { Array($0.bytes) } }
        }
    }

    public func allToAll(
        _ source: UnsafePointer<Float>, _ sent: RankBlocks, into destination: UnsafeMutablePointer<Float>,
        _ received: RankBlocks
    ) throws {
        let offer = Offer(UnsafeRawBufferPointer(start: source, count: 0), sent)
        try meeting.exchange(rank, "exchange", offer) { [rank] offers in
            for (peer, offer) in offers.enumerated() {
                let to = received.range(of: peer)
                let from = offer.blocks?.range(of: rank) ?? 0..<0
                guard from.count == to.count else {
                    throw DTrainError(
                        .internal,
                        "rank \(peer) sends \(from.count) elements to rank \(rank), which expects \(to.count)")
                }
                if let base = offer.bytes.baseAddress?.assumingMemoryBound(to: Float.self) {
                    (destination + to.lowerBound).update(from: base + from.lowerBound, count: to.count)
                }
            }
        }
    }

    public func allGather(inPlace values: UnsafeMutablePointer<Float>, _ blocks: RankBlocks) throws {
        let offer = Offer(UnsafeRawBufferPointer(start: values, count: 0))
        try meeting.exchange(rank, "gathering in place of \(blocks)", offer) { [rank] offers in
            for (peer, offer) in offers.enumerated() where peer != rank {
                let block = blocks.range(of: peer)
                if let base = offer.bytes.baseAddress?.assumingMemoryBound(to: Float.self) {
                    (values + block.lowerBound).update(from: base + block.lowerBound, count: block.count)
                }
            }
        }
    }

    public func allReduceSum(inPlace values: UnsafeMutableBufferPointer<Float>) throws {
        let offer = Offer(UnsafeRawBufferPointer(values))
        let sums = try meeting.exchange(rank, "sum of \(values.count) floats", offer) { offers in
            offers.map { Array($0.bytes.bindMemory(to: Float.self)) }.reduce([Float](repeating: 0, count: values.count))
            {
                zip($0, $1).map(+)
            }
        }
        _ = values.update(from: sums)
    }

    public func startAllToAll(
        _ source: UnsafeRawPointer, _ sent: RankBlocks, into destination: UnsafeMutableRawPointer,
        _ received: RankBlocks
    ) throws -> any Transfer {
        board.start(
            .exchange, rank: rank,
            TransferBoard.Part(source: source, sent: sent, destination: destination, received: received))
    }

    public func startAllGather(inPlace bytes: UnsafeMutableRawPointer, _ blocks: RankBlocks) throws -> any Transfer {
        board.start(
            .gathering, rank: rank,
            TransferBoard.Part(source: UnsafeRawPointer(bytes), destination: bytes, received: blocks))
    }

    public func occupy(threads: Int) throws {}

    public func shareMemory(byteCount: Int) throws -> (any HostMemory)? { nil }

    public func wait(for operation: StaticString, until isDone: () throws -> Bool) throws {
        let deadline = Clock.seconds + seconds
        while try !isDone() {
            guard Clock.seconds < deadline else {
                throw DTrainError(.internal, "waited \(seconds) s in '\(operation)' for the other ranks")
            }
            usleep(50)
        }
    }

    public func abort(code: Int32, message: String) -> Never {
        reportError(message)
        endProcess(code)
    }
}

/// What a rank lays open to the others during one operation.
private struct Offer: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer
    let blocks: RankBlocks?

    init(_ bytes: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), _ blocks: RankBlocks? = nil) {
        self.bytes = bytes
        self.blocks = blocks
    }

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        self.init(UnsafeRawBufferPointer(bytes))
    }
}

/// The place where the threads meet for an operation.
private final class Meeting: @unchecked Sendable {
    private let size: Int
    private let seconds: Double
    private let monitor = Monitor()
    // Under the monitor's lock.
    private var offers: [Offer?]
    private var operations: [String?]
    private var arrived = 0
    private var round = 0
    private var failure: DTrainError?

    init(size: Int, seconds: Double) {
        self.size = size
        self.seconds = seconds
        offers = Array(repeating: nil, count: size)
        operations = Array(repeating: nil, count: size)
    }

    /// Shows an offer, takes from the others' offers when all are there, and returns when all have taken.
    func exchange<Value>(
        _ rank: Int, _ operation: String, _ offer: Offer, _ take: ([Offer]) throws -> Value
    ) throws -> Value {
        monitor.locked {
            offers[rank] = offer
            operations[rank] = operation
        }
        try meet(operation)
        let value = try monitor.locked {
            if let other = operations.firstIndex(where: { $0 != operation }) {
                failure = DTrainError(
                    .internal, "rank \(rank) is in '\(operation)', rank \(other) in '\(operations[other] ?? "")'")
            }
            if let failure { throw failure }
            return offers.compactMap(\.self)
        }
        let taken = Result { try take(value) }
        if case .failure(let error as DTrainError) = taken { monitor.locked { failure = error } }
        try meet(operation)
        return try taken.get()
    }

    /// Waits until all ranks are here.
    private func meet(_ operation: String) throws {
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

/// The results of threads.
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
