/// A request to stop the whole job, known to all ranks.
package struct StopRequest: Hashable, Sendable {
    /// The signal.
    package let signal: Int32
    /// The lowest rank that received a signal.
    package let rank: Int

    /// Creates the request from all ranks' stop signals, in rank order, 0 for none; nil if no rank
    /// received one.
    package init?(signals: [UInt32]) {
        guard let rank = signals.firstIndex(where: { $0 != 0 }) else { return nil }
        self.rank = rank
        signal = Int32(truncatingIfNeeded: signals[rank])
    }
}
