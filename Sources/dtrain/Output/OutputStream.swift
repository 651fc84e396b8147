import DTrainCore

/// Standard output for bytes that come one after the other and should be seen soon.
struct OutputStream {
    /// Seconds between two writes: each wakes the reader, which may need the core that generates.
    private static let interval = 0.005

    private var held: [UInt8] = []
    private var lastWrite = -Double.infinity

    /// Keeps bytes for the next write.
    mutating func hold(_ bytes: [UInt8]) { held += bytes }

    /// Writes bytes with those that are held, or holds them for a later write if the last one was just now.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when they can't be written.
    mutating func write(_ bytes: [UInt8]) throws {
        hold(bytes)
        let now = Clock.seconds
        guard now - lastWrite >= Self.interval else { return }
        lastWrite = now
        try flush()
    }

    /// Writes what is held.
    ///
    /// - Throws: `DTrainError` with `inputOutput` when it can't be written.
    mutating func flush() throws {
        try Console.output(held)
        held.removeAll(keepingCapacity: true)
    }
}
