import DTrainCore
import Glibc

/// A TCP connection between two watching threads, with its messages.
final class LivenessSocket {
    /// The end of a connection.
    enum Loss: Hashable, Sendable {
        /// The other process has ended, and its kernel closed the connection.
        case ended
        /// The other host's kernel doesn't respond.
        case unreachable
    }

    let descriptor: Int32
    private var received: [UInt8] = []

    /// The milliseconds, from the first retransmission, that bytes may stay unacknowledged by the
    /// other kernel.
    ///
    /// This detects a lost network but not a stopped process.
    private static let unacknowledgedTimeout: Int32 = 2500

    /// The maximum number of reads per call, so that a flood of bytes can't occupy the watching
    /// thread.
    private static let maximumReads = 16

    /// Takes ownership of a descriptor.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    /// Configures the kernel to detect a lost network.
    func detectLostNetwork() {
        for (level, option, value) in [
            (Int32(IPPROTO_TCP), TCP_NODELAY, 1), (Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Self.unacknowledgedTimeout),
            (SOL_SOCKET, SO_KEEPALIVE, 1), (Int32(IPPROTO_TCP), TCP_KEEPIDLE, 1),
            (Int32(IPPROTO_TCP), TCP_KEEPINTVL, 1),
            (Int32(IPPROTO_TCP), TCP_KEEPCNT, 3),
        ] {
            var value = value
            // If the kernel doesn't support an option, a loss is detected later.
            _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    /// Whether the connection is established.
    var isConnected: Bool {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) == 0 }
        }
    }

    /// Sends a message, entirely or not at all: few are in transit, so the kernel's buffer always
    /// has room.
    ///
    /// - Returns: whether the kernel accepted it; a lost connection shows when it is read.
    @discardableResult
    func send(_ message: LivenessMessage) -> Bool {
        let bytes = message.bytes
        return bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            == bytes.count
    }

    /// Returns the received messages, and the end of the connection if it has ended.
    ///
    /// Bytes that aren't a message of the job end the connection. Up to 63 bytes of an incomplete
    /// message are kept.
    func receive(token: Int64) -> (messages: [LivenessMessage], loss: Loss?) {
        var messages: [LivenessMessage] = []
        for _ in 0..<Self.maximumReads {
            let (count, loss) = readBytes()
            while received.count >= LivenessMessage.size {
                guard let message = LivenessMessage(received.prefix(LivenessMessage.size), token: token) else {
                    received.removeAll()
                    return (messages, .ended)
                }
                messages.append(message)
                received.removeFirst(LivenessMessage.size)
            }
            if loss != nil || count == 0 { return (messages, loss) }
        }
        return (messages, nil)
    }

    /// Reads once into `received`; returns 0 bytes if none are available.
    private func readBytes() -> (count: Int, loss: Loss?) {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            while true {
                let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                if count > 0 {
                    received.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                    return (count, nil)
                }
                if count == 0 { return (0, .ended) }
                switch errno {
                case EINTR: continue
                case EAGAIN: return (0, nil)
                case ECONNRESET, EPIPE: return (0, .ended)
                default: return (0, .unreachable)
                }
            }
        }
    }
}

extension LivenessSocket {
    /// Starts to connect to an address and a port, both in network order.
    static func connecting(to address: UInt32, port: UInt16) -> LivenessSocket? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let result = LivenessSocket(descriptor)
        result.detectLostNetwork()
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port
        target.sin_addr.s_addr = address
        let code = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return code == 0 || errno == EINPROGRESS ? result : nil
    }
}
