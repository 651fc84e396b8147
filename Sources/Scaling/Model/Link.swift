/// What ranks exchange over: a message costs α seconds, a byte β seconds.
public struct Link: Hashable, Sendable, Codable {
    /// Whether ranks share memory or a network.
    public enum Kind: String, Hashable, Sendable, Codable {
        /// Ranks of one network host.
        case sharedMemory = "shared_memory"
        /// Ranks of different network hosts.
        case network
    }

    /// Whether its numbers were measured.
    public enum Origin: String, Hashable, Sendable, Codable {
        /// Fitted to this experiment's exchanges.
        case measured
        /// Taken for granted, to predict what was not measured.
        case assumed
    }

    /// What carries it.
    public let kind: Kind
    /// Where its numbers come from.
    public let origin: Origin
    /// α, seconds a message.
    public let secondsPerMessage: Double
    /// β, seconds a byte: of one host's traffic on a network, of one core's copies in shared memory.
    public let secondsPerByte: Double

    /// A link.
    public init(kind: Kind, origin: Origin, secondsPerMessage: Double, secondsPerByte: Double) {
        (self.kind, self.origin) = (kind, origin)
        (self.secondsPerMessage, self.secondsPerByte) = (secondsPerMessage, secondsPerByte)
    }

    /// An assumed network of so many Gbit/s, 94 % of which carry data, with 50 µs a message.
    public static func assumedNetwork(gigabits: Double) -> Link {
        Link(kind: .network, origin: .assumed, secondsPerMessage: 50e-6, secondsPerByte: 8 / (gigabits * 0.94e9))
    }

    /// Bytes a second; nil where the time doesn't depend on the bytes.
    public var bandwidth: Double? { secondsPerByte > 0 ? 1 / secondsPerByte : nil }

    /// What the two costs are multiplied by: messages and bytes, one after the other.
    static func amounts(_ layout: Layout, _ workload: Workload) -> (messages: Double, bytes: Double) {
        let traffic = workload.traffic(ranks: layout.ranks)
        let messages = traffic.messages * layout.turns
        guard layout.usesNetwork else {
            // Copies are work for cores: they share all of it.
            return (messages, traffic.bytes / Double(min(layout.ranks, layout.coresPerMachine)))
        }
        // A host's link carries what its ranks send to the ranks of other hosts.
        let local = Double(layout.ranksPerHost)
        let others = Double(layout.ranks - 1)
        let outside = others > 0 ? (Double(layout.ranks) - local) / others : 0
        return (messages, traffic.bytesPerRank * local * outside)
    }

    /// The seconds of a measured exchange that are a link's.
    ///
    /// A network carries blocks while the cores compute, so the hidden part counts. In shared memory the cores carry them
    /// themselves: blocks are under way while no core works on them, and only what the step takes longer is a cost.
    static func seconds(of measurement: Measurement) -> Double {
        measurement.layout.usesNetwork ? measurement.parts.wholeExchange : measurement.parts.exchange
    }

    /// Seconds of a whole exchange.
    public func seconds(_ layout: Layout, _ workload: Workload) -> Double {
        let amounts = Self.amounts(layout, workload)
        return amounts.messages * secondsPerMessage + amounts.bytes * secondsPerByte
    }
}
