import DTrainCore
import DTrainDistributed
import Glibc

/// What a job's processes have put into memory that is shared by files, and would leave behind if killed.
///
/// Open MPI's ranks map segments of some megabytes in `/dev/shm`, and its launcher keeps a session
/// folder; both are only removed by processes that end in good order. Names don't prove whose they
/// are. So the processes of the job are looked at while they live: what one of them has mapped, and
/// nobody maps any more, is the job's and of no use.
struct JobRemains {
    /// A file by its identity, so that another one of the same name is never removed.
    private struct Identity: Hashable {
        let device: UInt
        let inode: UInt
    }

    private var segments: [String: Identity] = [:]
    /// The session folders of launchers that were seen.
    private var sessions: Set<String> = []
    /// The processes of the job and when each was started.
    private var processes: [pid_t: UInt64] = [:]
    private var lastLook = 0.0
    private var looks = 0

    /// Looks at a job's processes now and then: soon after the start, later every two seconds.
    mutating func look(at process: pid_t) {
        let now = Clock.seconds
        guard looks == 0 || now - lastLook >= min(2, 0.1 * Double(looks)) else { return }
        (lastLook, looks) = (now, looks + 1)
        let children = ProcessStatus.children()
        var next = [process]
        while let candidate = next.popLast() {
            next += children[candidate] ?? []
            guard let start = ProcessStatus(candidate)?.start else { continue }
            processes[candidate] = start
            for path in Self.mappedFiles(of: candidate) { note(path) }
        }
    }

    private mutating func note(_ path: String) {
        if path.hasPrefix("/dev/shm/") {
            if segments[path] == nil { segments[path] = Self.identity(of: path, isFolder: false) }
        } else if let session = Self.session(in: path), processes[session.launcher] != nil {
            sessions.insert(session.folder)
        }
    }

    /// Removes what the job has left, once its processes are gone; a process that stays keeps what it maps.
    ///
    /// - Returns: the number of files and folders removed.
    mutating func remove() -> Int {
        guard !segments.isEmpty || !sessions.isEmpty else { return 0 }
        // The ranks of a launcher that was killed end themselves within a second.
        let end = Clock.seconds + Self.patience
        while processes.contains(where: Self.isAlive), Clock.seconds < end { usleep(50_000) }
        let inUse = Set(ProcessStatus.all().flatMap(Self.mappedFiles))
        var count = 0
        for (path, identity) in segments where !inUse.contains(path) {
            guard Self.identity(of: path, isFolder: false) == identity, unlink(path) == 0 else { continue }
            count += 1
        }
        for folder in sessions where Self.identity(of: folder, isFolder: true) != nil {
            guard !inUse.contains(where: { $0.hasPrefix("\(folder)/") }) else { continue }
            if let launcher = Self.session(in: "\(folder)/")?.launcher, ProcessStatus(launcher) != nil { continue }
            Self.removeFolder(folder)
            count += 1
        }
        self = JobRemains()
        return count
    }

    /// Seconds that the last processes of a job have to end.
    private static let patience = 3.0

    private static func isAlive(_ process: pid_t, started start: UInt64) -> Bool {
        ProcessStatus(process).map { $0.start == start && !$0.isZombie } ?? false
    }

    /// The paths of the files that a process maps; none where that may not be seen.
    private static func mappedFiles(of process: pid_t) -> [String] {
        // Address, rights, offset, device and inode stand before the path.
        let lines = SystemFile.text("/proc/\(process)/maps")?.split(separator: "\n") ?? []
        let paths = lines.compactMap { line -> String? in
            let words = line.split(separator: " ", maxSplits: 5)
            guard words.count == 6 else { return nil }
            let path = words[5].drop { $0 == " " }
            return path.hasPrefix("/") && !path.hasSuffix(" (deleted)") ? String(path) : nil
        }
        return Array(Set(paths))
    }

    /// Open MPI's session folder that a path lies in: `…/ompi.HOST.USER/pid.LAUNCHER`.
    private static func session(in path: String) -> (folder: String, launcher: pid_t)? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let place = parts.firstIndex(where: { $0.hasPrefix("ompi.") }), parts.count > place + 2,
            parts[place + 1].hasPrefix("pid."), let launcher = pid_t(parts[place + 1].dropFirst(4))
        else { return nil }
        return (parts[...(place + 1)].joined(separator: "/"), launcher)
    }

    /// A file or folder of this user's; nil for anything else, links included.
    private static func identity(of path: String, isFolder: Bool) -> Identity? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_uid == geteuid(),
            status.st_mode & S_IFMT == (isFolder ? S_IFDIR : S_IFREG)
        else { return nil }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }

    /// Removes a folder with what is in it, without following links.
    private static func removeFolder(_ folder: String) {
        for name in (try? Folder.names(in: folder)) ?? [] {
            let path = "\(folder)/\(name)"
            if identity(of: path, isFolder: true) != nil { removeFolder(path) } else { unlink(path) }
        }
        rmdir(folder)
    }
}
