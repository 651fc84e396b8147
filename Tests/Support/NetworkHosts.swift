import Foundation

/// Simulated network hosts on this machine, for jobs that communicate over a network.
///
/// `scripts/network-hosts` creates them for a command on the first host and removes them when the
/// command ends.
public struct NetworkHosts: Sendable, CustomStringConvertible {
    /// The number of hosts, named host1, host2 and so on.
    public let count: Int
    /// The number of ranks that `mpirun` starts on each host.
    public let slots: Int
    /// The rate limit of each host's link, in tc's notation; nil for none.
    public let rate: String?
    /// A description such as "2 hosts × 1 rank, 1gbit".
    public var description: String {
        "\(count) hosts × \(slots) rank\(slots == 1 ? "" : "s")\(rate.map { ", \($0)" } ?? "")"
    }
    /// The number of ranks that fill all hosts.
    public var ranks: Int { count * slots }

    /// Creates a description of hosts; `run` creates the hosts.
    public init(_ count: Int, slots: Int = 1, rate: String? = nil) {
        self.count = count
        self.slots = slots
        self.rate = rate
    }

    /// The reason why this system can't create such hosts; nil if it can.
    public static let obstacle: String? = {
        guard MPIRun.isAvailable else { return MPIRun.missing }
        do {
            let outcome = try NetworkHosts(1, rate: "1gbit").run("true")
            return outcome.status == 0 ? nil : outcome.stderr.split(separator: "\n").last.map(String.init) ?? "unknown"
        } catch {
            return "\(error)"
        }
    }()

    /// Runs a shell command on the first host.
    ///
    /// - Parameters:
    ///   - command: a line for `sh`.
    ///   - environment: variables to add.
    ///   - folder: the working directory; nil for the current one.
    ///   - seconds: the time limit, after which all processes on all hosts are killed.
    public func run(
        _ command: String, environment: [String: String] = [:], folder: String? = nil, seconds: Int = 60
    ) throws -> MPIRun.Outcome {
        // Each host has its own file system in memory.
        let places = MPIRun.places(
            temporary: FileManager.default.temporaryDirectory, segments: URL(fileURLWithPath: "/dev/shm"))
        let limit = rate.map { ["--rate", $0] } ?? []
        return try MPIRun.run(
            executable: Self.script, arguments: limit + ["--slots", "\(slots)", "\(count)", "/bin/sh", "-c", command],
            environment: places.merging(environment) { $1 }, folder: folder, seconds: seconds)
    }

    private static let script = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("scripts/network-hosts").path
}
