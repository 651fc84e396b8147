import Glibc
import Synchronization

@testable import DTrainCore

/// Real system calls with one injected fault: a failure, or the death of the process.
final class FaultyCalls: Sendable {
    /// A step of an atomic file write.
    enum Step: String, CaseIterable {
        case create, write, flushFile, closeFile, rename, openFolder, flushFolder
    }

    /// The fault at the step.
    enum Fault: CaseIterable {
        /// The call fails and has no effect.
        case failure
        /// The call takes full or partial effect, but reports failure.
        case failureAfterEffect
        /// The process dies before the call: no later call has an effect, including clean-up.
        case deathBefore
        /// The process dies after the call.
        case deathAfter

        var isDeath: Bool { self == .deathBefore || self == .deathAfter }
    }

    private struct State {
        var isDead = false
        var folders: Set<Int32> = []
        var open: Set<Int32> = []
        var trace: [Step] = []
    }

    private let step: Step?
    private let fault: Fault
    private let code: Int32
    private let state = Mutex(State())

    /// Creates calls that fail at a step; nil for none.
    init(_ step: Step? = nil, _ fault: Fault = .failure, code: Int32 = EIO) {
        (self.step, self.fault, self.code) = (step, fault, code)
    }

    /// Closes all files and so releases their locks, as the system does after a process's death.
    func closeAll() {
        let open = state.withLock { state in
            defer { state.open = [] }
            return state.open
        }
        for descriptor in open { Glibc.close(descriptor) }
    }

    deinit { closeAll() }

    /// The executed steps.
    var trace: [Step] { state.withLock { $0.trace } }

    /// The calls for the code under test.
    var calls: FileCalls {
        FileCalls(
            open: { path, flags in
                let isFolder = flags & O_DIRECTORY != 0
                let result = self.perform(isFolder ? .openFolder : .create) { Glibc.open(path, flags, 0o666) }
                guard result >= 0 else { return result }
                self.state.withLock {
                    $0.open.insert(result)
                    if isFolder { $0.folders.insert(result) }
                }
                return result
            },
            write: { descriptor, bytes in
                self.perform(.write, partially: { _ = Glibc.write(descriptor, bytes.baseAddress, bytes.count / 2) }) {
                    Glibc.write(descriptor, bytes.baseAddress, bytes.count)
                }
            },
            flush: { descriptor in
                let isFolder = self.state.withLock { $0.folders.contains(descriptor) }
                return self.perform(isFolder ? .flushFolder : .flushFile) { Glibc.fsync(descriptor) }
            },
            close: { descriptor in
                let isFolder = self.state.withLock { $0.folders.contains(descriptor) }
                let close = {
                    self.state.withLock { _ = $0.open.remove(descriptor) }
                    return Glibc.close(descriptor)
                }
                return isFolder ? close() : self.perform(.closeFile, close)
            },
            rename: { old, new in self.perform(.rename) { Glibc.rename(old, new) } },
            remove: { path in self.state.withLock { $0.isDead } ? -1 : Glibc.unlink(path) })
    }

    private func perform<Result: SignedInteger>(
        _ current: Step, partially: () -> Void = {}, _ call: () -> Result
    ) -> Result {
        let isDead = state.withLock {
            if !$0.isDead { $0.trace.append(current) }
            if current == step, fault == .deathBefore { $0.isDead = true }
            return $0.isDead
        }
        guard !isDead else { return fail() }
        guard current == step else { return call() }
        switch fault {
        case .failure:
            partially()
            return fail()
        case .failureAfterEffect:
            // If opening fails, no descriptor stays open.
            if current != .create, current != .openFolder { _ = call() }
            return fail()
        case .deathBefore: return fail()
        case .deathAfter:
            let result = call()
            state.withLock { $0.isDead = true }
            return result
        }
    }

    private func fail<Result: SignedInteger>() -> Result {
        errno = code
        return -1
    }
}
