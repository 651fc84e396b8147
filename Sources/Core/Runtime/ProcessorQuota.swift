import Glibc

/// The processor time that control groups (cgroup v1 and v2) allow this process.
///
/// Containers and schedulers set such quotas. A process with a quota may use all processors of its
/// affinity mask, but not all the time.
///
/// A group's quota is shared by all its processes, including those of the groups below it.
package struct ProcessorQuota: Hashable, Sendable {
    /// The quota of one group.
    package struct Limit: Hashable, Sendable {
        /// The group's identifier on its host.
        package let group: UInt64
        /// The quota in processors, such as 1.5.
        package let processors: Double

        /// Creates the quota of a group.
        package init(group: UInt64, processors: Double) { (self.group, self.processors) = (group, processors) }
    }

    /// The quotas of this process's groups, innermost first.
    package let limits: [Limit]

    /// Creates the quotas of a process.
    package init(_ limits: [Limit] = []) { self.limits = Array(limits.prefix(Self.maxLimits)) }

    /// The smallest quota; nil if there is none.
    package var processors: Double? { limits.map(\.processors).min() }

    /// Returns the number of threads to run under a quota, which is the quota rounded up.
    ///
    /// Two threads under a quota of 1.5 are each throttled for a quarter of the time, but together
    /// compute 1.5 times as much as one thread.
    package static func threads(in processors: Double) -> Int {
        // A quota is a ratio of whole microseconds: 2.00001 means 2.
        max(1, Int((processors - 0.01).rounded(.up)))
    }

    /// The most groups that `bytes` holds.
    private static let maxLimits = 16
    /// The length of `bytes`.
    package static let byteCount = maxLimits * 16

    /// The quotas encoded with 16 bytes per group, to send to other ranks.
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
    /// - Parameter root: a prefix of all paths, for tests; empty for the real system.
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
            // A group outside the mount, as in a container's own namespace, counts as the top of
            // the mount.
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
        // `max` and −1 mean no limit.
        guard let quota = numbers.first.flatMap({ Double($0) }), quota > 0 else { return nil }
        let period = numbers.count > 1 ? Double(numbers[1]) ?? 0 : 100_000
        var status = stat()
        guard period > 0, quota / period < 1e6, stat(folder, &status) == 0 else { return nil }
        return Limit(group: UInt64(status.st_ino) ^ UInt64(status.st_dev) << 40, processors: quota / period)
    }
}

/// A line of `/proc/self/cgroup` with a group that can limit processor time: `4:cpu,cpuacct:/job`,
/// `0::/job`.
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

/// A line of `/proc/self/mountinfo` that mounts such groups.
private struct Mount {
    let isUnified: Bool
    /// The group at the top of the mount; empty for the hierarchy's root.
    private let root: String
    /// The mount point.
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

    /// Returns a group's path below `folder`, without a trailing `/`; nil if the group is outside
    /// the mount.
    func path(to group: String) -> String? {
        let group = group == "/" ? "" : group
        guard group == root || group.hasPrefix("\(root)/"), !group.split(separator: "/").contains("..") else {
            return nil
        }
        return String(group.dropFirst(root.count))
    }
}

extension ProcessorSet {
    /// The default number of worker threads of a single process: its processors, limited by its
    /// quota.
    package static var defaultThreads: Int {
        let processors = current.count
        return ProcessorQuota.current.processors.map { min(processors, ProcessorQuota.threads(in: $0)) } ?? processors
    }
}
