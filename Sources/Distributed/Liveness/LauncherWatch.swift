import DTrainCore
import Glibc

/// Detects the death of the launcher, after which this process must not keep running.
///
/// A process whose parent dies gets a new parent. A wrapper between the launcher and this process
/// may survive the launcher, so all processes up to the launcher are checked.
struct LauncherWatch: Sendable {
    private struct Link: Sendable {
        let process: Int32
        let parent: Int32
    }

    private let chain: [Link]
    /// The name of the launcher's process.
    let launcher: String

    private static let names = [
        "mpirun", "mpiexec", "orte", "prte", "prun", "hydra", "slurmstepd", "pmi_proxy", "orted",
    ]

    private static let singleJobLaunchers = ["mpirun", "mpiexec", "orterun", "orted", "hydra"]

    /// Finds the processes between this one and its launcher, including launchers of the launcher.
    init() {
        var chain: [Link] = []
        var found: String?
        var upToLauncher = 0
        var process = getpid()
        for _ in 0..<8 {
            guard let parent = ProcessStatus(process)?.parent, parent > 1, let status = ProcessStatus(parent) else {
                break
            }
            chain.append(Link(process: process, parent: parent))
            let isLauncher = Self.names.contains { status.name.hasPrefix($0) }
            if isLauncher {
                found = found ?? status.name
                upToLauncher = chain.count
            } else if found != nil {
                break
            }
            process = parent
        }
        self.chain = Array(chain.prefix(max(1, upToLauncher)))
        launcher = found ?? "launcher"
    }

    /// Ends the launchers on this host, which would otherwise wait for an unreachable host.
    ///
    /// Only launchers of Open MPI and MPICH are ended, because they serve this job alone.
    ///
    /// - Parameter nearestOnly: whether to end only this host's helper, on a host that is cut off
    ///   from the reporting rank.
    func endLauncher(nearestOnly: Bool) {
        var launchers = chain.map(\.parent).filter { process in
            ProcessStatus(process).map { status in Self.singleJobLaunchers.contains { status.name.hasPrefix($0) } }
                ?? false
        }
        if nearestOnly { launchers = Array(launchers.prefix(1)) }
        // On SIGTERM, launchers end their children, this process included, and then wait.
        signal(SIGTERM, SIG_IGN)
        for process in launchers.reversed() { kill(process, SIGTERM) }
        usleep(150_000)
        for process in launchers.reversed() { kill(process, SIGKILL) }
    }

    /// Whether the launcher, or a process between it and this one, is gone.
    var isGone: Bool {
        guard let first = chain.first else { return false }
        guard getppid() == first.parent else { return true }
        return chain.dropFirst().contains { ProcessStatus($0.process)?.parent != $0.parent }
    }
}

/// The status of a process, from `/proc`.
package struct ProcessStatus: Hashable, Sendable {
    /// The program's name, truncated to 15 characters.
    let name: String
    /// The letter of the state: R running, S sleeping, T stopped and so on.
    let state: Character
    /// The parent's process number.
    let parent: Int32
    /// Whether the process is in the foreground of a terminal.
    let isAtTerminal: Bool
    /// The start time, in clock ticks since boot; distinguishes the process from a later one with
    /// the same number.
    package let start: UInt64
    /// Whether the process has ended but its parent hasn't collected it yet.
    package var isZombie: Bool { state == "Z" || state == "X" }

    /// Reads a process's status; nil if there is no such process.
    package init?(_ process: Int32) {
        guard let text = SystemFile.text("/proc/\(process)/stat"),
            // The name may contain parentheses.
            let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close
        else { return nil }
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
            let start = UInt64(fields[19])
        else { return nil }
        name = String(text[text.index(after: open)..<close])
        (self.state, self.parent, self.start) = (state, parent, start)
        // Fields 2 to 5: process group, session, terminal, and the terminal's foreground process
        // group.
        isAtTerminal = fields[4] != "0" && fields[2] == fields[5]
    }

    /// Returns the numbers of this host's processes.
    package static func all() -> [Int32] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let process = Int32(name) { found.append(process) }
        }
        return found
    }

    /// Returns the children of every process that has any.
    package static func children() -> [Int32: [Int32]] {
        var found: [Int32: [Int32]] = [:]
        for process in all() {
            if let parent = ProcessStatus(process)?.parent { found[parent, default: []].append(process) }
        }
        return found
    }

    /// Returns the stopped processes (SIGSTOP) among this process's siblings, each as
    /// `rank 2 (process 4711)`.
    static func stoppedSiblings() -> [String] {
        var found: [String] = []
        for process in all() {
            guard let status = ProcessStatus(process), status.parent == getppid(),
                status.state == "T" || status.state == "t"
            else { continue }
            let variables = SystemFile.text("/proc/\(process)/environ")?.split(separator: "\0") ?? []
            let rank = ["OMPI_COMM_WORLD_RANK=", "PMI_RANK="].compactMap { key in
                variables.first { $0.hasPrefix(key) }?.dropFirst(key.count)
            }.first
            found.append(rank.map { "rank \($0) (process \(process))" } ?? "process \(process)")
        }
        return found
    }
}
