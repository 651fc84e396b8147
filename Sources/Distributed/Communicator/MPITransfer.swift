import CMPI

/// A nonblocking collective (MPI 3.1 §5.12).
final class MPITransfer: Transfer {
    /// Counts and displacements at a fixed address, because MPI reads them until the operation is
    /// complete.
    struct PinnedBlocks {
        let counts: UnsafeMutablePointer<Int32>
        let displacements: UnsafeMutablePointer<Int32>

        init(_ blocks: RankBlocks) {
            let size = blocks.counts.count
            counts = .allocate(capacity: size)
            displacements = .allocate(capacity: size)
            counts.initialize(from: blocks.counts, count: size)
            displacements.initialize(from: blocks.displacements, count: size)
        }

        func deallocate() {
            counts.deallocate()
            displacements.deallocate()
        }
    }

    private let operation: StaticString
    private let blocks: [PinnedBlocks]
    private var request = cmpi_request_null()
    private var isOver = false

    /// Starts an operation; `start` makes the MPI call with the pinned blocks.
    init(
        _ operation: StaticString, _ blocks: [RankBlocks], _ start: ([PinnedBlocks], inout cmpi_request) -> Int32
    ) throws(MPIError) {
        self.operation = operation
        self.blocks = blocks.map(PinnedBlocks.init)
        try MPIError.check(operation, start(self.blocks, &request))
    }

    deinit {
        // Leaked after an error: MPI may still read the blocks of an operation that didn't
        // complete.
        if isOver { for block in blocks { block.deallocate() } }
    }

    /// MPI 3.1 §3.7.3.
    func isComplete() throws -> Bool {
        guard !isOver else { return true }
        var flag: Int32 = 0
        try MPIError.check(operation, cmpi_test(&request, &flag))
        isOver = flag != 0
        return isOver
    }
}
