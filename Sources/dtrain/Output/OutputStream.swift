import DTrainCore

/// Buffered standard output for bytes that should appear soon.
struct OutputStream {
    /// The shortest time between two writes, in seconds: each write wakes the reader, which may
    /// take the generator's core.
    private static let interval = 0.005

    private var held: [UInt8] = []
    private var lastWrite = -Double.infinity

    /// Buffers bytes for the next write.
    mutating func hold(_ bytes: [UInt8]) { held += bytes }

    /// Buffers bytes, and writes all buffered bytes unless the last write was just now.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if writing fails.
    mutating func write(_ bytes: [UInt8]) throws {
        hold(bytes)
        let now = Clock.seconds
        guard now - lastWrite >= Self.interval else { return }
        lastWrite = now
        try flush()
    }

    /// Writes all buffered bytes.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if writing fails.
    mutating func flush() throws {
        try Console.output(held)
        held.removeAll(keepingCapacity: true)
    }
}
