extension String {
    /// The text on one line, for messages; file names may contain line breaks.
    package var oneLine: String { split(whereSeparator: \.isNewline).joined(separator: " ") }
}
