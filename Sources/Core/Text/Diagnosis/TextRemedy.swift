/// Commands for a shell that make a fit text of an unfit file.
struct TextRemedy {
    /// The file.
    let file: JoinedText.File

    /// How to pass the file through a command, and what to name then.
    ///
    /// - Parameters:
    ///   - command: filters standard input.
    ///   - label: what the new file's name gets before its suffix.
    func filter(_ command: String, label: String) -> String {
        if file.isPipe { return "pipe it through: \(command)" }
        return run("\(command) < \(word)", label: label)
    }

    /// How to get at the text of a file of that format.
    func apply(_ format: FileFormat) -> String {
        switch format.remedy {
        case .decompress(let command, let suffix, let filter):
            let plain = String(file.path.dropLast(suffix.count))
            guard file.path.hasSuffix(suffix), !file.isPipe, !Folder.exists(plain) else {
                return self.filter(filter, label: "plain")
            }
            return "run this, then name \(plain): \(command) \(word)"
        case .extract(let command, let end):
            return file.isPipe ? "write it to a file and name that" : run("\(command) \(word)\(end)", label: "plain")
        case .advice(let text): return text.replacing("FILE", with: word)
        }
    }

    private func run(_ command: String, label: String) -> String {
        if file.isFromFolder {
            // The folder's *.txt must be the new one, and not the old one as well.
            let (new, old) = (unused("\(file.path).new"), unused("\(file.path).orig"))
            return "run: \(command) > \(new.shellWord) && mv \(word) \(old.shellWord) && mv \(new.shellWord) \(word)"
        }
        let new = unused(Self.base(file.path) + ".\(label).txt")
        return "run this, then name \(new): \(command) > \(new.shellWord)"
    }

    /// A path without the suffixes of texts and compressed files.
    private static func base(_ path: String) -> String {
        var base = path
        for suffix in [".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".pdf", ".txt"] where base.hasSuffix(suffix) {
            base = String(base.dropLast(suffix.count))
        }
        return base
    }

    /// A name that no file has yet.
    private func unused(_ path: String) -> String {
        guard Folder.exists(path) else { return path }
        return (2...).lazy.map { "\(path)-\($0)" }.first { !Folder.exists($0) } ?? path
    }

    /// The file's name for a shell; one with a leading dash is no option.
    private var word: String { (file.path.hasPrefix("-") ? "./\(file.path)" : file.path).shellWord }
}
