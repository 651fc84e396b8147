import Glibc
import Synchronization

/// The terminal line that standard output and standard error may share.
///
/// A message on standard error starts on its own line, even after a progress bar. Safe to use in a
/// signal handler.
package enum TerminalLine {
    private static let open = Atomic<Bool>(false)
    private static let shared = Atomic<Bool>(false)

    /// Whether standard output has left the cursor after a progress bar.
    package static var isOpen: Bool {
        get { open.load(ordering: .relaxed) }
        set { open.store(newValue, ordering: .relaxed) }
    }

    /// Whether a launcher forwards both streams to one terminal, in an order unknown to this
    /// process.
    package static var isShared: Bool {
        get { shared.load(ordering: .relaxed) }
        set { shared.store(newValue, ordering: .relaxed) }
    }

    /// The prefix of a message on standard error; it erases a progress bar that the launcher
    /// forwards late.
    package static var prefix: StaticString { isShared ? "\r\u{1B}[K" : "" }

    /// Ends the line that a progress bar left open.
    package static func close() {
        guard isOpen else { return }
        isOpen = false
        var newline = UInt8(ascii: "\n")
        _ = write(STDOUT_FILENO, &newline, 1)
    }
}
