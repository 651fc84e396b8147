import Glibc

/// Resolution of a text's paths to files.
enum TextPaths {
    /// A file, and whether it was found in a folder.
    struct Entry: Hashable {
        let path: String
        let isFromFolder: Bool
    }

    /// The files in order; a folder stands for the `*.txt` files directly in it, sorted by the
    /// bytes of their names.
    ///
    /// As in a shell, `*.txt` doesn't match names that start with a dot.
    ///
    /// - Throws: `DTrainError` with `noInput` when a folder has no such file or can't be read.
    static func expand(_ paths: [String]) throws -> [Entry] {
        try paths.flatMap { path in
            guard Folder.isFolder(path) else { return [Entry(path: path, isFromFolder: false)] }
            let names = try texts(in: path)
            guard !names.isEmpty else {
                throw DTrainError(
                    .noInput, "folder '\(path)' has no *.txt files in it (subfolders aren't searched)",
                    hint: "name files, or the folder that has them, with `data`")
            }
            let folder = path.hasSuffix("/") ? path : "\(path)/"
            return names.map { Entry(path: folder + $0, isFromFolder: true) }
        }
    }

    private static func texts(in folder: String) throws -> [String] {
        let names: [String]
        do { names = try Folder.names(in: folder) } catch let error as DTrainError {
            throw DTrainError(.noInput, error.message, hint: error.hint)
        }
        return names.filter { $0.hasSuffix(".txt") && !$0.hasPrefix(".") && !Folder.isFolder("\(folder)/\($0)") }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
