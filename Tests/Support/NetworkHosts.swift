import Foundation

/// Several network hosts on this machine, for jobs whose ranks meet over a network: see `scripts/network-hosts`.
///
/// They exist while a command runs on the first of them and are gone afterwards, however it ends.
public struct NetworkHosts: Sendable, CustomStringConvertible {
    /// How many hosts; they are called host1, host2 and so on.
    public let count: Int
    /// How many ranks `mpirun` starts on each.
    public let slots: Int
    /// The limit of each host's link, in tc's notation; nil for none.
    public let rate: String?
    /// Such as "2 hosts × 1 rank, 1gbit".
    public var description: String {
        "\(count) hosts × \(slots) rank\(slots == 1 ? "" : "s")\(rate.map { ", \($0)" } ?? "")"
    }
    /// The ranks that fill all hosts.
    public var ranks: Int { count * slots }

    /// Describes hosts; nothing is made yet.
    public init(_ count: Int, slots: Int = 1, rate: String? = nil) {
        self.count = count
        self.slots = slots
        self.rate = rate
    }

    /// Why there can be no such hosts here; nil where there can.
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
    ///   - folder: where it runs; nil for here.
    ///   - seconds: the limit; then all is killed, on all hosts.
    public func run(
        _ command: String, environment: [String: String] = [:], folder: String? = nil, seconds: Int = 60
    ) throws -> MPIRun.Outcome {
        // Each host has a memory file system of its own.
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
