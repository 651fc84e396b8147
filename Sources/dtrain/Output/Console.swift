import DTrainCore
import DTrainDistributed
import Glibc

/// Standard output and standard error of the process.
enum Console {
    /// Writes results to standard output.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if writing fails.
    static func output(_ text: String) throws { try output(Array(text.utf8)) }

    /// Writes results that may not be text to standard output.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if writing fails.
    static func output(_ bytes: [UInt8]) throws {
        guard write(bytes, to: STDOUT_FILENO) else {
            throw DTrainError(
                .inputOutput,
                "cannot write to standard output: \(String(cString: strerror(errno))); check where it goes")
        }
    }

    // Messages of the library name settings in back quotes; they are printed as flags.

    /// Prints an error, the last output of the process.
    static func error(_ text: String) { write("\(TextStyle.label("error")) \(oneLine(text))\n") }

    /// Prints a warning about something probably unintended.
    static func warning(_ text: String) { write("\(TextStyle.label("warning")) \(oneLine(text))\n") }

    /// Prints a notice.
    static func notice(_ text: String) { write("\(oneLine(text))\n") }

    private static func oneLine(_ text: String) -> String { Hints.spelled(text).oneLine }

    // A message that can't be printed is no reason to stop.
    private static func write(_ text: String) {
        TerminalLine.close()
        _ = write(Array("\(TerminalLine.prefix)\(Terminal.shown(text))".utf8), to: STDERR_FILENO)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Whether standard output, or another stream, goes to a terminal.
    ///
    /// Open MPI gives rank 0 a pseudo-terminal even if `mpirun`'s output is a file. The launcher's
    /// output decides there.
    static func isTerminal(_ descriptor: Int32 = STDOUT_FILENO, underLauncher: Bool) -> Bool {
        // Errors reach the launcher through a pipe.
        guard isatty(STDOUT_FILENO) == 1 else { return false }
        guard underLauncher else { return isatty(descriptor) == 1 }
        var target = [CChar](repeating: 0, count: 256)
        let length = readlink("/proc/\(getppid())/fd/\(descriptor)", &target, target.count)
        guard length > 0 else { return false }
        let path = String(decoding: target.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.hasPrefix("/dev/pts/") || path.hasPrefix("/dev/tty")
    }
}
