import Core

/// The sum that the library's own allreduce computes, in its own order; for comparison.
final class LibrarySum {
    private let shares: GradientShares
    /// The elements in wire order, then four for each rank's note.
    private let sums: AlignedBuffer<Float>

    /// Two halves for each word of a note.
    private static let trailer = 2 * RankNote.words

    init(_ shares: GradientShares) throws {
        self.shares = shares
        sums = try AlignedBuffer(count: shares.blocks.count + Self.trailer * shares.ranks)
    }

    /// Sums up this rank's nodes and those of all ranks, and returns all notes; collective.
    func reduce(
        _ nodes: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>, note: RankNote,
        _ communicator: any Communicator
    ) throws -> [RankNote] {
        let blocks = shares.blocks
        sums.elements.update(repeating: 0)
        for block in 0..<blocks.blockCount { addNodes(nodes, block) }
        let notes = sums.pointer + blocks.count
        Self.write(note.value, to: notes + Self.trailer * shares.rank)
        Self.write(note.microseconds, to: notes + Self.trailer * shares.rank + 2)
        try communicator.allReduceSum(inPlace: sums.elements)
        for block in 0..<blocks.blockCount {
            blocks.unpack(block: block, sums.pointer + blocks.elements(of: block).lowerBound, to: result)
        }
        return (0..<shares.ranks).map {
            let halves = notes + Self.trailer * $0
            return RankNote(words: (Self.read(halves), Self.read(halves + 2)))
        }
    }

    /// Halves are whole numbers that a float holds; the others' zeros leave them as they are.
    private static func write(_ value: UInt32, to halves: UnsafeMutablePointer<Float>) {
        halves[0] = Float(value >> 16)
        halves[1] = Float(value & 0xFFFF)
    }

    private static func read(_ halves: UnsafePointer<Float>) -> UInt32 { UInt32(halves[0]) << 16 | UInt32(halves[1]) }

    private func addNodes(_ nodes: UnsafePointer<Float>, _ block: Int) {
        for rank in 0..<shares.ranks {
            let part = shares.blocks.part(of: block, rank: rank)
            for node in 0..<shares.ownNodes {
                add(
                    nodes + shares.blocks.offset(of: part, node: node, nodes: shares.ownNodes),
                    to: sums.pointer + part.lowerBound, count: part.count)
            }
        }
    }
}
