import Core

/// The sum that the library's own allreduce computes, in its own order; for comparison.
final class LibrarySum {
    private let shares: GradientShares
    /// Four floats for each rank's note.
    private let notes: AlignedBuffer<Float>

    /// Two halves for each word of a note.
    private static let length = 2 * RankNote.words

    init(_ shares: GradientShares) throws {
        self.shares = shares
        notes = try AlignedBuffer(count: Self.length * shares.ranks)
    }

    /// Puts the sum of this rank's nodes and those of all ranks in their place, from the front, and returns all notes; collective.
    func reduce(
        _ nodes: UnsafeMutablePointer<Float>, note: RankNote, _ communicator: any Communicator
    ) throws -> [RankNote] {
        addNodes(nodes)
        try communicator.allReduceSum(
            inPlace: UnsafeMutableBufferPointer(start: nodes, count: shares.blocks.count))
        notes.elements.update(repeating: 0)
        let own = notes.pointer + Self.length * shares.rank
        Self.write(note.value, to: own)
        Self.write(note.microseconds, to: own + 2)
        try communicator.allReduceSum(inPlace: notes.elements)
        return (0..<shares.ranks).map {
            let halves = notes.pointer + Self.length * $0
            return RankNote(words: (Self.read(halves), Self.read(halves + 2)))
        }
    }

    /// Halves are whole numbers that a float holds; the others' zeros leave them as they are.
    private static func write(_ value: UInt32, to halves: UnsafeMutablePointer<Float>) {
        halves[0] = Float(value >> 16)
        halves[1] = Float(value & 0xFFFF)
    }

    private static func read(_ halves: UnsafePointer<Float>) -> UInt32 { UInt32(halves[0]) << 16 | UInt32(halves[1]) }

    /// Adds this rank's nodes up in wire order; a single one lies so already.
    private func addNodes(_ nodes: UnsafeMutablePointer<Float>) {
        let (blocks, count) = (shares.blocks, shares.ownNodes)
        if count == 0 { nodes.update(repeating: 0, count: blocks.count) }
        guard count > 1 else { return }
        // From the front: a part's sum takes the place of nodes that are added up.
        for block in 0..<blocks.blockCount {
            for rank in 0..<shares.ranks {
                let part = blocks.part(of: block, rank: rank)
                let first = nodes + blocks.offset(of: part, node: 0, nodes: count)
                for node in 1..<count { add(first + node * part.count, to: first, count: part.count) }
                (nodes + part.lowerBound).update(from: first, count: part.count)
            }
        }
    }
}
