import DTrainCore

/// Which block of a buffer of floats belongs to which rank; prepared once, in the form that MPI takes.
public struct RankBlocks: Hashable, Sendable {
    /// Elements per rank.
    public let counts: [Int32]
    /// The index of each rank's first element.
    public let displacements: [Int32]

    /// Prepares blocks.
    ///
    /// - Parameters:
    ///   - counts: elements per rank.
    ///   - displacements: the index of each rank's first element; by default the blocks follow each other.
    /// - Throws: `DTrainError` with `usage` when an index exceeds 2^31 − 1, the most that MPI 3 can express.
    public init(counts: [Int], displacements: [Int]? = nil) throws {
        var following: [Int] = []
        var next = 0
        for count in counts {
            following.append(next)
            next += count
        }
        let displacements = displacements ?? following
        precondition(displacements.count == counts.count, "a displacement for each count")
        for (count, displacement) in zip(counts, displacements) where count + displacement > Int(Int32.max) {
            throw DTrainError(
                .usage,
                "an exchange of \(count + displacement) elements exceeds MPI's limit of \(Int32.max); "
                    + "use a smaller model or fewer micro-batches per step")
        }
        self.counts = counts.map(Int32.init)
        self.displacements = displacements.map(Int32.init)
    }

    /// A rank's elements.
    public func range(of rank: Int) -> Range<Int> {
        Int(displacements[rank])..<Int(displacements[rank]) + Int(counts[rank])
    }
}
