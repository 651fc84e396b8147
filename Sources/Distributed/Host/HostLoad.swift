import DTrainCore

/// The ranks and worker threads of a job on one host, as one of its ranks sees them.
package struct HostLoad: Hashable, Sendable {
    /// The host's name.
    package let host: String
    /// The job's ranks on it.
    package var ranks: Int
    /// The worker threads of this rank.
    package var ownThreads: Int
    /// The worker threads of all ranks of the host.
    package var hostThreads: Int
    /// Those that may run on this rank's processors.
    package var threads: Int
    /// The processors that these threads may run on.
    package var processors: Int
    /// The processor time that a CPU quota leaves to the host's ranks together; nil where it is no less than their processors.
    package var quota: Double?
    /// The number of processors that all ranks of the host may run on.
    package var hostProcessors: Int
    /// Cores that are free because the launcher has bound the ranks to others.
    package var idleCores: Int
    /// Whether the number of threads was given.
    package var hasGivenThreads: Bool

    /// Describes a host.
    package init(
        host: String, ranks: Int, ownThreads: Int, hostThreads: Int, threads: Int, processors: Int,
        quota: Double? = nil, hostProcessors: Int,
        idleCores: Int = 0, hasGivenThreads: Bool = false
    ) {
        (self.host, self.ranks) = (host, ranks)
        (self.ownThreads, self.hostThreads) = (ownThreads, hostThreads)
        (self.threads, self.processors) = (threads, processors)
        (self.quota, self.hostProcessors) = (quota, hostProcessors)
        (self.idleCores, self.hasGivenThreads) = (idleCores, hasGivenThreads)
    }

    /// The threads of the host that can run at a time.
    private var usable: Int { quota.map { min(hostProcessors, ProcessorQuota.threads(in: $0)) } ?? hostProcessors }

    /// The threads that share processors, and how many of them these have: on the whole host, or those of this rank.
    private var crowd: (threads: Int, processors: Int) {
        hostThreads > usable ? (hostThreads, usable) : (threads, min(processors, usable))
    }

    /// How many times over the processors are taken; 1 or less where they aren't.
    package var crowding: Double {
        max(Double(ranks) / Double(usable), Double(crowd.threads) / Double(crowd.processors))
    }

    /// What is probably not wanted on the host; nil where nothing is.
    package var warning: String? {
        if ranks > usable {
            return "\(ranks) ranks share \(place(usable)), which is slower than one rank a core: start \(usable) there"
        }
        if idleCores > 0, !hasGivenThreads || threads > processors {
            let who = ranks == 1 ? "the rank on \(host) is" : "the \(ranks) ranks on \(host) are"
            return "\(who) bound to \(Self.cores(hostProcessors)), and \(Self.cores(idleCores)) "
                + "\(idleCores == 1 ? "stays" : "stay") idle: start with 'mpirun --bind-to none', or give `threads` "
                + "1 if that is meant"
        }
        let (threads, limit) = crowd
        guard threads > limit else { return nil }
        return "\(threads) worker threads share \(place(limit)), which is slower than one thread a core: lower "
            + "`threads` to \(max(1, limit * ownThreads / threads))"
    }

    private func place(_ count: Int) -> String {
        if let quota, count == usable {
            return "the \(Self.text(quota)) core\(quota == 1 ? "" : "s") that a CPU quota leaves to \(host)"
        }
        return "the \(Self.cores(count)) of \(host)"
    }

    private static func cores(_ count: Int) -> String { "\(count) core\(count == 1 ? "" : "s")" }

    /// A number of processors as people write it: `1.5`, `2`.
    package static func text(_ processors: Double) -> String {
        let hundredths = Int((processors * 100).rounded())
        if hundredths.isMultiple(of: 100) { return "\(hundredths / 100)" }
        let digits = "\(hundredths % 100 + 100)".dropFirst()
        return "\(hundredths / 100).\(digits.hasSuffix("0") ? digits.dropLast() : digits)"
    }
}
