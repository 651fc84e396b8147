import DTrainCore
import Glibc

/// A thread outside Swift's cooperative pool, for blocking calls.
package struct BlockingThread: @unchecked Sendable {
    private let handle: pthread_t

    /// Starts a thread that runs `body`.
    package init(_ body: @escaping @Sendable () -> Void) throws {
        var handle = pthread_t()
        let box = Unmanaged.passRetained(Box(body: body))
        let code = pthread_create(
            &handle, nil,
            { argument in
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw DTrainError(
                .internal, "cannot start a thread: \(systemMessage(code)); allow more processes (ulimit -u)")
        }
        self.handle = handle
    }

    /// Waits for the thread to end.
    func join() {
        pthread_join(handle, nil)
    }

    /// Releases the thread, which continues until its body returns.
    package func detach() {
        pthread_detach(handle)
    }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(body: @escaping @Sendable () -> Void) { self.body = body }
    }
}

/// A lock and a condition variable with timed waits.
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` while holding the lock.
    func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Waits, with the lock held, until `done()` returns true or the time is up; returns the last
    /// result of `done()`.
    func wait(seconds: Double, until done: () -> Bool) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += Int(seconds)
        deadline.tv_nsec += Int((seconds - seconds.rounded(.down)) * 1e9)
        if deadline.tv_nsec >= 1_000_000_000 {
            deadline.tv_sec += 1
            deadline.tv_nsec -= 1_000_000_000
        }
        while !done() {
            guard pthread_cond_timedwait(condition, mutex, &deadline) == 0 else { return done() }
        }
        return true
    }

    /// Wakes all waiting threads, with the lock held.
    func wakeAll() {
        pthread_cond_broadcast(condition)
    }
}

/// Ends the process at once, without exit handlers.
///
/// - Parameters:
///   - code: the exit code.
///   - result: the ignored result of a call that is evaluated first, such as `MPI_Abort`.
func endProcess(_ code: Int32, after result: Int32 = 0) -> Never {
    _exit(code)
}
