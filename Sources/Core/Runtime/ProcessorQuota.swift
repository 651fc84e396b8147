import Glibc

/// The processor time that control groups (cgroup v1 and v2) allow this process, as containers and
/// schedulers set it: the process may use all processors of its affinity mask, but not all the time.
///
/// A group's quota holds for all its processes together, those of the groups below it included.
package struct ProcessorQuota: Hashable, Sendable {
    /// The quota of one group.
    package struct Limit: Hashable, Sendable {
        /// Identifies the group on its host.
        package let group: UInt64
        /// The processors' time that it has, such as 1.5.
        package let processors: Double

        /// Describes a group.
        package init(group: UInt64, processors: Double) { (self.group, self.processors) = (group, processors) }
    }

    /// The groups with a quota that this process is in, innermost first.
    package let limits: [Limit]

    /// Describes a process.
    package init(_ limits: [Limit] = []) { self.limits = Array(limits.prefix(Self.mostLimits)) }

    /// The least of all quotas; nil where there is none.
    package var processors: Double? { limits.map(\.processors).min() }

    /// How many threads are to run in so much processor time: rounded up.
    ///
    /// Two threads in a quota of 1.5 both stand still for a quarter of the time, and get half as
    /// much done again as one thread would.
    package static func threads(in processors: Double) -> Int {
        // A quota is a ratio of whole microseconds: 2.00001 is meant as 2.
        max(1, Int((processors - 0.01).rounded(.up)))
    }

    /// The most groups that `bytes` holds.
    private static let mostLimits = 16
    /// The length of `bytes`.
    package static let byteCount = mostLimits * 16

    /// The quota with 16 bytes per group, for other ranks.
    package var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        bytes.withUnsafeMutableBytes { buffer in
            for (index, limit) in limits.enumerated() {
                buffer.storeBytes(of: limit.group, toByteOffset: index * 16, as: UInt64.self)
                buffer.storeBytes(of: limit.processors, toByteOffset: index * 16 + 8, as: Double.self)
            }
        }
        return bytes
    }

    /// Decodes `bytes`.
    package init(bytes: ArraySlice<UInt8>) {
        self.init(
            bytes.withUnsafeBytes { buffer in
                (0..<buffer.count / 16).map { index in
                    Limit(
                        group: buffer.loadUnaligned(fromByteOffset: index * 16, as: UInt64.self),
                        processors: buffer.loadUnaligned(fromByteOffset: index * 16 + 8, as: Double.self))
                }
            }.filter { $0.processors > 0 })
    }
}

extension ProcessorQuota {
    /// This process's quota.
    package static var current: ProcessorQuota { find(root: "") }

    /// Reads the quotas of this process's groups and of all groups above them.
    ///
    /// - Parameter root: stands before all paths; empty for the system itself.
    package static func find(root: String) -> ProcessorQuota {
        let memberships = (SystemFile.text("\(root)/proc/self/cgroup") ?? "").split(separator: "\n")
            .compactMap(Membership.init)
        let mounts = (SystemFile.text("\(root)/proc/self/mountinfo") ?? "").split(separator: "\n")
            .compactMap(Mount.init)
        var limits: [Limit] = []
        for membership in memberships {
            let places = mounts.filter { $0.isUnified == membership.isUnified }.map {
                ($0, $0.path(to: membership.path))
            }
            guard let (mount, path) = places.first(where: { $0.1 != nil }) ?? places.first else { continue }
            // Outside what is mounted, as with a container's own namespace, its top is this process's group.
            var folder = mount.folder + (path ?? "")
            while folder.count >= mount.folder.count {
                if let limit = limit(of: root + folder, isUnified: mount.isUnified) { limits.append(limit) }
                guard folder.count > mount.folder.count, let slash = folder.lastIndex(of: "/") else { break }
                folder = String(folder[..<slash])
            }
        }
        return ProcessorQuota(limits)
    }

    private static func limit(of folder: String, isUnified: Bool) -> Limit? {
        let numbers: [Substring]
        if isUnified {
            numbers = SystemFile.text("\(folder)/cpu.max")?.split(whereSeparator: \.isWhitespace) ?? []
        } else {
            numbers = ["quota", "period"].compactMap {
                SystemFile.text("\(folder)/cpu.cfs_\($0)_us")?.split(whereSeparator: \.isWhitespace).first
            }
        }
        // Without a limit it is `max` or −1.
        guard let quota = numbers.first.flatMap({ Double($0) }), quota > 0 else { return nil }
        let period = numbers.count > 1 ? Double(numbers[1]) ?? 0 : 100_000
        var status = stat()
        guard period > 0, quota / period < 1e6, stat(folder, &status) == 0 else { return nil }
        return Limit(group: UInt64(status.st_ino) ^ UInt64(status.st_dev) << 40, processors: quota / period)
    }
}

/// A line of `/proc/self/cgroup` that processor time depends on: `4:cpu,cpuacct:/job`, `0::/job`.
private struct Membership {
    let isUnified: Bool
    let path: String

    init?(_ line: Substring) {
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        isUnified = parts[0] == "0" && parts[1].isEmpty
        guard isUnified || parts[1].split(separator: ",").contains("cpu") else { return nil }
        path = String(parts[2])
    }
}

/// A line of `/proc/self/mountinfo` where such groups are mounted.
private struct Mount {
    let isUnified: Bool
    /// The group that is mounted; all of them for `/`.
    private let root: String
    /// The folder in which it appears.
    let folder: String

    init?(_ line: Substring) {
        let words = line.split(separator: " ")
        guard let dash = words.firstIndex(of: "-"), dash > 4, words.count > dash + 1 else { return nil }
        isUnified = words[dash + 1] == "cgroup2"
        let options = words.last?.split(separator: ",") ?? []
        guard isUnified || words[dash + 1] == "cgroup" && options.contains("cpu") else { return nil }
        root = words[3] == "/" ? "" : String(words[3])
        folder = String(words[4]).replacing("\\040", with: " ")
    }

    /// The path below `folder` of a group, without `/` at its end; nil when it isn't in what is mounted.
    func path(to group: String) -> String? {
        let group = group == "/" ? "" : group
        guard group == root || group.hasPrefix("\(root)/"), !group.split(separator: "/").contains("..") else {
            return nil
        }
        return String(group.dropFirst(root.count))
    }
}

extension ProcessorSet {
    /// How many worker threads a process that is alone should have: its processors, as far as its quota allows.
    package static var defaultThreads: Int {
        let processors = current.count
        return ProcessorQuota.current.processors.map { min(processors, ProcessorQuota.threads(in: $0)) } ?? processors
    }
}
