import Glibc

/// What to do where a text is named that can be read only once.
package enum PipeRule: Sendable {
    /// Refuse it, for that reason: "which only one process can read".
    case refuse(String)
    /// Read it to its end into memory, as long as the function returns true.
    case read(while: @Sendable () -> Bool)
}

/// The bytes of a pipe, read to its end.
struct PipeText {
    /// What is read at once, in pieces of this size.
    private static let piece = 4 << 20
    /// How long to wait before looking whether to go on, in milliseconds.
    private static let interval: Int32 = 100

    /// A text that is longer belongs in a file, which needs no memory.
    var maximumByteCount = 1 << 30
    /// Seconds after which a pipe that gives nothing won't.
    var patience = 60.0

    /// Reads everything that comes.
    ///
    /// A pipe without a writer doesn't block: neither opening nor reading waits inside the system.
    ///
    /// - Throws: `DTrainError` with `noInput` when it can't be opened, gives nothing for too long or nothing at all; with
    ///   `badData` when it gives too much; with `stopped` when the function has returned false.
    func read(_ path: String, while isWanted: @Sendable () -> Bool) throws -> [(
        memory: AlignedBuffer<UInt8>, count: Int
    )] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw DTrainError(.noInput, "cannot open text file '\(path)': \(systemMessage()); check the path")
        }
        defer { close(descriptor) }
        var pieces: [(memory: AlignedBuffer<UInt8>, count: Int)] = []
        var total = 0
        while try wait(for: descriptor, path, isWanted) {
            if pieces.last.map({ $0.count == Self.piece }) ?? true {
                pieces.append((try AlignedBuffer(count: Self.piece), 0))
            }
            let last = pieces.count - 1
            let count = Glibc.read(
                descriptor, pieces[last].memory.pointer + pieces[last].count, Self.piece - pieces[last].count)
            if count == 0 { break }
            guard count > 0 else {
                guard errno == EAGAIN || errno == EINTR else {
                    throw DTrainError(
                        .inputOutput,
                        "cannot read text file '\(path)': \(systemMessage()); write it to a file and name that")
                }
                continue
            }
            pieces[last].count += count
            total += count
            guard total <= maximumByteCount else {
                throw DTrainError(
                    .badData,
                    "pipe '\(path)' gives more than \(maximumByteCount >> 20) MiB; write its text to a file and name that"
                )
            }
        }
        guard total > 0 else {
            throw DTrainError(
                .noInput,
                "pipe '\(path)' has ended without any text; look at the command that writes to it, or name a file")
        }
        return pieces
    }

    /// Waits until there is something to read, or the end; always true.
    private func wait(for descriptor: Int32, _ path: String, _ isWanted: () -> Bool) throws -> Bool {
        let start = Clock.seconds
        while true {
            guard isWanted() else {
                throw DTrainError(
                    .stopped, "stopped while reading '\(path)', nothing is lost; start again, or name a file")
            }
            // No writer yet is no end: only `poll` tells the two apart.
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&entry, 1, Self.interval) > 0 { return true }
            guard Clock.seconds - start < patience else {
                throw DTrainError(
                    .noInput,
                    "pipe '\(path)' has given nothing for \(Int(patience)) s; look at the command that writes to it, "
                        + "or write its text to a file and name that")
            }
        }
    }
}
