import Glibc

/// Operations on folders, with errors that name the folder.
package enum Folder {
    /// Returns the names in a folder, in no particular order, without `.` and `..`.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if the folder doesn't exist or can't be read.
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

    /// Creates a folder and its missing parents.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if that fails, or if the path isn't a writable
    ///   folder.
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
            // Files in the folder survive a power cut only if the folder's name does. Errors are
            // ignored here, since saving reports them.
            try? AtomicFile.flush(folder: "\(folder)/..", .system)
            return
        }
        // Copied because `isFolder` may change `errno`.
        let code = errno
        guard code == EEXIST || isFolder(folder) else {
            throw DTrainError(.inputOutput, "cannot create folder '\(path)': \(systemMessage(code)); name another")
        }
    }

    /// Returns the folder of a path's last component; `.` for a bare name.
    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Returns whether a path leads to a folder.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Returns whether anything exists at a path, including a dangling link.
    package static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }
}
