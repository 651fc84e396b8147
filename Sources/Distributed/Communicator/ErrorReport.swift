import DTrainCore
import Glibc

/// Writes an error line to standard error in one call, so that lines of several ranks don't mix.
func reportError(_ message: String) { report("error", message) }

/// Writes a warning line to standard error.
func reportWarning(_ message: String) { report("warning", message) }

private func report(_ kind: String, _ message: String) {
    let line = Array("\(kind): \(message.oneLine)\n".utf8)
    line.withUnsafeBytes { bytes in
        _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
}
