import HeapModule

/// A filter that restricts sampling to the likeliest characters; by default it keeps all.
///
/// Characters are ordered by descending logit, equal ones by ascending id, without `[UNK]`.
public struct SamplingFilter: Hashable, Sendable {
    /// The number of characters to keep, at least 1; nil keeps all.
    public var topK: Int?
    /// The probability mass to keep, above 0 and at most 1; nil keeps all.
    ///
    /// Of the characters that `topK` keeps, the filter keeps the fewest whose probabilities sum to
    /// at least this value. The probabilities are those at the sampling temperature, normalized
    /// over the characters that `topK` keeps.
    public var topP: Double?

    /// Creates a filter.
    public init(topK: Int? = nil, topP: Double? = nil) {
        self.topK = topK
        self.topP = topP
    }

    /// The filter that keeps all characters.
    public static let none = SamplingFilter()

    /// Checks that both values are valid.
    ///
    /// - Throws: `DTrainError` with `usage` that names the first invalid one.
    func check() throws {
        if let topK, topK < 1 { throw DTrainError(.usage, "top-k is \(topK); give at least 1") }
        if let topP, !(topP > 0 && topP <= 1) {
            throw DTrainError(.usage, "top-p is \(topP); give a number above 0 and at most 1")
        }
    }
}

/// Applies a filter to the weights of each draw.
struct FilteredWeights: Sendable {
    private let filter: SamplingFilter
    /// The draw's characters that aren't among the likeliest found so far.
    private var rest = Heap<ScoredCharacter>()

    /// Prepares a filter; nil for one that keeps everything.
    init?(_ filter: SamplingFilter) {
        // With a top-p of 1, rounding could lose the least likely characters.
        let topP = filter.topP == 1 ? nil : filter.topP
        guard filter.topK != nil || topP != nil else { return nil }
        self.filter = SamplingFilter(topK: filter.topK, topP: topP)
    }

    /// Orders a draw's characters by their logits, before the logits are overwritten by weights.
    ///
    /// - Parameters:
    ///   - logits: [V], without bias.
    ///   - bias: [V].
    ///   - count: V, the size of the vocabulary.
    mutating func rank(_ logits: UnsafePointer<Float>, bias: UnsafePointer<Float>, count: Int) {
        rest = Heap((1..<max(1, count)).map { ScoredCharacter(score: logits[$0] + bias[$0], id: $0) })
    }

    /// Sets the weights of all characters that aren't kept to 0.
    ///
    /// - Parameter weights: [V], of the characters that were ranked; the weight of `[UNK]` is 0.
    mutating func restrict(_ weights: UnsafeMutablePointer<Float>) {
        let size = rest.count
        var likeliest: [ScoredCharacter] = []
        if let topK = filter.topK, topK < size {
            while likeliest.count < topK, let next = rest.popMax() { likeliest.append(next) }
            for character in rest.unordered { weights[character.id] = 0 }
            rest = Heap()
        }
        guard let topP = filter.topP else { return }
        let mass = topP * (0...size).reduce(0.0) { $0 + Double(weights[$1]) }
        var (sum, kept) = (0.0, 0)
        while sum < mass {
            if kept == likeliest.count {
                guard let next = rest.popMax() else { break }
                likeliest.append(next)
            }
            sum += Double(weights[likeliest[kept].id])
            kept += 1
        }
        for character in likeliest[kept...] { weights[character.id] = 0 }
        for character in rest.unordered { weights[character.id] = 0 }
    }
}

/// A candidate character; a likelier one compares greater.
private struct ScoredCharacter: Comparable {
    /// The sum of its logit and bias.
    let score: Float
    let id: Int

    static func < (one: ScoredCharacter, other: ScoredCharacter) -> Bool {
        one.score < other.score || one.score == other.score && one.id > other.id
    }
}
