import Glibc

/// The effect of a changed character on a model's later predictions, by distance.
///
/// At several places of a text, one character is replaced by another of the text; the rest stays
/// the same. The model reads both versions. The divergence between its predictions d characters
/// later shows how much of the character it still remembers.
public struct MemoryCurve: Hashable, Sendable {
    /// The effect at one distance.
    public struct Point: Hashable, Sendable {
        /// The distance from the changed character to the predicted one; 1 is the next character.
        public let distance: Int
        /// The mean of D(unchanged ‖ changed) over all places, in bits.
        public let mean: Double
        /// The median of D(unchanged ‖ changed) over all places, in bits.
        public let median: Double

        package init(distance: Int, mean: Double, median: Double) {
            (self.distance, self.mean, self.median) = (distance, mean, median)
        }
    }

    /// The points of the curve, one for each distance from 1.
    public let points: [Point]
    /// The number of changed places.
    public let places: Int
    /// The number of characters read before each changed one, from a zero state.
    public let context: Int

    package init(points: [Point], places: Int, context: Int) {
        (self.points, self.places, self.context) = (points, places, context)
    }

    /// The largest distance at which the mean is at least `bits`; nil if there is none.
    public func reach(_ bits: Double) -> Int? { points.last { $0.mean >= bits }?.distance }
}

extension PredictionReader {
    /// The longest distance measured, and the most characters read before a changed one.
    public static let maximumDistance = 512, maximumContext = 200
    private static let maximumPlaces = 48
    /// A bound on places times vocabulary size: predictions are compared element by element, so
    /// larger vocabularies get fewer places.
    private static let maximumElements = 1 << 19

    /// Measures how far back a changed character still affects the prediction.
    ///
    /// - Parameters:
    ///   - text: ids of the model's vocabulary.
    ///   - seed: the random seed that selects the replacement characters.
    /// - Returns: the curve; nil for a text of fewer than 16 characters, or one that has only one
    ///   distinct character.
    /// - Throws: `DTrainError` with `badData` when the logits overflow, with `internal` when memory
    ///   runs out.
    public func memoryCurve(of text: [UInt16], seed: UInt64) throws -> MemoryCurve? {
        let context = min(Self.maximumContext, text.count / 4)
        let distance = min(Self.maximumDistance, text.count / 2)
        let room = text.count - context - distance
        guard text.count >= 16, room > 0 else { return nil }
        let wanted = max(4, min(Self.maximumPlaces, Self.maximumElements / vocabularySize))
        let places = (0..<min(wanted, room)).map { context + $0 * room / min(wanted, room) }
        let random = CounterRandom(seed: seed, purpose: .memory)
        var rows: [[UInt16]] = []
        for (number, place) in places.enumerated() {
            guard let other = Self.other(than: text[place], in: text, number, random) else { return nil }
            let original = Array(text[place - context..<place + distance])
            var changed = original
            changed[context] = other
            rows += [original, changed]
        }
        let divergences = try AlignedBuffer<Double>(count: places.count * distance)
        let size = vocabularySize
        try read(rows, group: 2, from: context) { number, place, probabilities in
            divergences[number * distance + place - context] = Self.divergence(
                probabilities[..<size], probabilities[size...])
        }
        guard divergences.elements.allSatisfy(\.isFinite) else { throw Self.overflow }
        let points = (0..<distance).map { index -> MemoryCurve.Point in
            let all = places.indices.map { divergences[$0 * distance + index] }.sorted()
            let middle = (all[(all.count - 1) / 2] + all[all.count / 2]) / 2
            return MemoryCurve.Point(distance: index + 1, mean: all.reduce(0, +) / Double(all.count), median: middle)
        }
        return MemoryCurve(points: points, places: places.count, context: context)
    }

    /// Another character of the text, sampled by frequency; nil if there is none.
    private static func other(than id: UInt16, in text: [UInt16], _ number: Int, _ random: CounterRandom) -> UInt16? {
        for attempt in 0..<64 {
            let draw = random.uniform(UInt64(attempt), UInt32(truncatingIfNeeded: number))
            let candidate = text[min(text.count - 1, Int(Double(draw) * Double(text.count)))]
            if candidate != id { return candidate }
        }
        return text.first { $0 != id }
    }

    /// The Kullback–Leibler divergence D(p ‖ q) in bits, at least 0.
    private static func divergence(_ p: Slice<UnsafeBufferPointer<Float>>, _ q: Slice<UnsafeBufferPointer<Float>>)
        -> Double
    {
        var sum = 0.0
        for (own, other) in zip(p, q) where own > 0 {
            sum += Double(own) * log2(Double(own) / Double(max(other, .leastNormalMagnitude)))
        }
        // Single-precision rounding can make the sum slightly negative.
        return sum < 0 ? 0 : sum
    }
}
