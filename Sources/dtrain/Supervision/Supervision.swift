import CProcess
import DTrainDistributed
import Glibc

/// What a job knows of the supervisor above it.
///
/// The supervisor keeps the first signal that it gets in a file without a path, and the job finds that by a variable: Open MPI's
/// launcher gets SIGUSR1 whatever the user has sent.
enum Supervision {
    private static let variable = "DTRAIN_SUPERVISOR"

    /// Whether a command line is a supervisor's.
    static func isSupervisor(_ words: [String]) -> Bool {
        words.count > 2 && words[1] == "supervise" && words.contains("--") && !words.contains("--as-child-of")
    }

    /// The supervisor's side.
    struct Note {
        private let descriptor: Int32

        /// Creates the file, for all processes that are started from now on.
        init() {
            descriptor = cprocess_anonymous_file("supervisor")
            guard descriptor >= 0 else { return }
            setenv(Supervision.variable, "/proc/\(getpid())/fd/\(descriptor)", 1)
        }

        /// Notes a signal.
        func write(_ signal: Int32) {
            guard descriptor >= 0 else { return }
            var byte = UInt8(truncatingIfNeeded: signal)
            _ = pwrite(descriptor, &byte, 1, 0)
        }
    }

    /// The job's side: whether a supervisor speaks for it, and the signal that it got, 0 before.
    static var signal: Int32? {
        guard let path = getenv(variable) else { return nil }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var byte: UInt8 = 0
        return pread(descriptor, &byte, 1, 0) == 1 ? Int32(byte) : 0
    }
}
