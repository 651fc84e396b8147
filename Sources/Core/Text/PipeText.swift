import Glibc

/// The rule for a text path that is a pipe and can be read only once.
package enum PipeRule: Sendable {
    /// Refuse the pipe, for the given reason, such as "which only one process can read".
    case refuse(String)
    /// Read the pipe to its end into memory, as long as the callback returns true.
    case read(while: @Sendable () -> Bool)
}

/// Reads a pipe to its end.
struct PipeText {
    /// The size of one buffer in bytes.
    private static let bufferSize = 4 << 20
    /// The polling interval in milliseconds, after which the callback is checked again.
    private static let pollInterval: Int32 = 100

    /// The longest text that is read into memory; a longer one belongs in a file.
    var maximumByteCount = 1 << 30
    /// The timeout in seconds for a pipe that delivers nothing.
    var timeout = 60.0

    /// Reads everything up to the end of the pipe.
    ///
    /// A pipe without a writer doesn't block: the pipe is opened and read in non-blocking mode.
    ///
    /// - Throws: `DTrainError` with `noInput` when the pipe can't be opened, times out or is empty,
    ///   with `badData` when the text is too long, with `inputOutput` when reading fails, with
    ///   `stopped` when the callback returns false.
    func read(_ path: String, while shouldContinue: @Sendable () -> Bool) throws -> [(
        memory: AlignedBuffer<UInt8>, count: Int
    )] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw DTrainError(.noInput, "cannot open text file '\(path)': \(systemMessage()); check the path")
        }
        defer { close(descriptor) }
        var pieces: [(memory: AlignedBuffer<UInt8>, count: Int)] = []
        var total = 0
        while try wait(for: descriptor, path, shouldContinue) {
            if pieces.last.map({ $0.count == Self.bufferSize }) ?? true {
                pieces.append((try AlignedBuffer(count: Self.bufferSize), 0))
            }
            let last = pieces.count - 1
            let count = Glibc.read(
                descriptor, pieces[last].memory.pointer + pieces[last].count, Self.bufferSize - pieces[last].count)
            if count == 0 { break }
            guard count > 0 else {
                guard errno == EAGAIN || errno == EINTR else {
                    throw DTrainError(
                        .inputOutput,
                        "cannot read text file '\(path)': \(systemMessage()); write it to a file and pass that")
                }
                continue
            }
            pieces[last].count += count
            total += count
            guard total <= maximumByteCount else {
                throw DTrainError(
                    .badData,
                    "pipe '\(path)' delivers more than \(maximumByteCount >> 20) MiB; write its text to a file and pass "
                        + "that")
            }
        }
        guard total > 0 else {
            throw DTrainError(
                .noInput,
                "pipe '\(path)' ended without any text; check the command that writes to it, or name a file")
        }
        return pieces
    }

    /// Waits for data or the end of the pipe; always returns true.
    private func wait(for descriptor: Int32, _ path: String, _ shouldContinue: () -> Bool) throws -> Bool {
        let start = Clock.seconds
        while true {
            guard shouldContinue() else {
                throw DTrainError(
                    .stopped, "stopped while reading '\(path)', nothing is lost; start again, or name a file")
            }
            // `read` returns 0 both at the end and before there is a writer; only `poll` tells the
            // two apart.
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&entry, 1, Self.pollInterval) > 0 { return true }
            guard Clock.seconds - start < timeout else {
                throw DTrainError(
                    .noInput,
                    "pipe '\(path)' has delivered nothing for \(Int(timeout)) s; check the command that writes to it, "
                        + "or write its text to a file and pass that")
            }
        }
    }
}
