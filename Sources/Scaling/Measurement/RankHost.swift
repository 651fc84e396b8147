import FoundationEssentials

/// The host and processors of one rank.
public struct RankHost: Hashable, Sendable, Codable {
    /// The host's name.
    public let host: String
    /// The boot ID of the kernel, shared by all containers and network namespaces of one machine.
    public let boot: String
    /// The network namespace.
    ///
    /// Ranks of different namespaces communicate over a network, even on one machine.
    public let network: String
    /// The processors in the rank's affinity mask.
    public let processors: [Int]
    /// The physical core of each processor, as the number of the core's first processor.
    public let cores: [Int]
    /// The number of processors of the machine.
    public let machineProcessors: Int
    /// The number of worker threads of the rank.
    public let threads: Int
    /// The CPU's name.
    public let cpu: String
    /// The machine's memory in bytes.
    public let memory: Int

    /// Creates the description of a rank.
    public init(
        host: String, boot: String, network: String, processors: [Int], cores: [Int]? = nil, machineProcessors: Int,
        threads: Int, cpu: String, memory: Int
    ) {
        (self.host, self.boot, self.network) = (host, boot, network)
        (self.processors, self.cores) = (processors, cores ?? processors)
        (self.machineProcessors, self.threads, self.cpu, self.memory) = (machineProcessors, threads, cpu, memory)
    }

    /// The description as one line of JSON.
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
