import Glibc

/// A TCP port that watching threads connect to.
final class LivenessListener {
    /// The result of accepting a connection.
    enum AcceptResult {
        /// A connection and its source address, in network order.
        case connection(LivenessSocket, from: UInt32)
        case none
        /// The process has no free file descriptor.
        case noDescriptor
    }

    private let socket: LivenessSocket
    /// The port, in network order.
    let port: UInt16

    var descriptor: Int32 { socket.descriptor }

    /// Listens on a port chosen by the kernel; nil if the kernel refuses.
    ///
    /// - Parameter address: one of this host's addresses, in network order; `INADDR_ANY` for all.
    init?(on address: UInt32) {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        socket = LivenessSocket(descriptor)
        var local = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        local.sin_family = sa_family_t(AF_INET)
        local.sin_addr.s_addr = address
        let isReady = withUnsafeMutablePointer(to: &local) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 4096) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isReady else { return nil }
        port = local.sin_port
    }

    /// Accepts the next connection, without waiting.
    func accept() -> AcceptResult {
        while true {
            var source = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = withUnsafeMutablePointer(to: &source) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.accept(socket.descriptor, $0, &length)
                }
            }
            if descriptor >= 0 { return .connection(LivenessSocket(descriptor), from: source.sin_addr.s_addr) }
            switch errno {
            // The client gave up before the connection was accepted, or a signal interrupted the
            // call.
            case ECONNABORTED, EINTR: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .noDescriptor
            default: return .none
            }
        }
    }
}

/// The limit of this process's file descriptors.
enum DescriptorLimit {
    /// The number of descriptors kept free for checkpoints, metrics and MPI.
    private static let spare = 16

    /// Returns whether enough descriptors remain above this one, which was the lowest free.
    static func leavesRoom(_ descriptor: Int32) -> Bool {
        guard let limit = current else { return true }
        return Int(descriptor) + spare < Int(clamping: limit.rlim_cur)
    }

    /// Raises the limit as far as the system allows if it is too low for that many connections.
    static func allow(connections: Int) {
        guard var limit = current else { return }
        let wanted = rlim_t(connections + 128)
        guard limit.rlim_cur < wanted else { return }
        limit.rlim_cur = min(wanted, limit.rlim_max)
        // If it stays too low, `leavesRoom` keeps connections from using up all descriptors.
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static var current: rlimit? {
        var limit = rlimit()
        return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? limit : nil
    }
}
