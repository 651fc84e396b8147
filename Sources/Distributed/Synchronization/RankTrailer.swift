/// The data that each rank sends to all ranks after its part of a step's sum.
package struct RankTrailer: Hashable, BitwiseCopyable, Sendable {
    /// The stop signal that the rank received; 0 for none.
    package let stopSignal: UInt32
    /// The time that the rank computed for this step, in microseconds.
    package let computingMicroseconds: UInt32

    /// The number of 32-bit words in a trailer.
    static let words = 2

    /// Creates a trailer; the time is clamped to UInt32.max microseconds, 71 minutes.
    init(stopSignal: UInt32, computingSeconds: Double) {
        self.stopSignal = stopSignal
        computingMicroseconds = UInt32(min(max(0, computingSeconds * 1e6), Double(UInt32.max)))
    }

    /// Creates a trailer from its words, in the order in which they are sent.
    init(stopSignal: UInt32, computingMicroseconds: UInt32) {
        self.stopSignal = stopSignal
        self.computingMicroseconds = computingMicroseconds
    }
}
