import Glibc
import Synchronization

/// The signals that ask a training to stop: it saves after the step that it is in, and ends.
///
/// They are the polite ways to end a process. Users, launchers and batch systems send SIGTERM and SIGINT, a terminal SIGINT,
/// SIGQUIT and, when it is closed, SIGHUP; a limit of CPU time sends SIGXCPU; SIGUSR1 and SIGUSR2 are what batch systems send
/// ahead of the end (Slurm's `--signal=USR1@90`), and what Open MPI's `mpirun` passes on without ending the job itself.
public enum StopSignals {
    /// All of them.
    package static let all = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU]

    /// The first signal that asked this process to stop; 0 for none.
    public static var received: Int32 { StopHandler.first.load(ordering: .relaxed) }

    /// Whether the launcher has sent that signal, which may not be the one that the launcher got.
    package static var isFromLauncher: Bool {
        let launcher = StopHandler.launcher.load(ordering: .relaxed)
        return launcher != 0 && StopHandler.sender.load(ordering: .relaxed) == launcher
    }

    /// From now on the signals are noted instead of ending the process; a second SIGINT or SIGQUIT ends it at once all the same.
    ///
    /// Rank 0 says on standard error what it will do. A SIGHUP that is ignored, as `nohup` wants it, stays ignored.
    public static func catchAll() { catchAll(speaks: (LaunchEnvironment.current.rank ?? 0) == 0) }

    /// The same; the process speaks only where that is wanted.
    ///
    /// - Parameters:
    ///   - speaks: whether this process says what it will do.
    ///   - launcher: the process that may pass signals on to this one; 0 for none.
    ///   - launcherIsAtTerminal: whether the launcher gets what is typed at a terminal.
    package static func catchAll(speaks: Bool, launcher: pid_t = 0, launcherIsAtTerminal: Bool = false) {
        StopHandler.prepare(speaks: speaks, launcher: launcher, launcherIsAtTerminal: launcherIsAtTerminal)
        // A file that may not grow any more is an error to report, not the end.
        signal(SIGXFSZ, SIG_IGN)
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in all where number != SIGHUP || !isIgnored(number) {
            sigaddset(&signals, number)
            var action = sigaction()
            action.__sigaction_handler.sa_sigaction = { number, information, _ in
                StopHandler.take(number, from: information?.pointee._sifields._kill.si_pid ?? 0)
            }
            sigfillset(&action.sa_mask)
            action.sa_flags = SA_RESTART | SA_SIGINFO
            sigaction(number, &action, nil)
        }
        // A parent that blocks them hands that down.
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// Whether this process ignores a signal, such as SIGHUP under `nohup`.
    package static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0, action.sa_flags & SA_SIGINFO == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    /// Ends the process as a signal does that has no handler; may be called in a handler.
    package static func end(by number: Int32) -> Never {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, number)
        signal(number, SIG_DFL)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        kill(getpid(), number)
        // The first process of a container isn't ended by default actions.
        _exit(128 + number)
    }

    /// Notes that there is nothing left to save.
    package static func settle() { StopHandler.isSettled.store(true, ordering: .relaxed) }

    /// What is said at once when Ctrl-C asks to stop.
    package static let promise: StaticString =
        "stopping after this step and saving; press Ctrl-C again to quit without saving"

    /// The name that users know a signal by.
    package static func name(_ signal: Int32) -> String {
        let name = StopHandler.name(signal)
        return name.utf8CodeUnitCount > 0 ? "\(name)" : "signal \(signal)"
    }
}

/// What happens when a signal comes; nothing here allocates or locks.
enum StopHandler {
    /// The first signal; 0 before.
    static let first = Atomic<Int32>(0)
    /// The process that sent it.
    static let sender = Atomic<Int32>(0)
    static let launcher = Atomic<Int32>(0)
    static let isSettled = Atomic<Bool>(false)
    private static let interrupts = Atomic<Int>(0)
    private static let speaks = Atomic<Bool>(false)
    private static let launcherIsAtTerminal = Atomic<Bool>(false)

    /// Initializes all that the handler uses, which must not be the first to touch it.
    static func prepare(speaks: Bool, launcher: pid_t, launcherIsAtTerminal: Bool) {
        first.store(0, ordering: .relaxed)
        sender.store(0, ordering: .relaxed)
        interrupts.store(0, ordering: .relaxed)
        isSettled.store(false, ordering: .relaxed)
        self.launcher.store(launcher, ordering: .relaxed)
        self.launcherIsAtTerminal.store(launcherIsAtTerminal, ordering: .relaxed)
        self.speaks.store(speaks, ordering: .relaxed)
        TerminalLine.isOpen = TerminalLine.isOpen
        TerminalLine.isShared = TerminalLine.isShared
        _ = StopSignals.promise
    }

    /// The handler.
    static func take(_ number: Int32, from process: pid_t) {
        let isFirst = first.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged
        if isFirst {
            sender.store(process, ordering: .relaxed)
            if speaks.load(ordering: .relaxed) { promise(number, process) }
        }
        guard number == SIGINT || number == SIGQUIT else { return }
        if interrupts.wrappingAdd(1, ordering: .relaxed).oldValue > 0 { quit(number) }
    }

    private static func promise(_ number: Int32, _ process: pid_t) {
        // Open MPI's launcher answers Ctrl-C with SIGTERM to its ranks.
        let isPassedOn = number == SIGTERM && process != 0 && process == launcher.load(ordering: .relaxed)
        let isTyped =
            number == SIGINT || number == SIGQUIT || isPassedOn && launcherIsAtTerminal.load(ordering: .relaxed)
        if isTyped {
            say(StopSignals.promise)
        } else {
            say(name(number), ": stopping after this step and saving")
        }
    }

    /// Ends the process as the signal would have without a handler, whatever it is stuck in.
    private static func quit(_ number: Int32) {
        if speaks.load(ordering: .relaxed), !isSettled.load(ordering: .relaxed) { say("not saved") }
        StopSignals.end(by: number)
    }

    /// Writes a line of its own, in one call.
    private static func say(_ text: StaticString, _ more: StaticString = "") {
        TerminalLine.close()
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { line in
            var count = copy(TerminalLine.prefix, to: line, at: 0)
            count = copy(text, to: line, at: count)
            count = copy(more, to: line, at: count)
            count = copy("\n", to: line, at: count)
            _ = write(STDERR_FILENO, line.baseAddress, count)
        }
    }

    /// Appends a text to a line; the bytes in it then.
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
