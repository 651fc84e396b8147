import DTrainDistributed
import Glibc

/// The signals that stop an experiment: the current run ends, and the finished ones are reported.
final class ExperimentSignals {
    private let queue = SignalQueue()
    private var interrupts = 0
    /// The first signal received; nil if there was none.
    private(set) var first: Int32?

    /// Waits at most the given seconds for signals and forwards them to a run.
    func wait(seconds: Double, for process: pid_t) {
        for signal in queue.pending(within: seconds) {
            if first == nil {
                first = signal.number
                let name = signal.isTyped ? "" : "\(StopSignals.name(signal.number)): "
                let again = signal.isTyped ? "; press Ctrl-C again to quit without a report" : ""
                Console.notice("\(name)stopping this run; the report covers the finished ones\(again)")
            }
            if signal.isTyped { interrupts += 1 }
            // A terminal also sends the signal to the run.
            if !signal.isFromTerminal { kill(process, SIGTERM) }
            if interrupts > 1 {
                Console.notice("no report; finished runs are kept for --resume")
                _exit(128 + signal.number)
            }
        }
    }
}
