import DTrainCore
import DTrainDistributed

/// A failed check of a communicator.
public struct CheckFailure: Error, CustomStringConvertible {
    /// The check, the expected value and the actual one.
    public let description: String

    /// Creates a failure with a description.
    public init(description: String) { self.description = description }
}

/// Checks that two values are equal.
///
/// - Throws: `CheckFailure` with both values if they differ.
public func require<Value: Equatable>(
    _ actual: Value, equals expected: Value, _ what: String = "", line: UInt = #line
) throws {
    guard actual == expected else {
        throw CheckFailure(description: "\(what) (line \(line)): \(actual), expected \(expected)")
    }
}

/// A check that any implementation of `Communicator` must pass, for any number of ranks.
///
/// All ranks run it together. The expected values are closed forms of rank and size.
public struct CommunicatorCheck: Sendable, CustomStringConvertible {
    /// The name of the check.
    public let name: String
    /// Runs the check; collective.
    public let run: @Sendable (any Communicator) throws -> Void
    /// The name.
    public var description: String { name }

    /// Returns the check of that name; nil if there is none.
    public static func named(_ name: String) -> CommunicatorCheck? { all.first { $0.name == name } }

    /// All checks.
    public static let all: [CommunicatorCheck] = [
        CommunicatorCheck(name: "rank-and-host", run: rankAndHost),
        CommunicatorCheck(name: "broadcast", run: broadcast),
        CommunicatorCheck(name: "gather-values", run: gatherValues),
        CommunicatorCheck(name: "gather-bytes", run: gatherBytes),
        CommunicatorCheck(name: "exchange", run: exchange),
        CommunicatorCheck(name: "exchange-with-gaps", run: exchangeWithGaps),
        CommunicatorCheck(name: "gather-in-place", run: gatherInPlace),
        CommunicatorCheck(name: "sum-floats", run: sumFloats),
        CommunicatorCheck(name: "transfers", run: transfers),
        CommunicatorCheck(name: "concurrent-transfers", run: concurrentTransfers),
        CommunicatorCheck(name: "invalid-root", run: invalidRoot),
        CommunicatorCheck(name: "many-rounds", run: manyRounds),
    ]

    @Sendable private static func rankAndHost(_ ranks: any Communicator) throws {
        let all = try ranks.allGather(ranks.rank)
        try require(all, equals: Array(0..<ranks.size), "ranks")
        try require((0..<ranks.localSize).contains(ranks.localRank), equals: true, "local rank in its range")
        try require(ranks.localSize <= ranks.size, equals: true, "local size at most size")
        try require(ranks.hostName.isEmpty, equals: false, "host name empty")
        // Ranks of one host have different local ranks.
        let places = try ranks.allGather("\(ranks.hostName) \(ranks.localRank)")
        try require(Set(places).count, equals: ranks.size, "distinct places")
    }

