/// ASCII control characters that don't occur in ordinary text.
enum ControlCharacters {
    /// Whether a byte is an ASCII control character other than TAB, LF, VT, FF, CR, SUB (the DOS
    /// end-of-file mark) and ESC.
    static func isUnusual(_ byte: UInt8) -> Bool {
        byte < 0x20 ? !(0x09...0x0D).contains(byte) && byte != 0x1A && byte != 0x1B : byte == 0x7F
    }

    /// A shell command that deletes them from its input.
    static let filter = "LC_ALL=C tr -d '\\000-\\010\\016-\\031\\034-\\037\\177'"
}
