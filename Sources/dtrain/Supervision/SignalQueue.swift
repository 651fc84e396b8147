import DTrainCore
import DTrainDistributed
import Glibc

/// The signals to this process, held back until they are asked for.
struct SignalQueue: Sendable {
    /// A signal that has come.
    struct Signal {
        let number: Int32
        /// A terminal sends to all processes of the job at once.
        let isFromTerminal: Bool

        /// Whether it is one of a terminal's keys, of which the second ends a training at once.
        var isTyped: Bool { number == SIGINT || number == SIGQUIT }
    }

    /// Those that ask a training to stop, but for what `nohup` has this process ignore.
    static let stopping = Set(StopSignals.all.filter { $0 != SIGHUP || !StopSignals.isIgnored($0) })

    /// Begins to hold signals back.
    init() {
        var set = Self.set
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    private static var set: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in stopping { sigaddset(&set, number) }
        return set
    }

    /// The signals that have come since the last call.
    ///
    /// - Parameter seconds: how long to wait for the first at most.
    func pending(within seconds: Double = 0) -> [Signal] {
        var found: [Signal] = []
        while let signal = next(seconds: found.isEmpty ? seconds : 0) { found.append(signal) }
        return found
    }

    /// Waits, at most that long, for a signal that asks to stop; whether one came.
    func waitForStop(seconds: Double) -> Bool {
        let end = Clock.seconds + seconds
        while Clock.seconds < end {
            if let signal = next(seconds: end - Clock.seconds), Self.stopping.contains(signal.number) { return true }
        }
        return false
    }

    private func next(seconds: Double) -> Signal? {
        var set = Self.set
        var information = siginfo_t()
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
        let number = sigtimedwait(&set, &information, &time)
        // SI_KERNEL
        return number > 0 ? Signal(number: number, isFromTerminal: information.si_code == 0x80) : nil
    }
}
