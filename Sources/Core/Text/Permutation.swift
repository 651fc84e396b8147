/// A permutation of 0 ..< count in O(1) memory: a keyed bijection, or the identity.
///
/// A Feistel network permutes the smallest domain of 4ᵏ ≥ count numbers. A result outside the range
/// is fed back until it falls inside (cycle walking), at most four times on average. Setting up
/// takes the same time for a corpus of any size, and each element is computed independently.
package struct Permutation: Hashable, Sendable {
    /// The largest count: the domain's two halves are at most 31 bits each.
    package static let maximumCount = 1 << 62

    /// The number of elements.
    package let count: Int
    /// k, the number of bits in each half of the domain.
    private let halfBits: UInt64
    private let keys: SIMD8<UInt64>
    /// The number of Feistel rounds; 0 for the identity.
    private let rounds: Int

    /// The permutation for one epoch of a run.
    ///
    /// - Parameters:
    ///   - count: the number of elements, from 0 to `maximumCount`.
    ///   - seed: the random seed.
    ///   - epoch: the epoch, from 0.
    package init(count: Int, seed: UInt64, epoch: Int) {
        let random = CounterRandom(seed: seed, purpose: .shuffle)
        var keys = SIMD8<UInt64>()
        for pair in 0..<4 {
            let words = random.words(UInt64(bitPattern: Int64(epoch)), UInt32(pair))
            keys[2 * pair] = UInt64(words.0) | UInt64(words.1) << 32
            keys[2 * pair + 1] = UInt64(words.2) | UInt64(words.3) << 32
        }
        self.init(count: count, keys: keys, rounds: keys.scalarCount)
    }

    /// The identity permutation.
    package init(identity count: Int) {
        self.init(count: count, keys: SIMD8(), rounds: 0)
    }

    private init(count: Int, keys: SIMD8<UInt64>, rounds: Int) {
        precondition((0...Self.maximumCount).contains(count), "a permutation has 0 to 2^62 elements")
        let bits = Int.bitWidth - max(count - 1, 1).leadingZeroBitCount
        self.count = count
        self.keys = keys
        self.rounds = rounds
        halfBits = UInt64((bits + 1) / 2)
    }

    /// The value that the permutation maps an index to.
    package subscript(index: Int) -> Int {
        precondition(index >= 0 && index < count, "index out of range")
        let limit = UInt64(count)
        var value = UInt64(index)
        repeat { value = forward(value) } while value >= limit
        return Int(value)
    }

    /// The index that the permutation maps to a value.
    package func inverse(_ value: Int) -> Int {
        precondition(value >= 0 && value < count, "value out of range")
        let limit = UInt64(count)
        var index = UInt64(value)
        repeat { index = backward(index) } while index >= limit
        return Int(index)
    }

    private func forward(_ value: UInt64) -> UInt64 {
        var left = value &>> halfBits
        var right = value & (1 &<< halfBits &- 1)
        var round = 0
        while round < rounds {
            (left, right) = (right, left ^ scramble(right, keys[round]))
            round &+= 1
        }
        return left &<< halfBits | right
    }

    private func backward(_ value: UInt64) -> UInt64 {
        var left = value &>> halfBits
        var right = value & (1 &<< halfBits &- 1)
        var round = rounds
        while round > 0 {
            round &-= 1
            (left, right) = (right ^ scramble(left, keys[round]), left)
        }
        return left &<< halfBits | right
    }

    /// The round function: the high bits of a keyed 64-bit finalizer, with the multipliers of
    /// SplitMix64.
    private func scramble(_ half: UInt64, _ key: UInt64) -> UInt64 {
        var mixed = half &+ key
        mixed = (mixed ^ mixed &>> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed &>> 27) &* 0x94D0_49BB_1331_11EB
        return (mixed ^ mixed &>> 31) &>> (64 &- halfBits)
    }
}
