import Glibc
import Synchronization

/// The surprisal of one character of a text, with the model's most likely predictions in its place.
public struct Surprisal: Hashable, Sendable {
    /// A possible character and its probability.
    public struct Alternative: Hashable, Sendable {
        /// The character's id.
        public let id: UInt16
        /// The character's probability; all ids, `[UNK]` included, sum to 1.
        public let probability: Float

        package init(id: UInt16, probability: Float) { (self.id, self.probability) = (id, probability) }
    }

    /// The character's id.
    public let id: UInt16
    /// The character's probability given everything before it.
    public let probability: Float
    /// The most likely characters at this position, the likeliest first; among equals, the lower id
    /// comes first.
    public let alternatives: [Alternative]

    package init(id: UInt16, probability: Float, alternatives: [Alternative]) {
        (self.id, self.probability, self.alternatives) = (id, probability, alternatives)
    }

    /// The surprisal −log₂ p in bits; a probability that underflows counts as the smallest normal
    /// number, 126 bits.
    public var bits: Double { -log2(Double(max(probability, .leastNormalMagnitude))) }
}

extension PredictionReader {
    /// Computes the surprisal of each character of a text, carrying the state from its start.
    ///
    /// - Parameters:
    ///   - text: at least two ids of the model's vocabulary.
    ///   - alternatives: the number of likeliest characters to return at each position.
    /// - Returns: the surprisals of all characters but the first, which nothing predicts.
    /// - Throws: `DTrainError` with `badData` for a shorter text or when the logits overflow, with
    ///   `internal` when memory runs out.
    public func surprisals(of text: [UInt16], alternatives: Int = 5) throws -> [Surprisal] {
        guard text.count > 1 else {
            throw DTrainError(
                .badData, "a text of \(text.count) characters has nothing to predict; give a longer one")
        }
        let found = Mutex<[Surprisal]>([])
        // With a single group, one thread makes all calls, in order.
        try read([Array(text.dropLast())]) { _, place, probabilities in
            let next = text[place + 1]
            let surprisal = Surprisal(
                id: next, probability: probabilities[Int(next)],
                alternatives: Self.likeliest(alternatives, of: probabilities))
            found.withLock { $0.append(surprisal) }
        }
        let surprisals = found.withLock { $0 }
        guard surprisals.allSatisfy({ $0.probability.isFinite }) else { throw Self.overflow }
        return surprisals
    }

    static var overflow: DTrainError {
        DTrainError(.badData, "the model's logits overflow, so it predicts nothing; use another checkpoint")
    }

    /// The `count` largest probabilities in descending order.
    private static func likeliest(_ count: Int, of probabilities: UnsafeBufferPointer<Float>) -> [Surprisal.Alternative]
    {
        var best: [Surprisal.Alternative] = []
        for (id, probability) in probabilities.enumerated() {
            if best.count == count, let last = best.last, probability <= last.probability { continue }
            let place = best.firstIndex { $0.probability < probability } ?? best.count
            best.insert(Surprisal.Alternative(id: UInt16(id), probability: probability), at: place)
            if best.count > count { best.removeLast() }
        }
        return best
    }
}
