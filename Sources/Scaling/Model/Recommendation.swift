import Pages

/// The recommended ranks × threads for this machine and, where several hosts were measured, for the
/// hosts.
public struct Recommendation: Hashable, Sendable, Codable {
    /// One sentence with the layout to start and its time.
    public let sentence: String
    /// The compared layouts, the simplest first.
    public let options: [LayoutOption]
    /// The layout for this machine alone.
    public let machine: LayoutOption?
    /// The layout for the hosts, or for this machine alone where that is as fast; nil without a
    /// network.
    public let hosts: LayoutOption?

    /// Chooses among layouts.
    ///
    /// Among layouts with intervals that overlap the fastest one's, a measured layout is preferred
    /// to a predicted one, then the simplest is chosen.
    init(among options: [LayoutOption], batchSize: Int) {
        self.options = options
        let unit = NumberUnit.duration(of: options.map(\.seconds))
        let local = Choice(options.filter { $0.hosts == 1 }, in: unit)
        let mostHosts = options.map(\.hosts).max() ?? 1
        let spread = mostHosts > 1 ? Choice(options, in: unit) : nil
        (machine, hosts) = (local?.pick, spread?.pick)
        let here = local.map { "\($0.rating) here: \($0.time(per: " per step of \(count(batchSize, "sequence"))"))" }
        let there = spread.map { Self.text($0, mostHosts, options.filter { $0.hosts > 1 }) }
        let parts = [here ?? "Nothing could be compared on this machine", there].compactMap(\.self)
        let isNoisy = [local, spread].contains { $0?.hasKnownNoise == false }
        let note = isNoisy ? " (from one run each: raise --repeats to measure the noise)" : ""
        sentence = "\(parts.joined(separator: "; "))\(note)."
    }

    private static func text(_ choice: Choice, _ hosts: Int, _ spread: [LayoutOption]) -> String {
        guard choice.pick.hosts > 1 else {
            let best = spread.min { $0.seconds < $1.seconds }
            return "the \(hosts) hosts are not faster" + (best.map { ", at best \(choice.named($0))" } ?? "")
        }
        let place = choice.pick.hosts < hosts ? "\(choice.pick.hosts) of the \(hosts) hosts" : "the \(hosts) hosts"
        return "on \(place) \(choice.rating): \(choice.time(per: ""))"
    }

    /// The chosen one of several layouts, and the others as fast within their intervals.
    struct Choice {
        let pick: LayoutOption
        let equals: [LayoutOption]
        private let unit: NumberUnit

        init?(_ options: [LayoutOption], in unit: NumberUnit) {
            self.unit = unit
            guard let fastest = options.min(by: { $0.seconds < $1.seconds }) else { return nil }
            let equal = options.filter { $0.isEqual(to: fastest) }
            let measured = equal.filter { $0.origin == .measured }
            let pool = measured.isEmpty ? equal : measured
            let simplest = pool.min { $0.isSimpler(than: $1) } ?? fastest
            pick = simplest
            equals = equal.filter { $0 != simplest }.sorted { $0.seconds < $1.seconds }
        }

        /// Whether every measured layout in the choice has an interval over several runs.
        var hasKnownNoise: Bool { ([pick] + equals).allSatisfy { $0.origin == .predicted || $0.hasKnownNoise } }

        /// The layout's name and rating.
        var rating: String {
            if !equals.isEmpty { return "\(pick.name) is the simplest of the fastest" }
            return "\(pick.name) \(pick.origin == .measured ? "is" : "should be") fastest"
        }

        /// The layout's seconds and the equally fast layouts.
        func time(per step: String) -> String {
            let origin = pick.origin == .measured ? "" : " (\(pick.originText))"
            let time = "\(unit.text(pick.seconds)) \(unit.name)\(step)\(origin)"
            guard !equals.isEmpty else { return time }
            let more = equals.count > 2 ? ["\(equals.count - 2) more"] : []
            return "\(time), equal within the noise to "
                + (equals.prefix(2).map(named) + more).joined(separator: " and ")
        }

        /// A layout with its seconds.
        func named(_ option: LayoutOption) -> String {
            let origin = option.origin == .measured ? "" : ", \(option.originText)"
            return "\(option.name) (\(unit.text(option.seconds)) \(unit.name)\(origin))"
        }
    }
}
