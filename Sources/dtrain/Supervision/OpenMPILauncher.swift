import DTrainDistributed
import Glibc

/// Open MPI's launcher, which handles SIGTERM and SIGINT itself and forwards only SIGUSR1.
enum OpenMPILauncher {
    private static let names = [
        "mpirun", "mpiexec", "orterun", "prterun", "mpirun.openmpi", "mpiexec.openmpi",
    ]

    /// Whether a word of a command line may name the launcher.
    static func isNamed(by word: String) -> Bool { names.contains { $0 == word.split(separator: "/").last ?? "" } }

    /// The topmost launchers among a process and its descendants.
    ///
    /// The command line isn't enough: `env`, `nice`, `timeout` or a script may start the launcher,
    /// and each handles signals in its own way.
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

    /// Checks the program file: Debian's `mpiexec` may link to another library's launcher, and
    /// Intel's `mpirun` is a script.
    private static func isLauncher(_ process: pid_t) -> Bool {
        guard let path = realpath("/proc/\(process)/exe", nil) else { return false }
        defer { free(path) }
        let program = String(cString: path)
        return isNamed(by: program) && !program.contains("hydra") && !program.contains("mpich")
    }
}
