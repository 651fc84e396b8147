import DTrainCore
import Glibc

/// A child process and its command.
struct ChildProcess {
    /// The outcome of a child process.
    struct Outcome {
        /// The exit code; 128 plus the signal's number where a signal ended it.
        let status: Int32
        /// The peak memory in bytes of its largest process on this machine.
        let peakMemory: Int
        /// Its combined standard output and error.
        let output: String

        /// The reason for a failure: dtrain's last error, or else the whole output as one line.
        var reason: String {
            let lines = output.split(whereSeparator: \.isNewline)
            if let error = lines.last(where: { $0.hasPrefix("error: ") }) { return String(error.dropFirst(7)) }
            let words = lines.filter { line in
                line.contains(where: \.isLetter) && !Self.noise.contains { line.contains($0) }
            }.joined(separator: " ").split(separator: " ")
            guard !words.isEmpty else { return "it printed nothing" }
            var text = ""
            for word in words {
                guard text.count + word.count < Self.longest else { return "\(text) …" }
                text += (text.isEmpty ? "" : " ") + word
            }
            return text
        }

        /// The lines that Open MPI adds to any failure.
        private static let noise = [
            "ORTE_ERROR_LOG", "An internal error has occurred", "FORCE-TERMINATE",
            "This is something that should be reported to the developers",
        ]
        private static let longest = 400
    }

    /// The program and its arguments; a program without a slash is searched in PATH.
    let command: [String]

    /// The command, quoted for a shell.
    var line: String { RepeatedCommand.line(command) }

    /// Runs the command to its end with its output in a file.
    ///
    /// - Parameters:
    ///   - path: the output file.
    ///   - signals: the signals to forward to it; nil for none.
    /// - Throws: `DTrainError` with `noInput` when the command can't be started.
    func run(output path: String, signals: ExperimentSignals? = nil) throws -> Outcome {
        let process = try start(output: path)
        var status: Int32 = 0
        var usage = rusage()
        while true {
            let ended = wait4(process, &status, signals == nil ? 0 : WNOHANG, &usage)
            if ended == process { break }
            guard ended == 0 || errno == EINTR else {
                throw DTrainError(.internal, "cannot wait for '\(line)': \(reason(errno)); run it by hand")
            }
            signals?.wait(seconds: 0.05, for: process)
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
        // Launchers would forward standard input to their first rank.
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o666)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        let code = posix_spawnp(&process, command.first ?? "", &actions, &attributes, &arguments, environ)
        guard code == 0 else {
            throw DTrainError(.noInput, "cannot start '\(line)': \(reason(code)); check the program's path")
        }
        return process
    }

    private func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
