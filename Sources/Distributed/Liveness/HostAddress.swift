import Glibc

/// An address of this host that others can connect to.
struct HostAddress: Hashable, Sendable {
    /// IPv4, in network order.
    let address: UInt32
    /// Its network's mask.
    let mask: UInt32

    /// 127.0.0.1.
    static let loopback = UInt32(127).littleEndian | UInt32(1 << 24).littleEndian

    /// Whether an address never leaves its host.
    static func isLoopback(_ address: UInt32) -> Bool { UInt32(bigEndian: address) >> 24 == 127 }

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

    /// The order to try rank 0's addresses in: those of a common network first, loopback only on
    /// the same host.
    ///
    /// An address that this host has, too, such as that of a bridge for containers, leads to this
    /// host and not to rank 0's.
    static func order(_ addresses: [UInt32], own: [HostAddress], isSameHost: Bool) -> [UInt32] {
        let loopback = addresses.filter(isLoopback)
        let others = addresses.filter { other in
            !isLoopback(other) && (isSameHost || !own.contains { $0.address == other })
        }
        let near = others.filter { other in own.contains { $0.address & $0.mask == other & $0.mask } }
        return (isSameHost ? loopback : []) + near + others.filter { !near.contains($0) }
    }

    /// Addresses as bytes, for other ranks.
    static func bytes(_ addresses: [UInt32]) -> [UInt8] { addresses.withUnsafeBytes(Array.init) }

    /// Decodes `bytes`.
    static func addresses(_ bytes: [UInt8]) -> [UInt32] {
        bytes.withUnsafeBytes { buffer in
            (0..<buffer.count / 4).map { buffer.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
        }
    }

    /// An address as people write it: `10.0.0.7`.
    static func text(_ address: UInt32) -> String {
        withUnsafeBytes(of: address) { $0.map { "\($0)" }.joined(separator: ".") }
    }
}
