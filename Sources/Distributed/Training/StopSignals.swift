import Glibc
import Synchronization

/// The signals that stop a training: it finishes the current step, saves and ends.
///
/// - SIGTERM and SIGINT come from users, launchers and batch systems.
/// - SIGINT and SIGQUIT come from a terminal's keyboard, SIGHUP when the terminal closes.
/// - SIGXCPU reports an exceeded limit of CPU time.
/// - SIGUSR1 and SIGUSR2 come from batch systems before the time limit (Slurm's
///   `--signal=USR1@90`). Open MPI's `mpirun` forwards them without ending the job itself.
public enum StopSignals {
    /// All stop signals.
    package static let all = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU]

    /// The first stop signal that this process received; 0 for none.
    public static var received: Int32 { StopHandler.first.load(ordering: .relaxed) }

    /// Whether the launcher sent the received signal; the launcher itself may have received a
    /// different one.
    package static var isFromLauncher: Bool {
        let launcher = StopHandler.launcher.load(ordering: .relaxed)
        return launcher != 0 && StopHandler.sender.load(ordering: .relaxed) == launcher
    }

    /// Installs handlers that record the signals instead of ending the process.
    ///
    /// A second SIGINT or SIGQUIT still ends the process at once. Rank 0 announces the stop on
    /// standard error. A SIGHUP that is ignored, as under `nohup`, stays ignored.
    public static func catchAll() { catchAll(announces: (LaunchEnvironment.current.rank ?? 0) == 0) }

    /// Installs handlers that record the signals instead of ending the process.
    ///
    /// - Parameters:
    ///   - announces: whether this process announces the stop on standard error.
    ///   - launcher: the process that may forward signals to this one; 0 for none.
    ///   - launcherIsAtTerminal: whether the launcher is in the foreground of a terminal.
    package static func catchAll(announces: Bool, launcher: pid_t = 0, launcherIsAtTerminal: Bool = false) {
        StopHandler.prepare(announces: announces, launcher: launcher, launcherIsAtTerminal: launcherIsAtTerminal)
        // Exceeding the file size limit then shows as an error of write(2) instead of ending the
        // process.
        signal(SIGXFSZ, SIG_IGN)
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in all where number != SIGHUP || !isIgnored(number) {
            sigaddset(&signals, number)
            var action = sigaction()
            action.__sigaction_handler.sa_sigaction = { number, information, _ in
                StopHandler.handle(number, from: information?.pointee._sifields._kill.si_pid ?? 0)
            }
            sigfillset(&action.sa_mask)
            action.sa_flags = SA_RESTART | SA_SIGINFO
            sigaction(number, &action, nil)
        }
        // A process inherits blocked signals from its parent.
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// Returns whether this process ignores a signal, such as SIGHUP under `nohup`.
    package static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0, action.sa_flags & SA_SIGINFO == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    /// Ends the process by the signal's default action; may be called in a handler.
    package static func end(by number: Int32) -> Never {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, number)
        signal(number, SIG_DFL)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        kill(getpid(), number)
        // Default actions don't end the first process of a container.
        _exit(128 + number)
    }

    /// Records that there is nothing left to save.
    package static func settle() { StopHandler.isSettled.store(true, ordering: .relaxed) }

    /// The message printed at once on Ctrl-C.
    package static let stopNotice: StaticString =
        "stopping after this step and saving; press Ctrl-C again to quit without saving"

    /// Returns a signal's name, such as `SIGTERM`.
    package static func name(_ signal: Int32) -> String {
        let name = StopHandler.name(signal)
        return name.utf8CodeUnitCount > 0 ? "\(name)" : "signal \(signal)"
    }
}

/// The signal handler and its state; async-signal-safe, so nothing here allocates or locks.
enum StopHandler {
    /// The first signal received; 0 for none.
    static let first = Atomic<Int32>(0)
    /// The process that sent the first signal.
    static let sender = Atomic<Int32>(0)
    static let launcher = Atomic<Int32>(0)
    static let isSettled = Atomic<Bool>(false)
    private static let interrupts = Atomic<Int>(0)
    private static let announces = Atomic<Bool>(false)
    private static let launcherIsAtTerminal = Atomic<Bool>(false)

    /// Initializes all state that the handler uses, because lazy initialization isn't
    /// async-signal-safe.
    static func prepare(announces: Bool, launcher: pid_t, launcherIsAtTerminal: Bool) {
        first.store(0, ordering: .relaxed)
        sender.store(0, ordering: .relaxed)
        interrupts.store(0, ordering: .relaxed)
        isSettled.store(false, ordering: .relaxed)
        self.launcher.store(launcher, ordering: .relaxed)
        self.launcherIsAtTerminal.store(launcherIsAtTerminal, ordering: .relaxed)
        self.announces.store(announces, ordering: .relaxed)
        TerminalLine.isOpen = TerminalLine.isOpen
        TerminalLine.isShared = TerminalLine.isShared
        _ = StopSignals.stopNotice
    }

    /// Handles a signal.
    static func handle(_ number: Int32, from process: pid_t) {
        // The interrupted code may still read it.
        let code = errno
        defer { errno = code }
        let isFirst = first.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged
        if isFirst {
            sender.store(process, ordering: .relaxed)
            if announces.load(ordering: .relaxed) { announce(number, process) }
        }
        guard number == SIGINT || number == SIGQUIT else { return }
        if interrupts.wrappingAdd(1, ordering: .relaxed).oldValue > 0 { quit(number) }
    }

    private static func announce(_ number: Int32, _ process: pid_t) {
        // On Ctrl-C, Open MPI's launcher sends SIGTERM to its ranks.
        let isPassedOn = number == SIGTERM && process != 0 && process == launcher.load(ordering: .relaxed)
        let isTyped =
            number == SIGINT || number == SIGQUIT || isPassedOn && launcherIsAtTerminal.load(ordering: .relaxed)
        if isTyped {
            writeLine(StopSignals.stopNotice)
        } else {
            writeLine(name(number), ": stopping after this step and saving")
        }
    }

    /// Ends the process at once by the signal's default action.
    private static func quit(_ number: Int32) {
        if announces.load(ordering: .relaxed), !isSettled.load(ordering: .relaxed) { writeLine("not saved") }
        StopSignals.end(by: number)
    }

    /// Writes one line to standard error in a single call.
    private static func writeLine(_ text: StaticString, _ more: StaticString = "") {
        TerminalLine.close()
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { line in
            var count = copy(TerminalLine.prefix, to: line, at: 0)
            count = copy(text, to: line, at: count)
            count = copy(more, to: line, at: count)
            count = copy("\n", to: line, at: count)
            _ = write(STDERR_FILENO, line.baseAddress, count)
        }
    }

    /// Copies a text into the line at `start`; returns the new length of the line.
    private static func copy(_ text: StaticString, to line: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
        let count = min(text.utf8CodeUnitCount, line.count - start)
        if let base = line.baseAddress { memcpy(base + start, text.utf8Start, count) }
        return start + count
    }

    static func name(_ signal: Int32) -> StaticString {
        switch signal {
        case SIGTERM: "SIGTERM"
        case SIGINT: "SIGINT"
        case SIGQUIT: "SIGQUIT"
        case SIGHUP: "SIGHUP"
        case SIGUSR1: "SIGUSR1"
        case SIGUSR2: "SIGUSR2"
        case SIGXCPU: "SIGXCPU"
        default: ""
        }
    }
}
