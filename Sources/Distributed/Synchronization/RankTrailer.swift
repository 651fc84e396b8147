/// What a rank sends to all others behind its part of a step's sum.
package struct RankTrailer: Hashable, BitwiseCopyable, Sendable {
    /// The signal that asked this rank to stop; 0 for none.
    package let stopSignal: UInt32
    /// How long the rank computed for this step.
    package let computingMicroseconds: UInt32

    /// The 32-bit words of a trailer.
    static let words = 2

    /// Creates a trailer; times beyond UInt32.max microseconds, 71 minutes, are cut off.
    init(stopSignal: UInt32, computingSeconds: Double) {
        self.stopSignal = stopSignal
        computingMicroseconds = UInt32(min(max(0, computingSeconds * 1e6), Double(UInt32.max)))
    }

    /// Creates a trailer from its words, in the order in which they travel.
    init(stopSignal: UInt32, computingMicroseconds: UInt32) {
        self.stopSignal = stopSignal
        self.computingMicroseconds = computingMicroseconds
    }
}
