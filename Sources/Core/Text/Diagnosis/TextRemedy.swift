/// Shell commands that turn an unsuitable file into usable text.
struct TextRemedy {
    /// The unsuitable file.
    let file: JoinedText.File

    /// A hint to pass the file through a command and to use the result.
    ///
    /// - Parameters:
    ///   - command: a filter from standard input to standard output.
    ///   - label: a word to insert before the suffix of the new file's name.
    func filter(_ command: String, label: String) -> String {
        if file.isPipe { return "pipe it through: \(command)" }
        return run("\(command) < \(word)", label: label)
    }

    /// A hint to extract the text from a file of the given format.
    func apply(_ format: FileFormat) -> String {
        switch format.remedy {
        case .decompress(let command, let suffix, let filter):
            let plain = String(file.path.dropLast(suffix.count))
            guard file.path.hasSuffix(suffix), !file.isPipe, !Folder.exists(plain) else {
                return self.filter(filter, label: "plain")
            }
            return "run this, then name \(plain): \(command) \(word)"
        case .extract(let command, let end):
            return file.isPipe ? "write it to a file and pass that" : run("\(command) \(word)\(end)", label: "plain")
        case .advice(let text): return text.replacing("FILE", with: word)
        }
    }

    private func run(_ command: String, label: String) -> String {
        if file.isFromFolder {
            // The new file must replace the old one among the folder's *.txt files.
            let (new, old) = (unused("\(file.path).new"), unused("\(file.path).orig"))
            return "run: \(command) > \(new.shellWord) && mv \(word) \(old.shellWord) && mv \(new.shellWord) \(word)"
        }
        let new = unused(Self.base(file.path) + ".\(label).txt")
        return "run this, then name \(new): \(command) > \(new.shellWord)"
    }

    /// The path without suffixes of text files and archives.
    private static func base(_ path: String) -> String {
        var base = path
        for suffix in [".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".pdf", ".txt"] where base.hasSuffix(suffix) {
            base = String(base.dropLast(suffix.count))
        }
        return base
    }

    /// The path, with a number appended if a file of that name exists.
    private func unused(_ path: String) -> String {
        guard Folder.exists(path) else { return path }
        return (2...).lazy.map { "\(path)-\($0)" }.first { !Folder.exists($0) } ?? path
    }

    /// The path quoted for a shell; a leading dash is protected so that it isn't read as an option.
    private var word: String { (file.path.hasPrefix("-") ? "./\(file.path)" : file.path).shellWord }
}
