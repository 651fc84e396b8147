/// The cyclic redundancy check with Castagnoli's polynomial, as RFC 3720 defines it.
enum CRC32C {
    /// The remainder of each byte: the polynomial is 0x1EDC6F41, its bits in reverse.
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0x82F6_3B78 }
    }

    /// The check value of some bytes.
    static func checksum(of bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { value, byte in value >> 8 ^ table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] }
    }
}
