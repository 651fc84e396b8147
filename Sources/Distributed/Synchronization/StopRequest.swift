/// A signal that asks the whole job to stop, as all ranks know it.
package struct StopRequest: Hashable, Sendable {
    /// The signal.
    package let signal: Int32
    /// The lowest rank that got it.
    package let rank: Int

    /// The wish in all ranks' notes, in rank order; nil when none has got a signal.
    package init?(notes: [UInt32]) {
        guard let rank = notes.firstIndex(where: { $0 != 0 }) else { return nil }
        self.rank = rank
        signal = Int32(truncatingIfNeeded: notes[rank])
    }
}
