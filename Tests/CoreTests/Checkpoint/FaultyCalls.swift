import Glibc
import Synchronization

@testable import DTrainCore

/// Real system calls, one of which fails or is the last that the process lives to make.
final class FaultyCalls: Sendable {
    /// A step of writing a file.
    enum Step: String, CaseIterable {
        case create, write, flushFile, closeFile, rename, openFolder, flushFolder
    }

    /// What happens at the step.
    enum Fault: CaseIterable {
        /// The call fails and has no effect.
        case failure
        /// The call has its effect, or a part of it, and reports failure all the same.
        case failureAfterEffect
        /// The process dies before the call: nothing that comes later has an effect, the clean-up included.
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

    /// Fails at a step; nil for never.
    init(_ step: Step? = nil, _ fault: Fault = .failure, code: Int32 = EIO) {
        (self.step, self.fault, self.code) = (step, fault, code)
    }

    /// What the system does for a process that has died: its files are closed, and its locks with them.
    func closeAll() {
        let open = state.withLock { state in
            defer { state.open = [] }
            return state.open
        }
        for descriptor in open { Glibc.close(descriptor) }
    }

    deinit { closeAll() }

    /// The steps that were made.
    var trace: [Step] { state.withLock { $0.trace } }

    /// What the code under test gets.
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
            // A file that isn't opened has no descriptor to leave open.
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
