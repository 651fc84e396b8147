import Core

/// The sum that the library's own allreduce computes, in its own order; for comparison.
final class LibrarySum {
    private let shares: GradientShares
    /// The elements in wire order, then two for each rank's note.
    private let sums: AlignedBuffer<Float>

    init(_ shares: GradientShares) throws {
        self.shares = shares
        sums = try AlignedBuffer(count: shares.blocks.count + 2 * shares.ranks)
    }

    /// Sums up this rank's nodes and those of all ranks, and returns all notes; collective.
    func reduce(
        _ nodes: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>, note: UInt32,
        _ communicator: any Communicator
    ) throws -> [UInt32] {
        let blocks = shares.blocks
        sums.elements.update(repeating: 0)
        for block in 0..<blocks.blockCount { addNodes(nodes, block) }
        // Halves of a note are whole numbers that a float holds; the others' zeros leave them as they are.
        let halves = sums.pointer + blocks.count
        halves[2 * shares.rank] = Float(note >> 16)
        halves[2 * shares.rank + 1] = Float(note & 0xFFFF)
        try communicator.allReduceSum(inPlace: sums.elements)
        for block in 0..<blocks.blockCount {
            blocks.unpack(block: block, sums.pointer + blocks.elements(of: block).lowerBound, to: result)
        }
        return (0..<shares.ranks).map { UInt32(halves[2 * $0]) << 16 | UInt32(halves[2 * $0 + 1]) }
    }

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
