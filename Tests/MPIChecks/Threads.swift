import DTrainDistributed

/// What the ranks find out about the processors that they share.
enum Threads {
    /// Rank 0 prints a line for each rank; collective.
    ///
    /// - Parameters:
    ///   - ranks: the ranks.
    ///   - wanted: the threads of each; none for as many as they choose.
    static func tell(_ ranks: any Communicator, _ wanted: [Int]) throws {
        let threads = wanted.indices.contains(ranks.rank) ? wanted[ranks.rank] : ranks.processors.defaultThreads
        try ranks.occupy(threads: threads)
        let isCrowded = (ranks as? MPICommunicator)?.isCrowded ?? false
        let line = "\(threads) threads, \(ranks.processors.count) processors, crowded \(isCrowded)"
        for (rank, line) in try ranks.allGather(line).enumerated() where ranks.isRoot { print("rank \(rank): \(line)") }
    }
}
