import Glibc

/// The threads of a pool.
///
/// They keep this object alive, but not the pool.
final class WorkerThreads: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    // Guarded by `lock`, except that threads in a run read `work` without it.
    private var work: WorkerPool.Work?
    private var generation = 0
    private var running = 0
    private var failure: (any Error)?
    private var isEnding = false
    private let placement: WorkerPlacement?
    // Used by the pool's own thread.
    private var handles: [pthread_t] = []

    /// Starts `count` threads; they are workers 1 to `count`.
    ///
    /// - Throws: `DTrainError` with `internal` if the system refuses a thread; the threads already
    ///   started are ended.
    init(count: Int, placement: WorkerPlacement? = nil) throws {
        self.placement = placement
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        changed = .allocate(capacity: 1)
        changed.initialize(to: pthread_cond_t())
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
        do {
            for index in 0..<count { try start(worker: index + 1) }
        } catch {
            end()
            throw error
        }
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    /// Starts one run of `work` on every thread.
    func begin(_ work: @escaping WorkerPool.Work) {
        pthread_mutex_lock(lock)
        self.work = work
        failure = nil
        generation += 1
        running = handles.count
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(lock)
    }

    /// Waits until every thread has run the work, and returns the first error.
    ///
    /// No thread holds a reference to the work afterwards.
    func finish() -> (any Error)? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while running > 0 { pthread_cond_wait(changed, lock) }
        work = nil
        return failure
    }

    /// Ends the threads and waits for them.
    func end() {
        pthread_mutex_lock(lock)
        isEnding = true
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(lock)
        for handle in handles { pthread_join(handle, nil) }
        handles = []
    }

    /// The argument of a new thread.
    private final class Member {
        let threads: WorkerThreads
        let worker: Int

        init(threads: WorkerThreads, worker: Int) {
            self.threads = threads
            self.worker = worker
        }
    }

    private func start(worker: Int) throws {
        let member = Unmanaged.passRetained(Member(threads: self, worker: worker))
        var handle = pthread_t()
        let code = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let member = Unmanaged<Member>.fromOpaque(argument).takeRetainedValue()
                withFlushedDenormals { member.threads.work(member.worker) }
                return nil
            }, member.toOpaque())
        guard code == 0 else {
            member.release()
            throw DTrainError(
                .internal, "cannot start worker thread \(worker): \(systemMessage(code)); use fewer threads")
        }
        handles.append(handle)
    }

    private func work(_ worker: Int) {
        placement?.bind(worker)
        serve(worker)
    }

    private func serve(_ worker: Int) {
        var seen = 0
        while true {
            pthread_mutex_lock(lock)
            while generation == seen, !isEnding { pthread_cond_wait(changed, lock) }
            guard !isEnding else {
                pthread_mutex_unlock(lock)
                return
            }
            seen = generation
            pthread_mutex_unlock(lock)
            let thrown = perform(worker)
            pthread_mutex_lock(lock)
            if let thrown, failure == nil { failure = thrown }
            running -= 1
            if running == 0 { pthread_cond_broadcast(changed) }
            pthread_mutex_unlock(lock)
        }
    }

    /// Runs the work and returns its error.
    ///
    /// Not inlined: the work doesn't escape from `WorkerPool.run`, so the thread must release it
    /// before it reports its end.
    @inline(never) private func perform(_ worker: Int) -> (any Error)? {
        do {
            try work?(worker)
            return nil
        } catch {
            return error
        }
    }
}
