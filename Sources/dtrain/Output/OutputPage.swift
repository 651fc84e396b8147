import DTrainCore
import Glibc

/// A page that a command writes to a file.
struct OutputPage {
    private let path: String

    /// Prepares the file's place, before the work for the page begins.
    ///
    /// - Throws: `DTrainError` with `usage` for an empty path or what is no file, `inputOutput` for a folder that can't be created or
    ///   written to.
    init(_ path: String) throws {
        guard !path.isEmpty else { throw DTrainError(.usage, "--output is empty; name a file") }
        if let kind = FileKind(path: path), kind != .regular {
            throw DTrainError(.usage, "--output '\(path)' is \(kind.name); name a file")
        }
        try Folder.create(Folder.parent(of: path))
        self.path = path
    }

    /// Writes the whole page, or leaves what was there; prints the file's name.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when it can't be written.
    func write(_ page: String) throws {
        try AtomicFile.write(to: path) { writer in
            try Array(page.utf8).withUnsafeBytes { try writer.write($0) }
        }
        try Console.output("\(path)\n")
    }
}
