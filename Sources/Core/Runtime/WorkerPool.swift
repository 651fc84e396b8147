import Synchronization

/// A fixed set of worker threads; the calling thread is worker 0.
///
/// A training step synchronizes only by one `run` after another and by the barriers of teams.
/// Workers treat denormal numbers as 0. The threads end with the pool.
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
    ///   - placement: the cores that workers 1 and up are bound to; nil lets the system move them.
    /// - Throws: `DTrainError` with `internal` if the system refuses a thread.
    package init(count: Int, placement: WorkerPlacement? = nil) throws {
        self.count = max(1, count)
        threads = try WorkerThreads(count: self.count - 1, placement: placement)
    }

    deinit { threads.end() }

    /// Runs `work` once on every worker and waits for all of them.
    ///
    /// Called by one thread at a time.
    ///
    /// - Throws: the calling thread's error, otherwise the first error of another worker.
    package func run(_ work: Work) throws { try run(work) { try work(0) } }

    /// Runs `work` on every worker except the calling thread, which runs `own` as worker 0, and
    /// waits for all of them.
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

    /// Takes the next of `total` tasks of the current run; nil if all are taken.
    ///
    /// Tasks of different cost are balanced this way.
    func nextTask(below total: Int) -> Int? {
        let task = tasksTaken.add(1, ordering: .relaxed).oldValue
        return task < total ? task : nil
    }
}
