import DTrainDistributed

/// A report of the ranks' threads and processors.
enum Threads {
    /// Prints a line for each rank on rank 0; collective.
    ///
    /// - Parameters:
    ///   - ranks: the ranks.
    ///   - wanted: the number of threads of each rank; a missing one stands for the default.
    static func report(_ ranks: any Communicator, _ wanted: [Int]) throws {
        let threads = wanted.indices.contains(ranks.rank) ? wanted[ranks.rank] : ranks.processors.defaultThreads
        try ranks.occupy(threads: threads)
        let isOversubscribed = (ranks as? MPICommunicator)?.isOversubscribed ?? false
        let line = "\(threads) threads, \(ranks.processors.count) processors, oversubscribed \(isOversubscribed)"
        for (rank, line) in try ranks.allGather(line).enumerated() where ranks.isRoot { print("rank \(rank): \(line)") }
    }
}
