import CKernels

/// Chooses the next character from a row of logits, never `[UNK]` (id 0).
struct Sampler: Sendable {
    private let method: SamplingMethod
    private let random: CounterRandom
    private var filtered: FilteredWeights?

    init(method: SamplingMethod, seed: UInt64) {
        self.method = method
        random = CounterRandom(seed: seed, purpose: .sampling)
        if case .temperature(_, let filter) = method { filtered = FilteredWeights(filter) }
    }

    /// Chooses the next id.
    ///
    /// - Parameters:
    ///   - logits: [V], without bias; overwritten.
    ///   - bias: [V].
    ///   - count: V, the size of the vocabulary.
    ///   - position: the number of characters generated before, below 2³².
    ///   - prompt: the index of the prompt.
    ///   - sample: the index of the prompt's sample.
    mutating func choose(
        _ logits: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>, count: Int, position: Int, prompt: Int,
        sample: Int
    ) -> UInt16 {
        switch method {
        case .greedy:
            var best = 1
            for id in 1..<count where logits[id] + bias[id] > logits[best] + bias[best] { best = id }
            return UInt16(best)
        case .temperature(let temperature, _):
            filtered?.rank(logits, bias: bias, count: count)
            var sum = dtrain_sampling_weights(logits, bias, Int64(count), 1, 1 / temperature, logits)
            if filtered != nil {
                filtered?.restrict(logits)
                // Sum in the same order as without a filter, so that a filter that keeps everything
                // doesn't change the bits.
                sum = (1..<count).reduce(0) { $0 + logits[$1] }
            }
            let place = UInt64(sample) << 32 | UInt64(position)
            let point = random.uniform(place, UInt32(truncatingIfNeeded: prompt)) * sum
            return UInt16(Categorical.draw(logits, first: 1, count: count, at: point))
        }
    }
}

/// A method of choosing the next character.
public enum SamplingMethod: Hashable, Sendable {
    /// The most likely character; among equals, the one with the lowest id.
    case greedy
    /// Sampling from softmax(logits / temperature), restricted by a filter; the temperature is
    /// above 0.
    case temperature(Float, SamplingFilter = .none)
}
