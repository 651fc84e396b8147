import DTrainCore
import Glibc
import Synchronization

/// The lines that this process writes to standard error before it ends.
enum ErrorReport {
    /// The program's spelling of the settings that a line names in back quotes; standard error is the process's, too.
    static let spelling = Mutex<@Sendable (String) -> String> { $0 }
}

/// Writes an error line to standard error in one call, so that lines of several ranks don't mix.
func reportError(_ message: String) { report("error", message) }

/// Writes a warning line to standard error.
func reportWarning(_ message: String) { report("warning", message) }

private func report(_ kind: String, _ message: String) {
    let spelled = ErrorReport.spelling.withLock { $0 }(message)
    let line = Array("\(TerminalLine.prefix)\(TextStyle.label(kind)) \(spelled.oneLine)\n".utf8)
    TerminalLine.close()
    line.withUnsafeBytes { bytes in
        _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
}
