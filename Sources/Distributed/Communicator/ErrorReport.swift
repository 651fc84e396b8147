import Core
import Glibc

/// Writes one error line to standard error, in one piece so that the lines of several ranks don't mix.
func reportError(_ message: String) {
    let line = Array("error: \(message.oneLine)\n".utf8)
    line.withUnsafeBytes { bytes in
        _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
}
