import DTrainCore
import Glibc

/// A process that started this one, directly or through other processes.
package struct Ancestor: Hashable, Sendable {
    /// The process number.
    package let process: pid_t
    /// The command line, starting with the program.
    package let words: [String]
    /// Whether the process is in the foreground of a terminal, and so receives Ctrl-C.
    package let isAtTerminal: Bool

    /// The name of the program, without its folder.
    package var program: Substring { words.first?.split(separator: "/").last ?? "" }

    /// Creates a description of a process.
    package init(process: pid_t, words: [String], isAtTerminal: Bool) {
        (self.process, self.words, self.isAtTerminal) = (process, words, isAtTerminal)
    }

    /// The ancestors of this process that can be inspected, starting with the parent.
    package static var all: [Ancestor] {
        var found: [Ancestor] = []
        var process = getppid()
        while process > 1, found.count < 16, let status = ProcessStatus(process) {
            let line = SystemFile.text("/proc/\(process)/cmdline") ?? ""
            let words = line.split(separator: "\0", omittingEmptySubsequences: false).dropLast().map(String.init)
            found.append(Ancestor(process: process, words: words, isAtTerminal: status.isAtTerminal))
            process = status.parent
        }
        return found
    }

    /// Whether the program is a launcher of MPI jobs, with the ranks' program in its command line.
    package var isLauncher: Bool {
        let names = ["mpirun", "mpiexec", "orterun", "prterun"]
        return names.contains { program == $0 || program.hasPrefix("\($0).") }
    }
}
