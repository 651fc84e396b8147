import DTrainCore
import DTrainDistributed
import Glibc

/// The blocked stop signals of this process, read on request.
struct SignalQueue: Sendable {
    /// A received signal.
    struct Signal {
        let number: Int32
        /// Whether the terminal sent it, which signals all processes of the job at once.
        let isFromTerminal: Bool

        /// Whether it comes from a terminal's key; the second one ends a training at once.
        var isTyped: Bool { number == SIGINT || number == SIGQUIT }
    }

    /// The signals that stop a training, without SIGHUP under `nohup`.
    static let stopping = Set(StopSignals.all.filter { $0 != SIGHUP || !StopSignals.isIgnored($0) })

    /// Blocks the signals from now on.
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

    /// The signals received since the last call.
    ///
    /// - Parameter seconds: the longest wait for the first one.
    func pending(within seconds: Double = 0) -> [Signal] {
        var found: [Signal] = []
        while let signal = next(seconds: found.isEmpty ? seconds : 0) { found.append(signal) }
        return found
    }

    /// Waits for a stop signal, at most the given time, and returns whether one came.
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
