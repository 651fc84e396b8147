import Glibc

/// The kind of file at the end of a path.
package enum FileKind: Hashable, Sendable {
    case regular, folder, pipe, socket, device

    /// Finds the kind of file at a path; nil if there is none or it can't be examined.
    package init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        switch status.st_mode & S_IFMT {
        case S_IFDIR: self = .folder
        case S_IFIFO: self = .pipe
        case S_IFSOCK: self = .socket
        case S_IFCHR, S_IFBLK: self = .device
        default: self = .regular
        }
    }

    /// The kind's name with an article.
    package var name: String {
        switch self {
        case .regular: "a file"
        case .folder: "a folder"
        case .pipe: "a pipe"
        case .socket: "a socket"
        case .device: "a device"
        }
    }
}
