import DTrainCore
import DTrainDistributed
import Glibc

/// A job's command line, and its form for a restart.
struct SupervisedCommand: Hashable, Sendable {
    /// The command line as given.
    let arguments: [String]

    init(_ arguments: [String]) { self.arguments = arguments }

    /// The job's checkpoint folder.
    var checkpointDirectory: String {
        let flag = "--checkpoint-dir"
        for (index, argument) in arguments.enumerated().reversed() {
            if argument == flag, arguments.indices.contains(index + 1) { return arguments[index + 1] }
            if argument.hasPrefix("\(flag)=") { return String(argument.dropFirst(flag.count + 1)) }
        }
        return Setting.checkpointDirectory.defaultValue
    }

    /// Splits a job's command line into its programs (`mpirun … : …`), each with its arguments.
    static func parts(_ words: [String]) -> [ArraySlice<String>] {
        words.split(separator: ":", omittingEmptySubsequences: false)
    }

    /// The command line of a restart: each program of the job gets `--resume`.
    var resumed: [String] { joined { $0.contains("--resume") ? $0 : $0 + ["--resume"] } }

    /// The command line to show to the user, with `--resume` at the end.
    var resuming: [String] { joined { $0.filter { $0 != "--resume" } + ["--resume"] } }

    private func joined(_ change: ([String]) -> [String]) -> [String] {
        var result: [String] = []
        for (index, part) in Self.parts(arguments).enumerated() {
            if index > 0 { result.append(":") }
            result += change(without(Array(part)))
        }
        return result
    }

    /// Removes the flags that conflict with a resume.
    private func without(_ arguments: [String]) -> [String] {
        var result: [String] = []
        var skipsNext = false
        for argument in arguments {
            if skipsNext {
                skipsNext = false
            } else if ["--init", "--resume-from"].contains(argument) {
                skipsNext = true
            } else if !["--overwrite", "--extend-vocabulary"].contains(argument), !argument.hasPrefix("--init="),
                !argument.hasPrefix("--resume-from=")
            {
                result.append(argument)
            }
        }
        return result
    }

    /// Whether a word may name Open MPI's launcher.
    var namesLauncher: Bool { arguments.contains(where: OpenMPILauncher.isNamed) }

    /// The newest valid checkpoint; nil if there is none.
    func newestCheckpoint() -> SavedState? {
        let directory = CheckpointDirectory(path: checkpointDirectory)
        guard let newest = try? directory.newestValid(report: { _ in }), let progress = newest.metadata.progress,
            let fileName = newest.path.split(separator: "/").last
        else { return nil }
        var status = stat()
        guard stat(newest.path, &status) == 0 else { return nil }
        return SavedState(
            fileName: String(fileName), point: CheckpointName(String(fileName)) ?? CheckpointName(progress),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
}

/// A checkpoint and its time of modification.
struct SavedState: Hashable, Sendable {
    let fileName: String
    let point: CheckpointName
    let seconds: Int
    let nanoseconds: Int
}
