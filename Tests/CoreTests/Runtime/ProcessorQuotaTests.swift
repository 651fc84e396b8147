import DTrainCore
import Foundation
import Testing

/// Quotas of control groups, versions 1 and 2, from files in a folder.
@Suite struct ProcessorQuotaTests {
    /// The simulated files of a system with a process in control groups.
    private final class System {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-quota-\(UUID().uuidString)")

        init(groups: String, mounts: String, _ files: [String: String]) throws {
            for (name, text) in files.merging(
                ["proc/self/cgroup": groups, "proc/self/mountinfo": mounts], uniquingKeysWith: { $1 })
            {
                let file = root.appendingPathComponent(name)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: file)
            }
        }

        deinit { try? FileManager.default.removeItem(at: root) }

        var quota: ProcessorQuota { ProcessorQuota.find(root: root.path) }
    }

    private static let unified = "31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    private static let separate = "33 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"

    private func unified(_ path: String, _ limits: [String: String], mounts: String = unified) throws -> Double? {
        let files = limits.map { ("sys/fs/cgroup\($0.key)/cpu.max", $0.value) }
        return try System(groups: "0::\(path)\n", mounts: mounts, Dictionary(uniqueKeysWithValues: files)).quota
            .processors
    }

    @Test func missingAndUnlimitedQuotasGiveNoLimit() throws {
        #expect(try unified("/", [:]) == nil)
        #expect(try unified("/job", ["/job": "max 100000\n"]) == nil)
        #expect(try System(groups: "", mounts: "", [:]).quota == ProcessorQuota())
        #expect(ProcessorQuota.find(root: "/nothing/of/that/name") == ProcessorQuota())
    }

    @Test func wholeAndFractionalQuotasAreRead() throws {
        #expect(try unified("/job", ["/job": "200000 100000\n"]) == 2)
        #expect(try unified("/job", ["/job": "150000 100000\n"]) == 1.5)
        #expect(try unified("/job", ["/job": "5000 20000\n"]) == 0.25)
        #expect(try unified("/job", ["/job": "150000\n"]) == 1.5)
    }

    @Test func theLowestQuotaOfTheGroupAndItsParentsApplies() throws {
        let limits = ["": "max 100000\n", "/a": "150000 100000\n", "/a/b": "max 100000\n", "/a/b/c": "400000 100000\n"]
        #expect(try unified("/a/b/c", limits) == 1.5)
        #expect(try unified("/a/b", limits) == 1.5)
        #expect(try unified("/", limits) == nil)
        // A group of another process.
        #expect(try unified("/other", limits) == nil)
    }

    @Test func quotasAreFoundInsideAContainer() throws {
        // The mount shows the group as the root under its outer name, and the process's group name
        // is from another namespace.
        let mount = Self.unified.replacingOccurrences(of: "0:26 / ", with: "0:26 /docker/f00 ")
        #expect(try unified("/docker/f00", ["": "150000 100000\n"], mounts: mount) == 1.5)
        #expect(try unified("/docker/f00/x", ["": "300000 100000\n", "/x": "100000 100000\n"], mounts: mount) == 1)
        #expect(try unified("/../f00", ["": "150000 100000\n"]) == 1.5)
        #expect(try unified("/elsewhere", ["": "150000 100000\n"], mounts: mount) == 1.5)
    }

    @Test func quotasOfControlGroupsVersion1AreRead() throws {
        func quota(_ path: String, _ limits: [String: String]) throws -> Double? {
            var files: [String: String] = [:]
            for (group, quota) in limits {
                files["sys/fs/cgroup/cpu,cpuacct\(group)/cpu.cfs_quota_us"] = "\(quota)\n"
                files["sys/fs/cgroup/cpu,cpuacct\(group)/cpu.cfs_period_us"] = "50000\n"
            }
            let groups = "5:memory:/other\n4:cpu,cpuacct:\(path)\n3:cpuset:/\n1:name=systemd:/x\n0::/\n"
            return try System(groups: groups, mounts: Self.separate + Self.unified, files).quota.processors
        }
        #expect(try quota("/job", ["/job": "-1"]) == nil)
        #expect(try quota("/job", ["/job": "75000"]) == 1.5)
        #expect(try quota("/a/b", ["/a": "50000", "/a/b": "200000"]) == 1)
        #expect(try quota("/", ["": "-1", "/a": "50000"]) == nil)
    }

    @Test(arguments: ["", "max", "x y", "-1 100000", "0 100000", "100000 0", "1e999 1", "1e9 1e-9", "nan 1", "\u{0}"])
    func malformedQuotaFilesGiveNoLimit(text: String) throws {
        #expect(try unified("/job", ["/job": text]) == nil)
    }

    @Test func malformedGroupListsGiveNoLimit() throws {
        for text in ["::", "0::", "x", "4:cpu", "\u{0}\n\n", "0::/../..\n"] {
            #expect(try System(groups: text, mounts: text + Self.unified, [:]).quota.processors == nil)
        }
    }

    @Test func quotasAreRoundedToThreads() {
        #expect([0.1, 1, 1.001, 1.5, 2, 2.5].map(ProcessorQuota.threads) == [1, 1, 1, 2, 2, 3])
    }

    @Test func everyLimitingGroupIsIdentified() throws {
        let system = try System(
            groups: "0::/a/b\n", mounts: Self.unified,
            ["sys/fs/cgroup/a/cpu.max": "200000 100000", "sys/fs/cgroup/a/b/cpu.max": "100000 100000"])
        let limits = system.quota.limits
        #expect(limits.map(\.processors) == [1, 2])
        #expect(Set(limits.map(\.group)).count == 2)
        #expect(system.quota == system.quota)
    }
}
