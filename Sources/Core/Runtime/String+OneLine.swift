extension String {
    /// The text as a message of one line: names of files may have line ends in them.
    package var oneLine: String { split(whereSeparator: \.isNewline).joined(separator: " ") }
}
