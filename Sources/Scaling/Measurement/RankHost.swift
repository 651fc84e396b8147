import FoundationEssentials

/// The place of one rank, as a line of JSON.
public struct RankHost: Hashable, Sendable, Codable {
    /// The host's name.
    public let host: String
    /// The running kernel: the same for all containers and network namespaces of one machine.
    public let boot: String
    /// The network namespace: ranks with different ones reach each other over a network, even on one machine.
    public let network: String
    /// The processors that the rank may run on.
    public let processors: [Int]
    /// The physical core of each of them: the number of its first processor.
    public let cores: [Int]
    /// Processors of the machine.
    public let machineProcessors: Int
    /// Worker threads of the rank.
    public let threads: Int
    /// The CPU's name.
    public let cpu: String
    /// The machine's memory in bytes.
    public let memory: Int

    /// Describes a rank's place.
    public init(
        host: String, boot: String, network: String, processors: [Int], cores: [Int]? = nil, machineProcessors: Int,
        threads: Int, cpu: String, memory: Int
    ) {
        (self.host, self.boot, self.network) = (host, boot, network)
        (self.processors, self.cores) = (processors, cores ?? processors)
        (self.machineProcessors, self.threads, self.cpu, self.memory) = (machineProcessors, threads, cpu, memory)
    }

    /// One line of JSON.
    public var line: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// The ranks reported in a launcher's output.
    public static func all(in output: String) -> [RankHost] {
        output.split(separator: "\n").compactMap { try? JSONDecoder().decode(RankHost.self, from: Data($0.utf8)) }
    }
}
