import DTrainCore

/// The transfers between in-memory ranks; transfers of one kind match by their order.
final class TransferBoard: @unchecked Sendable {
    /// The kind of a transfer.
    enum Kind: Hashable { case exchange, gathering }

    /// The buffers of one rank in a transfer.
    struct Part {
        var source: UnsafeRawPointer?
        var sent: RankBlocks?
        var destination: UnsafeMutableRawPointer?
        var received: RankBlocks?
    }

    private struct Key: Hashable {
        let kind: Kind
        let number: Int
    }

    private struct Entry {
        var parts: [Int: Part] = [:]
        var taken: Set<Int> = []
        var left = 0
    }

    private let size: Int
    private let monitor = Monitor()
    // Under the monitor's lock.
    private var entries: [Key: Entry] = [:]
    private var begun: [Kind: [Int: Int]] = [:]
    private var failure: DTrainError?

    init(size: Int) { self.size = size }

    /// Starts a rank's next transfer of that kind.
    func start(_ kind: Kind, rank: Int, _ part: Part) -> any Transfer {
        monitor.locked {
            let number = begun[kind]?[rank] ?? 0
            begun[kind, default: [:]][rank] = number + 1
            entries[Key(kind: kind, number: number), default: Entry()].parts[rank] = part
            return Pending(board: self, key: Key(kind: kind, number: number), rank: rank)
        }
    }

    /// Returns whether all ranks have copied their blocks; until then they read each other's
    /// buffers.
    private func isComplete(_ key: Key, rank: Int) throws -> Bool {
        try monitor.locked {
            if let failure { throw failure }
            do { try advance(rank) } catch let error as DTrainError {
                failure = error
                throw error
            }
            guard let taken = entries[key]?.taken.count, taken == size else { return false }
            entries[key]?.left += 1
            if entries[key]?.left == size { entries[key] = nil }
            return true
        }
    }

    /// Copies the blocks of all transfers that are ready for a rank, because another rank may wait
    /// for any of them.
    private func advance(_ rank: Int) throws {
        for (key, entry) in entries where entry.parts.count == size && !entry.taken.contains(rank) {
            try take(entry.parts, rank)
            entries[key]?.taken.insert(rank)
        }
    }

    private func take(_ parts: [Int: Part], _ rank: Int) throws {
        guard let own = parts[rank], let received = own.received, let destination = own.destination else { return }
        for peer in 0..<size {
            let to = received.range(of: peer)
            let part = parts[peer]
            let from = part?.sent?.range(of: rank) ?? part?.received?.range(of: peer) ?? 0..<0
            guard from.count == to.count else {
                throw DTrainError(
                    .internal, "rank \(peer) sends \(from.count) bytes to rank \(rank), which expects \(to.count)")
            }
            // In a gathering, a rank's own block is in place already.
            guard own.sent != nil || peer != rank, let source = part?.source else { continue }
            (destination + to.lowerBound).copyMemory(from: source + from.lowerBound, byteCount: to.count)
        }
    }

    private final class Pending: Transfer {
        private let board: TransferBoard
        private let key: Key
        private let rank: Int
        private var isOver = false

        init(board: TransferBoard, key: Key, rank: Int) {
            (self.board, self.key, self.rank) = (board, key, rank)
        }

        func isComplete() throws -> Bool {
            if !isOver { isOver = try board.isComplete(key, rank: rank) }
            return isOver
        }
    }
}
