import Glibc
import Synchronization

/// A fixed team of worker threads; the calling thread is worker 0.
///
/// `run` hands the same closure to every worker and returns when all are done, so one `run` after another is the only
/// synchronisation that the step needs.
public final class WorkerPool: @unchecked Sendable {
    /// What the workers do; given the worker's index below `count`.
    public typealias Work = @Sendable (Int) throws -> Void

    /// Workers, the calling thread included.
    public let count: Int

    /// Tasks that the current run has handed out.
    private let tasksTaken = Atomic<Int>(0)

    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    // Guarded by `lock`.
    private var work: Work?
    private var generation = 0
    private var running = 0
    private var failure: (any Error)?
    private var stopping = false
    private var threads: [pthread_t] = []

    /// Starts the workers.
    ///
    /// - Throws: `DTrainError` with `internal` when the system refuses another thread.
    public init(count: Int) throws {
        self.count = max(1, count)
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        changed = .allocate(capacity: 1)
        changed.initialize(to: pthread_cond_t())
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
        OneDNN.useOneThread()
        for index in 1..<self.count { try start(index) }
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    /// Runs `work` once on every worker and waits for all; the first error that a worker threw is thrown.
    public func run(_ work: @escaping Work) throws {
        tasksTaken.store(0, ordering: .relaxed)
        guard count > 1 else { return try work(0) }
        pthread_mutex_lock(lock)
        self.work = work
        failure = nil
        generation += 1
        running = count - 1
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(lock)
        let own = Result { try work(0) }
        pthread_mutex_lock(lock)
        while running > 0 { pthread_cond_wait(changed, lock) }
        self.work = nil
        let others = failure
        pthread_mutex_unlock(lock)
        try own.get()
        if let others { throw others }
    }

    /// The next of `total` tasks that no worker has taken in this run, or nil; for work that is dealt out as workers get free.
    func nextTask(below total: Int) -> Int? {
        let task = tasksTaken.add(1, ordering: .relaxed).oldValue
        return task < total ? task : nil
    }

    /// Ends the worker threads; called by the owner before it lets go of the pool.
    public func stop() {
        pthread_mutex_lock(lock)
        stopping = true
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(lock)
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    /// What a new thread is told: the team and its place in it.
    private final class Member {
        let pool: WorkerPool
        let index: Int

        init(pool: WorkerPool, index: Int) {
            self.pool = pool
            self.index = index
        }
    }

    private func start(_ index: Int) throws {
        let member = Unmanaged.passRetained(Member(pool: self, index: index))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let member = Unmanaged<Member>.fromOpaque(argument).takeRetainedValue()
                OneDNN.useOneThread()
                member.pool.serve(member.index)
                return nil
            }, member.toOpaque())
        guard code == 0 else {
            member.release()
            stop()
            throw DTrainError(
                .internal, "cannot start worker thread \(index): \(systemMessage(code))", hint: "lower `threads`")
        }
        threads.append(thread)
    }

    private func serve(_ index: Int) {
        var seen = 0
        while true {
            pthread_mutex_lock(lock)
            while generation == seen, !stopping { pthread_cond_wait(changed, lock) }
            guard !stopping, let work else {
                pthread_mutex_unlock(lock)
                return
            }
            seen = generation
            pthread_mutex_unlock(lock)
            var thrown: (any Error)?
            do { try work(index) } catch { thrown = error }
            pthread_mutex_lock(lock)
            if let thrown, failure == nil { failure = thrown }
            running -= 1
            if running == 0 { pthread_cond_broadcast(changed) }
            pthread_mutex_unlock(lock)
        }
    }
}
