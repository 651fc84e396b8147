import Glibc
import Synchronization

/// The first signal that asked this process to stop, 0 before; all that the handler touches.
private let firstSignal = Atomic<Int32>(0)

/// The signals that ask a training to stop: it saves after the step that it is in, and ends.
///
/// SIGTERM and SIGINT are what users, launchers and batch systems send; SIGUSR1 is what Slurm's `--signal=USR1@90` sends
/// ahead of them, and what Open MPI's `mpirun` passes on without ending the job itself.
public enum StopSignals {
    /// The first signal that asked this process to stop; 0 for none.
    public static var received: Int32 { firstSignal.load(ordering: .relaxed) }

    /// From now on the signals are noted instead of ending the process; a second SIGINT ends it at once all the same.
    public static func catchAll() {
        // The handler must not be the first to touch the variable, which would initialise it.
        firstSignal.store(0, ordering: .relaxed)
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGUSR1] {
            sigaddset(&signals, signal)
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { signal in
                _ = firstSignal.compareExchange(expected: 0, desired: signal, ordering: .relaxed)
            }
            sigfillset(&action.sa_mask)
            action.sa_flags = SA_RESTART
            // The kernel itself ends the process at the next one: whatever the process is stuck in.
            if signal == SIGINT { action.sa_flags |= Int32(bitPattern: UInt32(SA_RESETHAND)) }
            sigaction(signal, &action, nil)
        }
        // A parent that blocks them hands that down.
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// The name that users know a signal by.
    package static func name(_ signal: Int32) -> String {
        switch signal {
        case SIGTERM: "SIGTERM"
        case SIGINT: "SIGINT"
        case SIGUSR1: "SIGUSR1"
        default: "signal \(signal)"
        }
    }
}
