import Glibc
import Synchronization

/// How much a model is surprised by one character of a text, and what it expected.
public struct Surprisal: Hashable, Sendable {
    /// A character that may follow, and how likely it is.
    public struct Alternative: Hashable, Sendable {
        /// The character's id.
        public let id: UInt16
        /// Its probability, `[UNK]` included in the sum of all.
        public let probability: Float

        package init(id: UInt16, probability: Float) { (self.id, self.probability) = (id, probability) }
    }

    /// The character's id.
    public let id: UInt16
    /// Its probability after all that comes before it.
    public let probability: Float
    /// The likeliest characters at its place, likeliest first; of equal ones that with the lower id.
    public let alternatives: [Alternative]

    package init(id: UInt16, probability: Float, alternatives: [Alternative]) {
        (self.id, self.probability, self.alternatives) = (id, probability, alternatives)
    }

    /// −log₂ of the probability; one that underflows counts as the least normal number, 126 bits.
    public var bits: Double { -log2(Double(max(probability, .leastNormalMagnitude))) }
}

extension PredictionReader {
    /// Measures how surprising each character of a text is; its state is carried on from the beginning.
    ///
    /// - Parameters:
    ///   - text: ids of the model's vocabulary, at least two.
    ///   - alternatives: how many of the likeliest characters are kept at each place.
    /// - Returns: all but the first character, which nothing predicts.
    /// - Throws: `DTrainError` with `badData` for a shorter text, `internal` when memory runs out.
    public func surprisals(of text: [UInt16], alternatives: Int = 5) throws -> [Surprisal] {
        guard text.count > 1 else {
            throw DTrainError(
                .badData, "a text of \(text.count) characters has nothing to predict; give a longer one")
        }
        let found = Mutex<[Surprisal]>([])
        // A single group, so all calls come from one thread, in order.
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

    /// The few largest probabilities, in descending order.
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
