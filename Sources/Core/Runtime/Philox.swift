/// Philox4x32-10, a counter-based random generator: a bijection of 128-bit counters, chosen by a
/// 64-bit key.
///
/// J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11. The words equal those
/// of Random123's `philox4x32`.
package enum Philox {
    /// Four 32-bit words, the least significant first.
    package typealias Block = (UInt32, UInt32, UInt32, UInt32)

    /// Returns the block at `counter` under `key`, after ten rounds.
    package static func block(counter: Block, key: (UInt32, UInt32)) -> Block {
        var (a, b, c, d) = counter
        var (left, right) = key
        var round = 0
        while round < 10 {
            let first = UInt64(a) &* 0xD251_1F53
            let second = UInt64(c) &* 0xCD9E_8D57
            a = UInt32(truncatingIfNeeded: second &>> 32) ^ b ^ left
            b = UInt32(truncatingIfNeeded: second)
            c = UInt32(truncatingIfNeeded: first &>> 32) ^ d ^ right
            d = UInt32(truncatingIfNeeded: first)
            left &+= 0x9E37_79B9
            right &+= 0xBB67_AE85
            round &+= 1
        }
        return (a, b, c, d)
    }
}
