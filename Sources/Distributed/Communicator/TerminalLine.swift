import Glibc
import Synchronization

/// The line of the terminal that standard output and standard error may share.
///
/// A message on standard error begins on a line of its own, also behind a progress bar. Safe to use in a signal handler.
package enum TerminalLine {
    private static let open = Atomic<Bool>(false)
    private static let shared = Atomic<Bool>(false)

    /// Whether standard output has left the cursor behind a bar.
    package static var isOpen: Bool {
        get { open.load(ordering: .relaxed) }
        set { open.store(newValue, ordering: .relaxed) }
    }

    /// Whether a launcher passes both streams on to one terminal, in an order that this process doesn't know.
    package static var isShared: Bool {
        get { shared.load(ordering: .relaxed) }
        set { shared.store(newValue, ordering: .relaxed) }
    }

    /// What a message on standard error begins with: erases a bar that the launcher shows too late.
    package static var prefix: StaticString { isShared ? "\r\u{1B}[K" : "" }

    /// Ends a line that a bar has left open.
    package static func close() {
        guard isOpen else { return }
        isOpen = false
        var newline = UInt8(ascii: "\n")
        _ = write(STDOUT_FILENO, &newline, 1)
    }
}
