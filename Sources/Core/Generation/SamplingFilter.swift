/// Restricts draws to the likeliest characters; as it is made, to none.
///
/// Characters are ordered by their logits, equal ones by their ids, the lower first. `[UNK]` isn't among them.
public struct SamplingFilter: Hashable, Sendable {
    /// The number of characters to keep, at least 1; nil keeps all.
    public var topK: Int?
    /// The probability to keep, above 0 and at most 1; nil keeps all.
    ///
    /// Of the characters that `topK` keeps, the fewest stay whose probabilities sum to at least this. The probabilities are those
    /// at the draw's temperature, and sum to 1 over the characters that `topK` keeps.
    public var topP: Double?

    /// Describes a filter.
    public init(topK: Int? = nil, topP: Double? = nil) {
        self.topK = topK
        self.topP = topP
    }

    /// The filter that keeps all characters.
    public static let none = SamplingFilter()

    /// Refuses numbers that keep nothing.
    ///
    /// - Throws: `DTrainError` with `usage`.
    func check() throws {
        if let topK, topK < 1 { throw DTrainError(.usage, "top-k is \(topK); give at least 1") }
        if let topP, !(topP > 0 && topP <= 1) {
            throw DTrainError(.usage, "top-p is \(topP); give a number above 0 and at most 1")
        }
    }
}

/// Applies a filter to the weights of one draw after the other.
struct FilteredWeights: Sendable {
    private let filter: SamplingFilter
    private var ranking = LikelihoodRanking()

    /// Prepares to apply a filter; nil for one that keeps everything.
    init?(_ filter: SamplingFilter) {
        // Rounding might lose the least of the probabilities that sum to 1.
        let topP = filter.topP == 1 ? nil : filter.topP
        guard filter.topK != nil || topP != nil else { return nil }
        self.filter = SamplingFilter(topK: filter.topK, topP: topP)
    }

    /// Notes the order of a draw's characters, before weights take the place of their logits.
    ///
    /// - Parameters:
    ///   - logits: [V], without bias.
    ///   - bias: [V].
    ///   - count: V.
    mutating func rank(_ logits: UnsafePointer<Float>, bias: UnsafePointer<Float>, count: Int) {
        ranking.start(logits, bias: bias, count: count)
    }

    /// Sets the weights of the characters that aren't kept to 0.
    ///
    /// - Parameter weights: [V], of the characters that were ranked; that of `[UNK]` is 0.
    mutating func restrict(_ weights: UnsafeMutablePointer<Float>) {
        let size = ranking.rest.count
        if let topK = filter.topK, topK < size {
            while ranking.ranked.count < topK, ranking.takeNext() {}
            for id in ranking.rest { weights[Int(id)] = 0 }
        }
        guard let topP = filter.topP else { return }
        let mass = topP * (0...size).reduce(0.0) { $0 + Double(weights[$1]) }
        var (sum, kept) = (0.0, 0)
        while sum < mass, kept < ranking.ranked.count || ranking.takeNext() {
            sum += Double(weights[Int(ranking.ranked[kept])])
            kept += 1
        }
        for id in ranking.ranked[kept...] { weights[Int(id)] = 0 }
        for id in ranking.rest { weights[Int(id)] = 0 }
    }
}

/// The ids of characters, likeliest first, found only as far as they are wanted.
struct LikelihoodRanking: Sendable {
    /// The likeliest characters, in order.
    private(set) var ranked: [UInt16] = []
    /// The others: a heap whose first is the likeliest of them.
    private(set) var rest: [UInt16] = []
    private var scores: [Float] = []

    /// Starts with all characters of some logits unranked; `[UNK]` is none.
    mutating func start(_ logits: UnsafePointer<Float>, bias: UnsafePointer<Float>, count: Int) {
        scores.removeAll(keepingCapacity: true)
        for id in 0..<count { scores.append(logits[id] + bias[id]) }
        ranked.removeAll(keepingCapacity: true)
        rest.removeAll(keepingCapacity: true)
        for id in 1..<max(1, count) { rest.append(UInt16(id)) }
        for place in (0..<rest.count / 2).reversed() { sink(from: place) }
    }

    /// Ranks one more character; false when there is none.
    mutating func takeNext() -> Bool {
        guard let first = rest.first, let last = rest.popLast() else { return false }
        ranked.append(first)
        if !rest.isEmpty {
            rest[0] = last
            sink(from: 0)
        }
        return true
    }

    private mutating func sink(from start: Int) {
        let id = rest[start]
        var place = start
        while case var child = 2 * place + 1, child < rest.count {
            if child + 1 < rest.count, isLikelier(rest[child + 1], rest[child]) { child += 1 }
            guard isLikelier(rest[child], id) else { break }
            rest[place] = rest[child]
            place = child
        }
        rest[place] = id
    }

    private func isLikelier(_ id: UInt16, _ other: UInt16) -> Bool {
        let (score, otherScore) = (scores[Int(id)], scores[Int(other)])
        return score > otherScore || score == otherScore && id < other
    }
}
