import Glibc

/// The capabilities of the terminal.
enum Terminal {
    /// The columns of the window that shows standard output; nil if unknown.
    ///
    /// Each call reads them again, since the window may be resized.
    ///
    /// - Parameter launched: whether a launcher passes on the output; its window then counts.
    static func columns(launched: Bool) -> Int? {
        guard launched else { return columns(of: STDOUT_FILENO) }
        let descriptor = open("/proc/\(getppid())/fd/\(STDOUT_FILENO)", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return columns(of: descriptor)
    }

    private static func columns(of descriptor: Int32) -> Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Whether the locale's encoding is UTF-8.
    static let isUnicode: Bool = {
        let name = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(value).first { !$0.isEmpty } ?? ""
        return ["utf8", "utf-8"].contains { name.lowercased().contains($0) }
    }()

    /// Replaces the symbols of dtrain's messages by ASCII unless the locale is UTF-8.
    static func shown(_ text: String, isUnicode: Bool = isUnicode) -> String {
        guard !isUnicode, !text.utf8.allSatisfy({ $0 < 0x80 }) else { return text }
        return String(text.flatMap { symbols[$0] ?? String($0) })
    }

    private static let symbols: [Character: String] = [
        "×": "x", "÷": "/", "±": "+-", "…": "...", "–": "-", "−": "-", "·": "-", "µ": "u",
    ]

    private static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
