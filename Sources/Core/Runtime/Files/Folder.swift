import Glibc

/// What dtrain needs of folders, with errors that name them.
package enum Folder {
    /// The names in a folder, in no particular order, without `.` and `..`.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when there is no such folder or it can't be read.
    package static func names(in path: String) throws -> [String] {
        guard let stream = opendir(path) else {
            throw DTrainError(.inputOutput, "cannot read folder '\(path)': \(systemMessage()); check the path")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else {
            throw DTrainError(.inputOutput, "cannot read folder '\(path)': \(systemMessage()); check the path")
        }
        return names
    }

    /// Creates a folder, and those above it, where they don't exist.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when that fails, when the path is no folder or can't be written to.
    package static func create(_ path: String) throws {
        var parent = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            parent += part
            if !parent.isEmpty { try createOne(parent, for: path) }
            parent += "/"
        }
        guard isFolder(path) else {
            throw DTrainError(.inputOutput, "'\(path)' is not a folder; name a folder")
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw DTrainError(
                .inputOutput,
                "cannot write to folder '\(path)': \(systemMessage()); change its permissions or name another")
        }
    }

    private static func createOne(_ folder: String, for path: String) throws {
        guard mkdir(folder, 0o777) != 0 else {
            // What is saved in it is only safe once its own name is. Where that can't be done, the save itself will tell.
            try? AtomicFile.flush(folder: "\(folder)/..", .system)
            return
        }
        // Kept: the question after it may fail for another reason.
        let code = errno
        guard code == EEXIST || isFolder(folder) else {
            throw DTrainError(.inputOutput, "cannot create folder '\(path)': \(systemMessage(code)); name another")
        }
    }

    /// The folder that a path's last component is in; `.` for a bare name.
    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Whether the path leads to a folder.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether the path leads to anything at all.
    package static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }
}
