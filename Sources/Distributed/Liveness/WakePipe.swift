import DTrainCore
import Glibc

/// A pipe that wakes a thread waiting for descriptors.
final class WakePipe: Sendable {
    private let reading: Int32
    private let writing: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw DTrainError(.internal, "cannot create a pipe: \(systemMessage()); allow more files (ulimit -n)")
        }
        (reading, writing) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        close(reading)
        close(writing)
    }

    /// Ends the current or the next wait.
    func wake() {
        var byte: UInt8 = 1
        // If the pipe is full, the thread wakes anyway.
        _ = write(writing, &byte, 1)
    }

    /// Waits until one of the descriptors is ready, `wake` is called, or the time is up.
    func wait(for others: [pollfd], seconds: Double) {
        var descriptors = [pollfd(fd: reading, events: Int16(POLLIN), revents: 0)] + others
        _ = poll(&descriptors, nfds_t(descriptors.count), Int32(max(0, seconds) * 1000) + 1)
        var bytes: (UInt64, UInt64) = (0, 0)
        if descriptors[0].revents != 0 { _ = Glibc.read(reading, &bytes, 16) }
    }
}
