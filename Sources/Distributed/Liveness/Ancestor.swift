import DTrainCore
import Glibc

/// A process that has started this one, directly or through others.
package struct Ancestor: Hashable, Sendable {
    /// Its number.
    package let process: pid_t
    /// Its command line, the program first.
    package let words: [String]
    /// Whether it gets what is typed at a terminal: it is in the foreground there.
    package let isAtTerminal: Bool

    /// The name of its program, without a folder.
    package var program: Substring { words.first?.split(separator: "/").last ?? "" }

    /// Describes a process.
    package init(process: pid_t, words: [String], isAtTerminal: Bool) {
        (self.process, self.words, self.isAtTerminal) = (process, words, isAtTerminal)
    }

    /// This process's ancestors that may be looked at, the parent first.
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

    /// Whether its program starts the ranks of MPI jobs, and its command line names theirs.
    package var isLauncher: Bool {
        let names = ["mpirun", "mpiexec", "orterun", "prterun"]
        return names.contains { program == $0 || program.hasPrefix("\($0).") }
    }
}
