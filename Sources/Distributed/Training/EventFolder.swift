import DTrainCore
import Glibc

/// The folder that holds the event files of one training, for TensorBoard.
///
/// TensorBoard takes a folder for one run and reads its files in the order of their names, which
/// start with their creation time. So each start of a training adds a file.
package struct EventFolder {
    /// The start of every event file's name, by which TensorBoard recognizes it.
    private static let prefix = "events.out.tfevents."
    /// The end of the names of dtrain's own.
    private static let suffix = ".dtrain"
    /// The last time that has ten digits.
    private static let latestTime = 9_999_999_999

    private let path: String

    /// Names a folder, which needn't exist.
    package init(path: String) { self.path = path }

    /// Checks the folder before the training starts; reads only.
    ///
    /// - Throws: `DTrainError` with `usage` if the path isn't a folder, or holds events of a
    ///   training that this one doesn't continue.
    package func check(_ predecessor: EarlierMetrics.Predecessor) throws {
        guard let kind = FileKind(path: path) else { return }
        guard kind == .folder else {
            throw DTrainError(.usage, "`tensorboard` '\(path)' is \(kind.name); name a folder")
        }
        guard case .none = predecessor, try !eventFiles().isEmpty else { return }
        throw DTrainError(
            .usage, "folder '\(path)' of `tensorboard` already holds the event files of a training",
            hint: "name a folder for this one alone, or replace them with `overwrite`")
    }

    /// Creates the next event file, and the folder if it is missing; deletes dtrain's earlier files
    /// if they may be discarded.
    ///
    /// - Returns: the empty file and its path.
    /// - Throws: as `check`, and `DTrainError` with `inputOutput` when something can't be created
    ///   or deleted.
    package func createFile(after predecessor: EarlierMetrics.Predecessor) throws -> (file: FileLock, path: String) {
        try check(predecessor)
        try Folder.create(path)
        if case .discarded = predecessor { try removeOwnFiles() }
        let file = "\(path)/\(try nextName())"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure("create", file) }
        return (FileLock(unlocked: descriptor), file)
    }

    private func eventFiles() throws -> [String] {
        try Folder.names(in: path).filter { $0.hasPrefix(Self.prefix) }
    }

    private func removeOwnFiles() throws {
        for name in try eventFiles() where name.hasSuffix(Self.suffix) {
            guard unlink("\(path)/\(name)") == 0 || errno == ENOENT else { throw failure("delete", "\(path)/\(name)") }
        }
    }

    /// Returns a name that sorts after all existing ones, even if the clock that made them was
    /// ahead.
    private func nextName() throws -> String {
        let latest = try eventFiles().compactMap(Self.startTime).max() ?? 0
        let now = min(max(time(nil), latest + 1), Self.latestTime)
        let digits = String(now)
        let seconds = String(repeating: "0", count: 10 - digits.count) + digits
        return "\(Self.prefix)\(seconds).\(currentHostName()).\(getpid())\(Self.suffix)"
    }

    /// The seconds in a name; nil for another form.
    private static func startTime(_ name: String) -> Int? {
        Int(name.dropFirst(prefix.count).prefix { $0 != "." }).flatMap { (0...latestTime).contains($0) ? $0 : nil }
    }

    private func failure(_ action: String, _ file: String) -> DTrainError {
        DTrainError(
            .inputOutput, "cannot \(action) '\(file)': \(systemMessage())",
            hint: "name another folder with `tensorboard`")
    }
}
