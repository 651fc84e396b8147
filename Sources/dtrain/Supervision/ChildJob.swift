import DTrainCore
import DTrainDistributed
import Glibc

/// One run of a supervised job.
struct ChildJob {
    /// The result of a run.
    struct End {
        /// The exit code, or 128 plus the number of the signal that ended the job.
        var code: Int32
        /// Whether the supervisor received a stop signal.
        var stopRequested: Bool
        /// The last error line that the job printed.
        var lastError: String?
        /// Files in shared memory that the job may have left.
        var leftovers: JobLeftovers

        var description: String {
            code > 128 && code < 160 ? "exit code \(code) (signal \(code - 128))" : "exit code \(code)"
        }
    }

    private let arguments: [String]
    private let note: Supervision.Note
    /// Whether the job gets its own process group, out of reach of the terminal's signals.
    private let isApart: Bool

    init(_ arguments: [String], isApart: Bool, note: Supervision.Note) {
        (self.arguments, self.isApart, self.note) = (arguments, isApart, note)
    }

    /// Starts the job, forwards signals to it and its errors to standard error, and waits until it
    /// ends.
    func run(_ signals: SignalQueue) throws -> End {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw failure("create a pipe", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let process: pid_t
        do {
            defer { close(ends[1]) }
            process = try spawn(errors: ends[1])
        }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        var relay = ErrorRelay(descriptor: ends[0])
        var stopRequested = false
        var interrupts = 0
        var announcesStop = false
        var leftovers = JobLeftovers()
        while true {
            relay.wait(milliseconds: 100)
            leftovers.scan(process)
            for signal in signals.pending() {
                let launchers = OpenMPILauncher.processes(from: process)
                if !stopRequested, !launchers.isEmpty {
                    announcesStop = true
                    announceStop(signal)
                }
                stopRequested = true
                if signal.isTyped { interrupts += 1 }
                pass(signal, to: process, launchers, isAgain: interrupts > 1)
            }
            var status: Int32 = 0
            guard waitpid(process, &status, WNOHANG) == process else { continue }
            relay.wait(milliseconds: 0)
            let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
            if announcesStop, interrupts > 1, code != 0, code != DTrainError.Category.stopped.rawValue {
                Console.notice("not saved")
            }
            return End(code: code, stopRequested: stopRequested, lastError: relay.lastError, leftovers: leftovers)
        }
    }

    /// Prints at once what a signal does, because the job itself receives only SIGUSR1.
    private func announceStop(_ signal: SignalQueue.Signal) {
        note.write(signal.number)
        // The job's progress bar may be on the line.
        if isatty(STDERR_FILENO) == 1 { TerminalLine.isShared = true }
        Console.notice(
            signal.isTyped
                ? "\(StopSignals.stopNotice)"
                : "\(StopSignals.name(signal.number)): stopping after this step and saving")
    }

    private func pass(_ signal: SignalQueue.Signal, to process: pid_t, _ launchers: [pid_t], isAgain: Bool) {
        // The terminal already sent it to the job.
        if signal.isFromTerminal, !isApart { return }
        guard !launchers.isEmpty else {
            kill(process, signal.number)
            return
        }
        // Any other signal makes the launcher end the ranks within a second, or itself at once.
        // SIGUSR1 lets them save.
        for launcher in launchers { kill(launcher, isAgain && signal.isTyped ? SIGINT : SIGUSR1) }
    }

    /// Starts this program again, which then becomes the job: a process must itself request the
    /// signal that ends it with its parent.
    private func spawn(errors: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        // `nohup` ignores SIGHUP; the job inherits that.
        if StopSignals.isIgnored(SIGHUP) { sigdelset(&all, SIGHUP) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        // The terminal's signals must not reach the launcher: it gets SIGUSR1 instead.
        if isApart { flags |= POSIX_SPAWN_SETPGROUP }
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let words = ["dtrain", "supervise", "--as-child-of", "\(getpid())", "--"] + arguments
        var pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process = pid_t()
        let code = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &pointers, environ)
        guard code == 0 else { throw failure("start '\(arguments.first ?? "")'", code) }
        return process
    }

    private func failure(_ what: String, _ code: Int32) -> DTrainError {
        DTrainError(
            .internal, "cannot \(what): \(String(cString: strerror(code))); allow more processes and files (ulimit)")
    }
}

/// Forwards a job's standard error and keeps its last error line.
private struct ErrorRelay {
    let descriptor: Int32
    private(set) var lastError: String?
    private var line: [UInt8] = []

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Waits for output, at most the given time, and forwards all that is available.
    mutating func wait(milliseconds: Int32) {
        var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&waited, 1, milliseconds)
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        var count = read(descriptor, &buffer, buffer.count)
        // End of file while the job still runs: `poll` would return at once.
        if count == 0 { usleep(UInt32(milliseconds) * 1000) }
        while count > 0 {
            take(buffer[..<count])
            count = read(descriptor, &buffer, buffer.count)
        }
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                // dtrain writes no longer lines.
                if line.count < 4096 { line.append(byte) }
                continue
            }
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("error: ") { lastError = text }
            line.removeAll()
        }
    }
}
