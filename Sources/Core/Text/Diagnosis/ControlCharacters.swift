/// Control characters that texts don't have.
enum ControlCharacters {
    /// Whether a byte is a control character of ASCII other than tabs, line and page ends, the end-of-file mark of DOS, and ESC.
    static func isUnusual(_ byte: UInt8) -> Bool {
        byte < 0x20 ? !(0x09...0x0D).contains(byte) && byte != 0x1A && byte != 0x1B : byte == 0x7F
    }

    /// Removes them all.
    static let filter = "LC_ALL=C tr -d '\\000-\\010\\016-\\031\\034-\\037\\177'"
}
