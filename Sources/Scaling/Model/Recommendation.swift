import Pages

/// Which ranks × threads to train with, on this machine and, where several were measured, on the hosts.
public struct Recommendation: Hashable, Sendable, Codable {
    /// One sentence.
    public let sentence: String
    /// The layouts that it was chosen among, the simplest first.
    public let options: [LayoutOption]
    /// The layout for this machine alone.
    public let machine: LayoutOption?
    /// The layout for the hosts, which is one of this machine alone where that is as fast; nil without a network.
    public let hosts: LayoutOption?

    /// Chooses among layouts.
    ///
    /// Of those whose intervals overlap the fastest one's, measured layouts come before predicted ones, then the simplest wins.
    init(among options: [LayoutOption], batchSize: Int) {
        self.options = options
        let local = Choice(options.filter { $0.hosts == 1 })
        let mostHosts = options.map(\.hosts).max() ?? 1
        let spread = mostHosts > 1 ? Choice(options) : nil
        (machine, hosts) = (local?.pick, spread?.pick)
        var parts = [
            local.map { "on this machine \($0.text)" } ?? "on this machine nothing could be compared"
        ]
        if let spread {
            parts.append(Self.text(spread, mostHosts, options.filter { $0.hosts > 1 }))
        }
        let isNoisy = [local, spread].contains { $0?.hasKnownNoise == false }
        let note = isNoisy ? " (one run tells no noise: raise --repeats)" : ""
        sentence = "Recommended for batches of \(batchSize): \(parts.joined(separator: "; "))\(note)."
    }

    private static func text(_ choice: Choice, _ hosts: Int, _ spread: [LayoutOption]) -> String {
        guard choice.pick.hosts > 1 else {
            let best = spread.min { $0.seconds < $1.seconds }
            return "the \(hosts) hosts are not faster" + (best.map { ", at best \(Choice.timed($0))" } ?? "")
        }
        let place = choice.pick.hosts < hosts ? "\(choice.pick.hosts) of the \(hosts) hosts" : "the \(hosts) hosts"
        return "on \(place) \(choice.text)"
    }

    /// The chosen one of several layouts, and those that can't be told from the fastest.
    struct Choice {
        let pick: LayoutOption
        let equals: [LayoutOption]

        init?(_ options: [LayoutOption]) {
            guard let fastest = options.min(by: { $0.seconds < $1.seconds }) else { return nil }
            let equal = options.filter { $0.isEqual(to: fastest) }
            let measured = equal.filter { $0.origin == .measured }
            let pool = measured.isEmpty ? equal : measured
            let simplest = pool.min { $0.isSimpler(than: $1) } ?? fastest
            pick = simplest
            equals = equal.filter { $0 != simplest }.sorted { $0.seconds < $1.seconds }
        }

        /// Whether every measured layout of it has an interval of several runs.
        var hasKnownNoise: Bool { ([pick] + equals).allSatisfy { $0.origin == .predicted || $0.hasKnownNoise } }

        var text: String {
            let named = equals.prefix(2).map(Self.timed).joined(separator: " and ")
            let more = equals.count > 2 ? " and \(equals.count - 2) more" : ""
            return Self.timed(pick)
                + (equals.isEmpty ? "" : ", the simplest of those that are equal within the noise: \(named)\(more)")
        }

        static func timed(_ option: LayoutOption) -> String {
            "\(option.name) (\(seconds(option.seconds)), \(option.originText))"
        }
    }
}
