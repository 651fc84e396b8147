import DTrainCore
import Glibc
import Synchronization

/// The settings of error and warning lines.
enum ErrorReport {
    /// Converts setting names in back quotes to the program's spelling; global, because standard
    /// error is, too.
    static let spelling = Mutex<@Sendable (String) -> String> { $0 }
}

/// Writes an error line to standard error.
func reportError(_ message: String) { report("error", message) }

/// Writes a warning line to standard error.
func reportWarning(_ message: String) { report("warning", message) }

private func report(_ kind: String, _ message: String) {
    let spelled = ErrorReport.spelling.withLock { $0 }(message)
    let line = Array("\(TerminalLine.prefix)\(TextStyle.label(kind)) \(spelled.oneLine)\n".utf8)
    TerminalLine.close()
    // A single call keeps the lines of several ranks apart.
    line.withUnsafeBytes { bytes in
        _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
}
