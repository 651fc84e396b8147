import CProcess
import DTrainDistributed
import Glibc

/// The channel from a supervisor to its job: the first signal that the supervisor received.
///
/// Open MPI's launcher gets SIGUSR1 whichever signal was sent. The supervisor therefore keeps the
/// original signal in a file without a path, which the job finds through an environment variable.
enum Supervision {
    private static let variable = "DTRAIN_SUPERVISOR"

    /// Whether a command line is that of a supervisor.
    static func isSupervisor(_ words: [String]) -> Bool {
        words.count > 2 && words[1] == "supervise" && words.contains("--") && !words.contains("--as-child-of")
    }

    /// The supervisor's side.
    struct Note {
        private let descriptor: Int32

        /// Creates the file for all processes started from now on.
        init() {
            descriptor = cprocess_anonymous_file("supervisor")
            guard descriptor >= 0 else { return }
            setenv(Supervision.variable, "/proc/\(getpid())/fd/\(descriptor)", 1)
        }

        /// Records a signal.
        func write(_ signal: Int32) {
            guard descriptor >= 0 else { return }
            var byte = UInt8(truncatingIfNeeded: signal)
            _ = pwrite(descriptor, &byte, 1, 0)
        }
    }

    /// The job's side: the supervisor's first signal, or 0 before it; nil without a supervisor.
    static var signal: Int32? {
        guard let path = getenv(variable) else { return nil }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var byte: UInt8 = 0
        return pread(descriptor, &byte, 1, 0) == 1 ? Int32(byte) : 0
    }
}
