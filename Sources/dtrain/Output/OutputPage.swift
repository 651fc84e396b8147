import DTrainCore
import Glibc

/// The file of a page that a command writes.
struct OutputPage {
    private let path: String

    /// Checks the path and creates its folder before the page is computed.
    ///
    /// - Throws: `DTrainError` with `usage` for an empty path or one that isn't a regular file,
    ///   `inputOutput` if the folder can't be created or written to.
    init(_ path: String) throws {
        guard !path.isEmpty else { throw DTrainError(.usage, "--output is empty; name a file") }
        if let kind = FileKind(path: path), kind != .regular {
            throw DTrainError(.usage, "--output '\(path)' is \(kind.name); name a file")
        }
        try Folder.create(Folder.parent(of: path))
        self.path = path
    }

    /// Writes the page atomically and prints the path.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if writing fails; an existing file is then
    ///   unchanged.
    func write(_ page: String) throws {
        try AtomicFile.write(to: path) { writer in
            try Array(page.utf8).withUnsafeBytes { try writer.write($0) }
        }
        try Console.output("\(path)\n")
    }
}
