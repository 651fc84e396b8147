/// A link between ranks: a message costs α seconds, a byte β seconds.
public struct Link: Hashable, Sendable, Codable {
    /// Shared memory or a network.
    public enum Kind: String, Hashable, Sendable, Codable {
        /// Ranks of one network host.
        case sharedMemory = "shared_memory"
        /// Ranks of different network hosts.
        case network
    }

    /// The source of a link's costs.
    public enum Origin: String, Hashable, Sendable, Codable {
        /// Fitted to this experiment's exchanges.
        case measured
        /// Assumed, for predictions without a measured network.
        case assumed
    }

    /// Shared memory or a network.
    public let kind: Kind
    /// The source of its costs.
    public let origin: Origin
    /// α, seconds per message.
    public let secondsPerMessage: Double
    /// β, seconds per byte: of one host's traffic on a network, of one core's copies in shared
    /// memory.
    public let secondsPerByte: Double

    /// Creates a link.
    public init(kind: Kind, origin: Origin, secondsPerMessage: Double, secondsPerByte: Double) {
        (self.kind, self.origin) = (kind, origin)
        (self.secondsPerMessage, self.secondsPerByte) = (secondsPerMessage, secondsPerByte)
    }

    /// An assumed network of the given Gbit/s, 94 % of which carry data, with 50 µs per message.
    public static func assumedNetwork(gigabits: Double) -> Link {
        Link(kind: .network, origin: .assumed, secondsPerMessage: 50e-6, secondsPerByte: 8 / (gigabits * 0.94e9))
    }

    /// Bytes per second; nil where the time doesn't depend on the bytes.
    public var bandwidth: Double? { secondsPerByte > 0 ? 1 / secondsPerByte : nil }

    /// The factors of α and β: sequential messages and sequential bytes.
    static func amounts(_ layout: Layout, _ workload: Workload) -> (messages: Double, bytes: Double) {
        let traffic = workload.traffic(ranks: layout.ranks)
        let messages = traffic.messages * layout.turns
        guard layout.usesNetwork else {
            // Cores make the copies and share them evenly.
            return (messages, traffic.bytes / Double(min(layout.ranks, layout.coresPerMachine)))
        }
        // A host's link carries the traffic from its ranks to other hosts' ranks.
        let local = Double(layout.ranksPerHost)
        let others = Double(layout.ranks - 1)
        let outside = others > 0 ? (Double(layout.ranks) - local) / others : 0
        return (messages, traffic.bytesPerRank * local * outside)
    }

    /// The seconds of a measured exchange that count for its link.
    ///
    /// A network moves blocks while the cores compute, so the hidden part counts. In shared memory
    /// the cores move the blocks themselves: a block in transit may be idle, so only the exposed
    /// part is a cost.
    static func seconds(of measurement: Measurement) -> Double {
        measurement.layout.usesNetwork ? measurement.parts.wholeExchange : measurement.parts.exchange
    }

    /// Seconds of a whole exchange.
    public func seconds(_ layout: Layout, _ workload: Workload) -> Double {
        let amounts = Self.amounts(layout, workload)
        return amounts.messages * secondsPerMessage + amounts.bytes * secondsPerByte
    }
}
