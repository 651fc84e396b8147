import DTrainCore
import Glibc

/// A page that a command writes to a file.
enum OutputPage {
    /// Writes a whole page, or leaves what was there; prints the file's name.
    ///
    /// - Throws: `DTrainError` with `usage` for a folder, `inputOutput` when it can't be written.
    static func write(_ page: String, to path: String) throws {
        if let kind = FileKind(path: path), kind != .regular {
            throw DTrainError(.usage, "--output '\(path)' is \(kind.name); name a file")
        }
        try Folder.create(Folder.parent(of: path))
        try AtomicFile.write(to: path) { writer in
            try Array(page.utf8).withUnsafeBytes { try writer.write($0) }
        }
        try Console.output("\(path)\n")
    }
}
