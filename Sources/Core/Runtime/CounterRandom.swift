/// Random numbers without a state: each is a pure function of (seed, purpose, index, part).
///
/// Any rank or thread can ask for any number in any order and all get the same, which is what makes a run independent of how
/// the work is divided and lets it resume anywhere.
package struct CounterRandom: Hashable, Sendable {
    /// What the numbers are for: different purposes never share a counter, whatever the seed.
    package enum Purpose: UInt32, Hashable, Sendable, CaseIterable {
        /// The order of the windows; index: the epoch, part: a pair of round keys.
        case shuffle = 1
        /// A new model's weights; index: the element within its tensor, part: the tensor's number.
        case initialValues = 2
        /// The characters of a generated text; index: the position in the text and, times 2³², the sample's number; part: the
        /// prompt's number.
        case sampling = 3
        /// The keys of dropout's masks; index: the step, part: the layer and the kind of mask.
        case dropout = 4
        /// The inputs that scheduled sampling draws; index: the step and, in its lower half, the sequence; part: the time.
        case scheduledSampling = 5
        /// The characters that a measurement of memory puts in other ones' place; index: the attempt, part: the place's number.
        case memory = 6
    }

    let seed: UInt64
    let purpose: Purpose

    /// The numbers of one purpose under one seed.
    package init(seed: UInt64, purpose: Purpose) {
        self.seed = seed
        self.purpose = purpose
    }

    /// The four independent random words at a place.
    package func words(_ index: UInt64, _ part: UInt32 = 0) -> Philox.Block {
        Philox.block(
            counter: (
                UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index &>> 32), part, purpose.rawValue
            ),
            key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed &>> 32)))
    }

    /// A number uniform on the multiples of 2⁻²⁴ in [0, 1), from the place's first word.
    package func uniform(_ index: UInt64, _ part: UInt32 = 0) -> Float {
        words(index, part).0.uniform
    }
}

extension UInt32 {
    /// Of a random word: a number uniform on the multiples of 2⁻²⁴ in [0, 1).
    var uniform: Float { Float(self &>> 8) * 0x1p-24 }
}
