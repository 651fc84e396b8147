import Synchronization

/// A fixed team of worker threads; the calling thread is worker 0.
///
/// Beside the barriers of teams, one `run` after another is all the synchronization that a training step needs. Denormal numbers
/// count as 0 in all work. The threads end with the pool.
package final class WorkerPool: Sendable {
    /// The work of one run; its argument is the worker's index, from 0 to `count` − 1.
    package typealias Work = @Sendable (Int) throws -> Void

    /// The number of workers, including the calling thread.
    package let count: Int

    private let threads: WorkerThreads
    /// Tasks handed out in the current run.
    private let tasksTaken = Atomic<Int>(0)

    /// Starts the workers.
    ///
    /// - Parameters:
    ///   - count: the number of workers; values below 1 count as 1.
    ///   - places: where the workers other than the calling thread stay; nil to let the system move them.
    /// - Throws: `DTrainError` with `internal` when the system refuses a thread.
    package init(count: Int, places: WorkerPlaces? = nil) throws {
        self.count = max(1, count)
        threads = try WorkerThreads(count: self.count - 1, places: places)
    }

    deinit { threads.end() }

    /// Runs `work` once on every worker and waits for all of them.
    ///
    /// Called by one thread at a time.
    ///
    /// - Throws: the calling thread's error, otherwise the first error of another worker.
    package func run(_ work: Work) throws { try run(work) { try work(0) } }

    /// Runs `work` on every worker except the calling thread, which runs `own` as worker 0, and waits for all of them.
    ///
    /// Called by one thread at a time.
    ///
    /// - Throws: the calling thread's error, otherwise the first error of another worker.
    func run(_ work: Work, onCallingThread own: () throws -> Void) throws {
        tasksTaken.store(0, ordering: .relaxed)
        guard count > 1 else { return try withFlushedDenormals(own) }
        try withoutActuallyEscaping(work) { work in
            threads.begin(work)
            let own = Result { try withFlushedDenormals(own) }
            let others = threads.finish()
            try own.get()
            if let others { throw others }
        }
    }

    /// Returns the next of `total` tasks of the current run, or nil when all are taken; balances
    /// the load of uneven tasks.
    func nextTask(below total: Int) -> Int? {
        let task = tasksTaken.add(1, ordering: .relaxed).oldValue
        return task < total ? task : nil
    }
}
