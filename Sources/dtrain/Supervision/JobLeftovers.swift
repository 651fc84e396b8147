import DTrainCore
import DTrainDistributed
import Glibc

/// Shared-memory files and session folders that a job's processes leave behind if killed.
///
/// Open MPI's ranks map segments of some megabytes in `/dev/shm`, and its launcher keeps a session
/// folder. Only processes that end normally remove them. File names don't prove ownership, so the
/// job's processes are scanned while they run. A file is removed if one of them mapped it and no
/// process maps it any more.
struct JobLeftovers {
    /// The identity of a file, so that another file of the same name is never removed.
    private struct Identity: Hashable {
        let device: UInt
        let inode: UInt
    }

    private var segments: [String: Identity] = [:]
    /// The session folders of the job's launchers.
    private var sessions: Set<String> = []
    /// The start times of the job's processes.
    private var processes: [pid_t: UInt64] = [:]
    private var lastScan = 0.0
    private var scans = 0

    /// Scans a job's processes: often after the start, later every two seconds.
    mutating func scan(_ process: pid_t) {
        let now = Clock.seconds
        guard scans == 0 || now - lastScan >= min(2, 0.1 * Double(scans)) else { return }
        (lastScan, scans) = (now, scans + 1)
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

    /// Removes the job's leftovers after its processes have ended; files that a process still maps
    /// stay.
    ///
    /// - Returns: the number of files and folders removed.
    mutating func remove() -> Int {
        guard !segments.isEmpty || !sessions.isEmpty else { return 0 }
        // The ranks of a killed launcher exit within a second.
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
        self = JobLeftovers()
        return count
    }

    /// Seconds to wait for the job's last processes.
    private static let patience = 3.0

    private static func isAlive(_ process: pid_t, started start: UInt64) -> Bool {
        ProcessStatus(process).map { $0.start == start && !$0.isZombie } ?? false
    }

    /// The paths of the files that a process maps; empty without permission.
    private static func mappedFiles(of process: pid_t) -> [String] {
        // Five fields precede the path: address, permissions, offset, device, inode.
        let lines = SystemFile.text("/proc/\(process)/maps")?.split(separator: "\n") ?? []
        let paths = lines.compactMap { line -> String? in
            let words = line.split(separator: " ", maxSplits: 5)
            guard words.count == 6 else { return nil }
            let path = words[5].drop { $0 == " " }
            return path.hasPrefix("/") && !path.hasSuffix(" (deleted)") ? String(path) : nil
        }
        return Array(Set(paths))
    }

    /// Open MPI's session folder that contains a path: `…/ompi.HOST.USER/pid.LAUNCHER`.
    private static func session(in path: String) -> (folder: String, launcher: pid_t)? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let place = parts.firstIndex(where: { $0.hasPrefix("ompi.") }), parts.count > place + 2,
            parts[place + 1].hasPrefix("pid."), let launcher = pid_t(parts[place + 1].dropFirst(4))
        else { return nil }
        return (parts[...(place + 1)].joined(separator: "/"), launcher)
    }

    /// The identity of this user's file or folder; nil for anything else, including links.
    private static func identity(of path: String, isFolder: Bool) -> Identity? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_uid == geteuid(),
            status.st_mode & S_IFMT == (isFolder ? S_IFDIR : S_IFREG)
        else { return nil }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }

    /// Removes a folder and its contents without following links.
    private static func removeFolder(_ folder: String) {
        for name in (try? Folder.names(in: folder)) ?? [] {
            let path = "\(folder)/\(name)"
            if identity(of: path, isFolder: true) != nil { removeFolder(path) } else { unlink(path) }
        }
        rmdir(folder)
    }
}
