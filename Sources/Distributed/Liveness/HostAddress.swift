import Glibc

/// An address of this host that other hosts can connect to.
struct HostAddress: Hashable, Sendable {
    /// The IPv4 address, in network order.
    let address: UInt32
    /// The network mask, in network order.
    let mask: UInt32

    /// 127.0.0.1.
    static let loopback = UInt32(127).littleEndian | UInt32(1 << 24).littleEndian

    /// Returns whether an address is a loopback address (127.0.0.0/8).
    static func isLoopback(_ address: UInt32) -> Bool { UInt32(bigEndian: address) >> 24 == 127 }

    /// The addresses of this host's interfaces that are up; loopback addresses come last.
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

    /// Returns rank 0's addresses in the order in which to try them.
    ///
    /// Addresses in a common network come first; loopback addresses are used only on the same host.
    /// An address that this host has, too, such as a container bridge's, leads to this host instead
    /// of rank 0's and is dropped.
    static func order(_ addresses: [UInt32], own: [HostAddress], isSameHost: Bool) -> [UInt32] {
        let loopback = addresses.filter(isLoopback)
        let others = addresses.filter { other in
            !isLoopback(other) && (isSameHost || !own.contains { $0.address == other })
        }
        let near = others.filter { other in own.contains { $0.address & $0.mask == other & $0.mask } }
        return (isSameHost ? loopback : []) + near + others.filter { !near.contains($0) }
    }

    /// Encodes addresses for other ranks.
    static func bytes(_ addresses: [UInt32]) -> [UInt8] { addresses.withUnsafeBytes(Array.init) }

    /// Decodes the result of `bytes(_:)`.
    static func addresses(_ bytes: [UInt8]) -> [UInt32] {
        bytes.withUnsafeBytes { buffer in
            (0..<buffer.count / 4).map { buffer.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
        }
    }

    /// Returns an address in dotted notation, such as `10.0.0.7`.
    static func text(_ address: UInt32) -> String {
        withUnsafeBytes(of: address) { $0.map { "\($0)" }.joined(separator: ".") }
    }
}
