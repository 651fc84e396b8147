/// A stateless random generator: each number is a pure function of (seed, purpose, index, part).
///
/// Every rank and thread computes the same numbers in any order. A run therefore doesn't depend on
/// how its work is divided, and can resume anywhere.
package struct CounterRandom: Hashable, Sendable {
    /// The use of the numbers.
    ///
    /// Different purposes never share a counter, whatever the seed.
    package enum Purpose: UInt32, Hashable, Sendable, CaseIterable {
        /// The order of the windows; index: the epoch, part: a pair of round keys.
        case shuffle = 1
        /// A new model's weights; index: the element within its tensor, part: the tensor's number.
        case initialValues = 2
        /// The characters of a generated text; index: the position in the text plus 2³² times the
        /// sample's number; part: the prompt's number.
        case sampling = 3
        /// The keys of dropout's masks; index: the step, part: the layer and the kind of mask.
        case dropout = 4
        /// The inputs that scheduled sampling draws; index: the step in the upper half and the
        /// sequence in the lower one; part: the time step.
        case scheduledSampling = 5
        /// The characters that a measurement of memory substitutes; index: the attempt, part: the
        /// number of the substitution.
        case memory = 6
    }

    let seed: UInt64
    let purpose: Purpose

    /// Creates the numbers of one purpose for a seed.
    package init(seed: UInt64, purpose: Purpose) {
        self.seed = seed
        self.purpose = purpose
    }

    /// Returns the four independent random words at (index, part).
    package func words(_ index: UInt64, _ part: UInt32 = 0) -> Philox.Block {
        Philox.block(
            counter: (
                UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index &>> 32), part, purpose.rawValue
            ),
            key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed &>> 32)))
    }

    /// Returns a number uniform on the multiples of 2⁻²⁴ in [0, 1), from the first word at (index,
    /// part).
    package func uniform(_ index: UInt64, _ part: UInt32 = 0) -> Float {
        words(index, part).0.uniform
    }
}

extension UInt32 {
    /// A number uniform on the multiples of 2⁻²⁴ in [0, 1), for a random word.
    var uniform: Float { Float(self &>> 8) * 0x1p-24 }
}
