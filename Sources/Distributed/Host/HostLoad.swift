import DTrainCore

/// The ranks and worker threads of a job on one host, from the point of view of one rank there.
package struct HostLoad: Hashable, Sendable {
    /// The host's name.
    package let host: String
    /// The number of ranks on the host.
    package var ranks: Int
    /// The number of worker threads of this rank.
    package var ownThreads: Int
    /// The number of worker threads of all ranks on the host.
    package var hostThreads: Int
    /// The number of worker threads, of any rank, that may run on this rank's processors.
    package var threads: Int
    /// The number of processors that `threads` share.
    package var processors: Int
    /// The CPU quota of the host's ranks together, in processors; nil if it doesn't limit them.
    package var quota: Double?
    /// The number of processors that all ranks of the host may run on.
    package var hostProcessors: Int
    /// The number of cores left idle because the launcher bound the ranks to other ones.
    package var idleCores: Int
    /// Whether the user set the number of threads.
    package var hasGivenThreads: Bool

    /// Creates a description of a host.
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

    /// The number of threads that can run on the host at a time.
    private var usable: Int { quota.map { min(hostProcessors, ProcessorQuota.threads(in: $0)) } ?? hostProcessors }

    /// The competing threads and the processors that they share: the whole host's if it has too
    /// many threads, otherwise this rank's.
    private var contention: (threads: Int, processors: Int) {
        hostThreads > usable ? (hostThreads, usable) : (threads, min(processors, usable))
    }

    /// The ratio of ranks or threads to processors, the larger of the two; above 1 the host is
    /// oversubscribed.
    package var oversubscription: Double {
        max(Double(ranks) / Double(usable), Double(contention.threads) / Double(contention.processors))
    }

    /// A warning about a placement that is probably unintended; nil if there is none.
    package var warning: String? {
        if ranks > usable {
            return "\(ranks) ranks share \(place(usable)), which is slower than one rank per core: start \(usable) "
                + "there"
        }
        if idleCores > 0, !hasGivenThreads || threads > processors {
            let who = ranks == 1 ? "the rank on \(host) is" : "the \(ranks) ranks on \(host) are"
            return "\(who) bound to \(Self.cores(hostProcessors)), and \(Self.cores(idleCores)) "
                + "\(idleCores == 1 ? "stays" : "stay") idle: start with 'mpirun --bind-to none', or set "
                + "`threads` to 1 if this is intended"
        }
        let (threads, limit) = contention
        guard threads > limit else { return nil }
        return "\(threads) worker threads share \(place(limit)), which is slower than one thread per core: lower "
            + "`threads` to \(max(1, limit * ownThreads / threads))"
    }

    private func place(_ count: Int) -> String {
        if let quota, count == usable {
            return "the \(Self.text(quota)) core\(quota == 1 ? "" : "s") that a CPU quota leaves to \(host)"
        }
        return "the \(Self.cores(count)) of \(host)"
    }

    private static func cores(_ count: Int) -> String { "\(count) core\(count == 1 ? "" : "s")" }

    /// Formats a number of processors, rounded to hundredths: `1.5`, `2`.
    package static func text(_ processors: Double) -> String {
        let hundredths = Int((processors * 100).rounded())
        if hundredths.isMultiple(of: 100) { return "\(hundredths / 100)" }
        let digits = "\(hundredths % 100 + 100)".dropFirst()
        return "\(hundredths / 100).\(digits.hasSuffix("0") ? digits.dropLast() : digits)"
    }
}
