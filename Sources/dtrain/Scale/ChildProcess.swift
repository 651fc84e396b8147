import DTrainCore
import Glibc

/// A program that this process starts and waits for.
struct ChildProcess {
    /// How it ended.
    struct Outcome {
        /// The exit code; 128 and the signal's number where a signal ended it.
        let status: Int32
        /// The largest memory of one of its processes on this machine, in bytes.
        let peakMemory: Int
        /// What it wrote, both streams together.
        let output: String

        /// The line that says most about a failure: the last error of dtrain, else the last line with a letter.
        var lastErrorLine: String {
            let lines = output.split(whereSeparator: \.isNewline).map(String.init)
            return lines.last { $0.hasPrefix("error: ") }?.replacingPrefix("error: ", with: "")
                ?? lines.last { $0.contains(where: \.isLetter) } ?? "it wrote nothing"
        }
    }

    /// The program and its arguments; without a slash it is looked for along PATH.
    let command: [String]

    /// The command as a shell takes it.
    var line: String {
        command.map { word in
            let isPlain = word.allSatisfy { $0.isLetter || $0.isNumber || "-_./=:,+@%".contains($0) } && !word.isEmpty
            return isPlain ? word : "'\(word)'"
        }.joined(separator: " ")
    }

    /// Runs it to its end, with what it writes going to a file.
    ///
    /// - Throws: `DTrainError` with `noInput` when it can't be started.
    func run(output path: String) throws -> Outcome {
        let process = try start(output: path)
        var status: Int32 = 0
        var usage = rusage()
        while wait4(process, &status, 0, &usage) < 0 {
            guard errno == EINTR else {
                throw DTrainError(.internal, "cannot wait for '\(line)': \(reason(errno)); run it by hand")
            }
        }
        let signal = status & 0x7F
        let file = try MappedFile(path: path, kind: "output file")
        return Outcome(
            status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, peakMemory: usage.ru_maxrss * 1024,
            output: withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) })
    }

    private func start(output path: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Launchers read standard input for their first rank.
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o666)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        let code = posix_spawnp(&process, command.first ?? "", &actions, nil, &arguments, environ)
        guard code == 0 else {
            throw DTrainError(.noInput, "cannot start '\(line)': \(reason(code)); check the program's path")
        }
        return process
    }

    private func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

extension String {
    fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
