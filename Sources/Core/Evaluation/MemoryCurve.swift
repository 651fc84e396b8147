import Glibc

/// How far back a changed character still changes a model's prediction.
///
/// At some places of a text a character is replaced by another one of the text. From there on both texts are the same, and the model
/// reads both: the divergence between its two predictions d characters later shows what it still remembers.
public struct MemoryCurve: Hashable, Sendable {
    /// What was measured at one distance.
    public struct Point: Hashable, Sendable {
        /// From the changed character to the predicted one; 1 is the next.
        public let distance: Int
        /// The mean of D(unchanged ‖ changed) over all places, in bits.
        public let mean: Double
        /// Their median.
        public let median: Double

        package init(distance: Int, mean: Double, median: Double) {
            (self.distance, self.mean, self.median) = (distance, mean, median)
        }
    }

    /// The curve, for each distance from 1 up.
    public let points: [Point]
    /// How many places were changed.
    public let places: Int
    /// The characters that were read before each changed one, from a zero state.
    public let context: Int

    package init(points: [Point], places: Int, context: Int) {
        (self.points, self.places, self.context) = (points, places, context)
    }

    /// The largest distance to which a mean of at least so many bits is reached; nil where none does.
    public func reach(_ bits: Double) -> Int? { points.last { $0.mean >= bits }?.distance }
}

extension PredictionReader {
    /// The most characters that the curve looks back, and that are read before a changed one.
    public static let mostDistance = 512, mostContext = 200
    private static let mostPlaces = 48
    /// Predictions are compared element by element: larger vocabularies get fewer places.
    private static let mostElements = 1 << 19

    /// Measures how far back a changed character still changes the prediction.
    ///
    /// - Parameters:
    ///   - text: ids of the model's vocabulary.
    ///   - seed: the random seed, from which the changed characters follow.
    /// - Returns: nil for a text that is too short (fewer than 16 characters) or has no two different characters.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    public func memoryCurve(of text: [UInt16], seed: UInt64) throws -> MemoryCurve? {
        let context = min(Self.mostContext, text.count / 4)
        let distance = min(Self.mostDistance, text.count / 2)
        let room = text.count - context - distance
        guard text.count >= 16, room > 0 else { return nil }
        let wanted = max(4, min(Self.mostPlaces, Self.mostElements / vocabularySize))
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

    /// A character of the text, drawn by frequency, that isn't this one; nil where there is none.
    private static func other(than id: UInt16, in text: [UInt16], _ number: Int, _ random: CounterRandom) -> UInt16? {
        for attempt in 0..<64 {
            let draw = random.uniform(UInt64(attempt), UInt32(truncatingIfNeeded: number))
            let candidate = text[min(text.count - 1, Int(Double(draw) * Double(text.count)))]
            if candidate != id { return candidate }
        }
        return text.first { $0 != id }
    }

    /// D(p ‖ q) in bits, at least 0.
    private static func divergence(_ p: Slice<UnsafeBufferPointer<Float>>, _ q: Slice<UnsafeBufferPointer<Float>>)
        -> Double
    {
        var sum = 0.0
        for (own, other) in zip(p, q) where own > 0 {
            sum += Double(own) * log2(Double(own) / Double(max(other, .leastNormalMagnitude)))
        }
        // Rounding of single precision may leave something below 0.
        return sum < 0 ? 0 : sum
    }
}
