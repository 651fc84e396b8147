import DTrainCore

/// A block of a buffer for each rank, in rank order, in MPI's form of counts and displacements.
public struct RankBlocks: Hashable, Sendable {
    /// The length of each rank's block.
    let counts: [Int32]
    /// The index of the first element of each rank's block.
    let displacements: [Int32]

    /// Creates blocks anywhere in the buffer.
    ///
    /// - Parameter ranges: the elements of each rank's block.
    /// - Throws: `DTrainError` with `usage` if an index exceeds 2^31 − 1, the limit of MPI 3.
    package init(_ ranges: [Range<Int>]) throws {
        for range in ranges where range.upperBound > Int(Int32.max) {
            throw DTrainError(
                .usage,
                "an exchange of \(range.upperBound) elements exceeds MPI's limit of \(Int32.max); "
                    + "use a smaller model or fewer micro-batches per step")
        }
        counts = ranges.map { Int32($0.count) }
        displacements = ranges.map { Int32($0.lowerBound) }
    }

    /// Creates blocks that follow each other without gaps.
    ///
    /// - Parameter counts: the length of each rank's block.
    /// - Throws: `DTrainError` with `usage` if an index exceeds 2^31 − 1, the limit of MPI 3.
    package init(counts: [Int]) throws {
        var next = 0
        try self.init(
            counts.map { count in
                defer { next += count }
                return next..<next + count
            })
    }

    /// Returns the elements of a rank's block.
    package func range(of rank: Int) -> Range<Int> {
        Int(displacements[rank])..<Int(displacements[rank]) + Int(counts[rank])
    }
}
