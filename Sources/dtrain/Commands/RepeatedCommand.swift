import DTrainCore
import DTrainDistributed
import Glibc

/// The command line that started this run, with its launcher and supervisor, for the shell.
struct RepeatedCommand {
    private let words: [String]
    /// Whether a launcher started the run but its part of the command line is unknown.
    let lacksLauncher: Bool

    /// Finds the command in the processes above this one.
    ///
    /// - Parameters:
    ///   - arguments: this process's arguments, the program first.
    ///   - ancestors: the processes above it, the nearest first.
    ///   - usesLauncher: whether a launcher started this process.
    ///   - variable: looks up an environment variable.
    init(
        _ arguments: [String], ancestors: [Ancestor] = [], usesLauncher: Bool = false,
        variable: (String) -> String? = { _ in nil }
    ) {
        // A script that writes the arguments itself can't be repeated with another flag.
        let ours = arguments.dropFirst()
        let program = arguments.first?.split(separator: "/").last
        func carriesOurs(_ words: [String]) -> Bool {
            SupervisedCommand.parts(words).contains { part in
                part.suffix(ours.count) == ours && (!ours.isEmpty || part.last?.split(separator: "/").last == program)
            }
        }
        let launcher = ancestors.first { $0.isLauncher && carriesOurs($0.words) }
        let supervisor = ancestors.first { Supervision.isSupervisor($0.words) && carriesOurs($0.words) }
        if let found = supervisor ?? launcher {
            (words, lacksLauncher) = (found.words, false)
        } else if usesLauncher, let srun = Self.srun(variable) {
            (words, lacksLauncher) = (srun + arguments, false)
        } else {
            (words, lacksLauncher) = (arguments, usesLauncher)
        }
    }

    /// Rebuilds the `srun` part from Slurm's variables: `srun` isn't an ancestor of the ranks.
    private static func srun(_ variable: (String) -> String?) -> [String]? {
        guard variable("OMPI_COMMAND") == nil, let tasks = variable("SLURM_STEP_NUM_TASKS") else { return nil }
        let type = variable("SLURM_MPI_TYPE").map { ["--mpi=\($0)"] } ?? []
        return ["srun"] + type + ["-n", tasks]
    }

    /// The same command.
    var line: String { Self.line(words) }

    /// The command that resumes the run from its newest checkpoint, this time and any later time.
    var resuming: String {
        let start = Supervision.isSupervisor(words) ? words.firstIndex(of: "--").map { $0 + 1 } ?? 0 : 0
        return Self.line(words[..<start] + SupervisedCommand(Array(words[start...])).resuming)
    }

    /// Joins words, quoted for a shell.
    static func line(_ words: [String]) -> String { words.map(\.shellWord).joined(separator: " ") }
}