    @Sendable private static func broadcast(_ ranks: any Communicator) throws {
        for root in 0..<ranks.size {
            for count in [0, 1, 1000] {
                let expected = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + root) }
                var bytes = ranks.rank == root ? expected : [UInt8](repeating: 255, count: count)
                try bytes.withUnsafeMutableBytes { try ranks.broadcast($0, from: root) }
                try require(bytes, equals: expected, "bytes from \(root)")
                // Only the root knows the count.
                let received = try ranks.broadcast(ranks.rank == root ? expected : [], from: root)
                try require(received, equals: expected, "bytes of unknown number from \(root)")
            }
        }
    }

    @Sendable private static func gatherValues(_ ranks: any Communicator) throws {
        try require(
            try ranks.allGather(Double(ranks.rank) / 4), equals: (0..<ranks.size).map { Double($0) / 4 }, "doubles")
        let texts = try ranks.allGather(String(repeating: "é", count: ranks.rank))
        try require(texts, equals: (0..<ranks.size).map { String(repeating: "é", count: $0) }, "texts")
    }

    @Sendable private static func gatherBytes(_ ranks: any Communicator) throws {
        // Rank r sends r bytes (rank 0 none), then only the last rank sends any.
        let counts = [{ (rank: Int) in rank }, { (rank: Int) in rank == ranks.size - 1 ? 100_000 : 0 }]
        for count in counts {
            let own = [UInt8](repeating: UInt8(ranks.rank + 1), count: count(ranks.rank))
            let expected = (0..<ranks.size).map { [UInt8](repeating: UInt8($0 + 1), count: count($0)) }
            try require(try ranks.allGather(own), equals: expected, "byte strings")
        }
    }

    /// Rank a sends b + 1 bytes of value 10a + b to rank b.
    @Sendable private static func exchange(_ ranks: any Communicator) throws {
        let (rank, size) = (ranks.rank, ranks.size)
        let sent = try RankBlocks(counts: (0..<size).map { $0 + 1 })
        let received = try RankBlocks(counts: (0..<size).map { _ in rank + 1 })
        let source = (0..<size).flatMap { [UInt8](repeating: UInt8(10 * rank + $0), count: $0 + 1) }
        let destination = try exchange(source, sent, received, count: size * (rank + 1), ranks)
        let expected = (0..<size).flatMap { [UInt8](repeating: UInt8(10 * $0 + rank), count: rank + 1) }
        try require(destination, equals: expected, "received")
    }

    /// Even ranks send the same two bytes to every rank; receivers leave a gap after each pair.
    @Sendable private static func exchangeWithGaps(_ ranks: any Communicator) throws {
        let (rank, size) = (ranks.rank, ranks.size)
        let sent = try RankBlocks([Range<Int>](repeating: rank.isMultiple(of: 2) ? 0..<2 : 0..<0, count: size))
        let received = try RankBlocks((0..<size).map { $0 * 3..<$0 * 3 + ($0.isMultiple(of: 2) ? 2 : 0) })
        let source = [UInt8(rank), UInt8(100 + rank)]
        let destination = try exchange(source, sent, received, count: size * 3, ranks)
        let expected = (0..<UInt8(size)).flatMap { peer -> [UInt8] in
            peer.isMultiple(of: 2) ? [peer, 100 + peer, 255] : [255, 255, 255]
        }
        try require(destination, equals: expected, "received")
    }

    /// Exchanges bytes; returns `count` received bytes, which are 255 in gaps.
    private static func exchange(
        _ source: [UInt8], _ sent: RankBlocks, _ received: RankBlocks, count: Int, _ ranks: any Communicator
    ) throws -> [UInt8] {
        let bytes = try AlignedBuffer<UInt8>(count: source.count)
        let destination = try AlignedBuffer<UInt8>(count: count)
        _ = bytes.elements.update(from: source)
        destination.elements.update(repeating: 255)
        try complete(
            [ranks.startAllToAll(bytes.pointer, sent, into: destination.pointer, received)], ranks,
            using: [bytes, destination])
        return Array(destination.elements)
    }

    /// Rank r owns 3r bytes, so rank 0 owns none.
    @Sendable private static func gatherInPlace(_ ranks: any Communicator) throws {
        let blocks = try RankBlocks(counts: (0..<ranks.size).map { 3 * $0 })
        let count = 3 * ranks.size * (ranks.size - 1) / 2
        let values = try AlignedBuffer<UInt8>(count: count + 1)
        values.elements.update(repeating: 255)
        for index in blocks.range(of: ranks.rank) { values[index] = UInt8(index) * 2 }
        try complete([ranks.startAllGather(inPlace: values.pointer, blocks)], ranks, using: [values])
        try require(Array(values.elements), equals: (0..<count).map { UInt8($0) * 2 } + [255], "values")
    }

    /// The sum of i + r over ranks is n·i + n(n−1)/2, exact in Float at these sizes.
    @Sendable private static func sumFloats(_ ranks: any Communicator) throws {
        let size = ranks.size
        for count in [0, 1, 1001] {
            var values = (0..<count).map { Float($0 + ranks.rank) }
            try values.withUnsafeMutableBufferPointer { try ranks.allReduceSum(inPlace: $0) }
            try require(values, equals: (0..<count).map { Float(size * $0 + size * (size - 1) / 2) }, "sums")
        }
    }

    /// An MPI error is thrown as an error, and the communicator keeps working.
    @Sendable private static func invalidRoot(_ ranks: any Communicator) throws {
        for root in [-1, ranks.size, 1 << 32] {
            var thrown = false
            do {
                try withUnsafeTemporaryAllocation(byteCount: 4, alignment: 4) { try ranks.broadcast($0, from: root) }
            } catch {
                thrown = true
                if let error = error as? MPIError {
                    try require(error.operation, equals: "MPI_Bcast", "operation named")
                    try require(error.message.isEmpty, equals: false, "text empty")
                }
            }
            try require(thrown, equals: true, "error from root \(root)")
        }
        try ranks.barrier()
    }

    @Sendable private static func manyRounds(_ ranks: any Communicator) throws {
        for round in 0..<200 {
            var sum = [Float(round * ranks.rank)]
            try sum.withUnsafeMutableBufferPointer { try ranks.allReduceSum(inPlace: $0) }
            try require(sum, equals: [Float(round * ranks.size * (ranks.size - 1) / 2)], "round \(round)")
            if round.isMultiple(of: 50) { try ranks.barrier() }
        }
    }

    /// Rank r sends r + p bytes of value r to rank p; then r bytes of each rank are gathered.
    @Sendable private static func transfers(_ ranks: any Communicator) throws {
        let (size, rank) = (ranks.size, ranks.rank)
        let blocks = try RankBlocks(counts: (0..<size).map { rank + $0 })
        let source = try AlignedBuffer<UInt8>(count: size * (rank + size))
        let received = try AlignedBuffer<UInt8>(count: size * (rank + size))
        source.elements.update(repeating: UInt8(rank))
        received.elements.update(repeating: 255)
        try complete(
            [ranks.startAllToAll(source.pointer, blocks, into: received.pointer, blocks)], ranks,
            using: [source, received])
        let expected = (0..<size).flatMap { [UInt8](repeating: UInt8($0), count: rank + $0) }
        try require(Array(received.elements.prefix(expected.count)), equals: expected, "received")
        try require(received.elements.dropFirst(expected.count).allSatisfy { $0 == 255 }, equals: true, "the rest")
        let pieces = try RankBlocks(counts: Array(0..<size))
        let all = try AlignedBuffer<UInt8>(count: size * size)
        for index in pieces.range(of: rank) { all[index] = UInt8(100 + rank) }
        try complete([ranks.startAllGather(inPlace: all.pointer, pieces)], ranks, using: [all])
        let gathered = (0..<size).flatMap { [UInt8](repeating: UInt8(100 + $0), count: $0) }
        try require(Array(all.elements.prefix(gathered.count)), equals: gathered, "gathered")
    }

    /// Several transfers run at once, started between other operations.
    ///
    /// Even and odd ranks start the two kinds in different orders.
    @Sendable private static func concurrentTransfers(_ ranks: any Communicator) throws {
        let (size, rank, length) = (ranks.size, ranks.rank, 70_000)
        let blocks = try RankBlocks(counts: [Int](repeating: length * 4, count: size))
        let sources = try (0..<3).map { _ in try AlignedBuffer<Float>(count: size * length) }
        let results = try (0..<3).map { _ in try AlignedBuffer<Float>(count: size * length) }
        let gathered = try AlignedBuffer<Float>(count: size * length)
        for index in blocks.range(of: rank) where index.isMultiple(of: 4) { gathered[index / 4] = Float(-rank - 1) }
        func gather() throws -> any Transfer { try ranks.startAllGather(inPlace: gathered.pointer, blocks) }
        var pending: [any Transfer] = rank.isMultiple(of: 2) ? [try gather()] : []
        for round in 0..<3 {
            sources[round].elements.update(repeating: Float(10 * rank + round))
            pending.append(
                try ranks.startAllToAll(sources[round].pointer, blocks, into: results[round].pointer, blocks))
            try require(ranks.allGather(round), equals: [Int](repeating: round, count: size), "in between")
        }
        if !rank.isMultiple(of: 2) { pending.append(try gather()) }
        try complete(pending, ranks, using: sources + results + [gathered])
        for peer in 0..<size {
            for round in 0..<3 {
                let block = results[round].elements[peer * length..<(peer + 1) * length]
                try require(block.allSatisfy { $0 == Float(10 * peer + round) }, equals: true, "round \(round)")
            }
            let block = gathered.elements[peer * length..<(peer + 1) * length]
            try require(block.allSatisfy { $0 == Float(-peer - 1) }, equals: true, "gathered")
        }
    }

    /// Waits for transfers and keeps their buffers alive until then.
    ///
    /// An optimized build would free the buffers after their last use.
    private static func complete<Element>(
        _ transfers: [any Transfer], _ ranks: any Communicator, using buffers: [AlignedBuffer<Element>]
    ) throws {
        try withExtendedLifetime(buffers) {
            for transfer in transfers {
                try ranks.wait(for: "check") { try transfer.isComplete() }
                try require(transfer.isComplete(), equals: true, "still complete")
            }
        }
    }
}
