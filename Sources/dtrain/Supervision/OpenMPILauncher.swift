import DTrainDistributed
import Glibc

/// Open MPI's launcher, which takes SIGTERM and SIGINT for itself and only passes SIGUSR1 on.
enum OpenMPILauncher {
    private static let names = [
        "mpirun", "mpiexec", "orterun", "prterun", "mpirun.openmpi", "mpiexec.openmpi",
    ]

    /// Whether a word of a command line names it, or one that may be it.
    static func isNamed(by word: String) -> Bool { names.contains { $0 == word.split(separator: "/").last ?? "" } }

    /// The launchers that a process is or has started, through others or not; none below another one.
    ///
    /// What runs says more than the command line: `env`, `nice`, `timeout` and scripts may stand before the launcher, and
    /// each would do something else with a signal.
    static func processes(from process: pid_t) -> [pid_t] {
        let children = ProcessStatus.children()
        var (found, next): ([pid_t], [pid_t]) = ([], [process])
        while let candidate = next.popLast() {
            if isLauncher(candidate) {
                found.append(candidate)
            } else {
                next += children[candidate] ?? []
            }
        }
        return found
    }

    /// By its program: Debian's `mpiexec` may be a link to another library's, and Intel's `mpirun` is a script.
    private static func isLauncher(_ process: pid_t) -> Bool {
        guard let path = realpath("/proc/\(process)/exe", nil) else { return false }
        defer { free(path) }
        let program = String(cString: path)
        return isNamed(by: program) && !program.contains("hydra") && !program.contains("mpich")
    }
}
