import DTrainDistributed
import Glibc

/// The signals that ask an experiment to stop: it stops the current run, and reports on the finished ones.
final class ExperimentSignals {
    private let queue = SignalQueue()
    private var interrupts = 0
    /// The first of them; nil before.
    private(set) var first: Int32?

    /// Waits at most that long for signals, and passes them on to a run.
    func wait(seconds: Double, for process: pid_t) {
        for signal in queue.pending(within: seconds) {
            if first == nil {
                first = signal.number
                let name = signal.isTyped ? "" : "\(StopSignals.name(signal.number)): "
                let again = signal.isTyped ? "; press Ctrl-C again to quit without a report" : ""
                Console.notice("\(name)stopping this run; the report covers the finished ones\(again)")
            }
            if signal.isTyped { interrupts += 1 }
            // The terminal has sent it to the run itself.
            if !signal.isFromTerminal { kill(process, SIGTERM) }
            if interrupts > 1 {
                Console.notice("no report; finished runs are kept for --resume")
                _exit(128 + signal.number)
            }
        }
    }
}
