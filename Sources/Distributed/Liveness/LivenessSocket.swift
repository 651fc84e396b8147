import DTrainCore
import Glibc

/// A TCP connection between two watching threads, and the messages on it.
final class LivenessSocket {
    /// How a connection ended.
    enum Loss: Hashable, Sendable {
        /// The other process is gone: its kernel has closed the connection.
        case ended
        /// The other host's kernel doesn't answer.
        case unreachable
    }

    let descriptor: Int32
    private var received: [UInt8] = []

    /// The milliseconds, from the first retransmission, that bytes may stay unacknowledged by the
    /// other kernel: this detects a lost network but not a stopped process.
    private static let patience: Int32 = 2500

    /// Takes ownership of a descriptor.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    /// Makes the kernel detect a lost network.
    func expectAnswers() {
        for (level, option, value) in [
            (Int32(IPPROTO_TCP), TCP_NODELAY, 1), (Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Self.patience),
            (SOL_SOCKET, SO_KEEPALIVE, 1), (Int32(IPPROTO_TCP), TCP_KEEPIDLE, 1),
            (Int32(IPPROTO_TCP), TCP_KEEPINTVL, 1),
            (Int32(IPPROTO_TCP), TCP_KEEPCNT, 3),
        ] {
            var value = value
            // Without an option that the kernel doesn't support, a loss is only detected later.
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

    /// Sends a whole message or nothing: few are under way, so the kernel's buffer always has room.
    func send(_ message: LivenessMessage) {
        let bytes = message.bytes
        // A failure is detected when the connection is read.
        _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// Returns the messages received, and how the connection ended if it has.
    func receive(token: Int64) -> (messages: [LivenessMessage], loss: Loss?) {
        var loss: Loss?
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            while loss == nil {
                let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                if count > 0 {
                    received.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                } else if count == 0 {
                    loss = .ended
                } else if errno == EAGAIN {
                    break
                } else if errno != EINTR {
                    loss = [ECONNRESET, EPIPE].contains(errno) ? .ended : .unreachable
                }
            }
        }
        var messages: [LivenessMessage] = []
        while received.count >= LivenessMessage.size {
            guard let message = LivenessMessage(received.prefix(LivenessMessage.size), token: token) else {
                received.removeAll()
                return (messages, .ended)
            }
            messages.append(message)
            received.removeFirst(LivenessMessage.size)
        }
        return (messages, loss)
    }
}

/// An address of this host that others can connect to.
struct HostAddress: Hashable, Sendable {
    /// IPv4, in network order.
    let address: UInt32
    /// Its network's mask.
    let mask: UInt32

    /// This host's addresses on interfaces that are up; loopback last.
    static var all: [HostAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [(isLoopback: Bool, address: HostAddress)] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard entry.ifa_flags & UInt32(IFF_UP) != 0, let address = ipv4(entry.ifa_addr) else { continue }
            let isLoopback = entry.ifa_flags & UInt32(IFF_LOOPBACK) != 0
            found.append((isLoopback, HostAddress(address: address, mask: ipv4(entry.ifa_netmask) ?? .max)))
        }
        return found.filter { !$0.isLoopback }.map(\.address) + found.filter(\.isLoopback).map(\.address)
    }

    private static func ipv4(_ address: UnsafeMutablePointer<sockaddr>?) -> UInt32? {
        guard let address, address.pointee.sa_family == sa_family_t(AF_INET) else { return nil }
        return UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr
    }

    /// The order to try another host's addresses in: those of a common network first, loopback only
    /// on the same host.
    static func order(_ addresses: [UInt32], own: [HostAddress], isSameHost: Bool) -> [UInt32] {
        let loopback = addresses.filter { $0 & 0xff == 127 }
        let others = addresses.filter { $0 & 0xff != 127 }
        let near = others.filter { other in own.contains { $0.address & $0.mask == other & $0.mask } }
        return (isSameHost ? loopback : []) + near + others.filter { !near.contains($0) }
    }
}

extension LivenessSocket {
    /// Listens on all of this host's addresses, on a port that the kernel chooses; nil when it refuses.
    static func listening() -> (socket: LivenessSocket, port: UInt16)? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let result = LivenessSocket(descriptor)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        address.sin_family = sa_family_t(AF_INET)
        let isReady = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 4096) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        return isReady ? (result, address.sin_port) : nil
    }

    /// Accepts the next connection; nil when there is none.
    func accepted() -> LivenessSocket? {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { return nil }
        let result = LivenessSocket(connection)
        result.expectAnswers()
        return result
    }

    /// Starts to connect to an address and a port, both in network order.
    static func connecting(to address: UInt32, port: UInt16) -> LivenessSocket? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let result = LivenessSocket(descriptor)
        result.expectAnswers()
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
