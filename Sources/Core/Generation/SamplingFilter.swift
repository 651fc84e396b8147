import HeapModule

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
    /// The draw's characters that haven't been found likely enough yet.
    private var rest = Heap<ScoredCharacter>()

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
        rest = Heap((1..<max(1, count)).map { ScoredCharacter(score: logits[$0] + bias[$0], id: $0) })
    }

    /// Sets the weights of the characters that aren't kept to 0.
    ///
    /// - Parameter weights: [V], of the characters that were ranked; that of `[UNK]` is 0.
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

/// A character that may be drawn; the likelier is the greater.
private struct ScoredCharacter: Comparable {
    /// Its logit and bias.
    let score: Float
    let id: Int

    static func < (one: ScoredCharacter, other: ScoredCharacter) -> Bool {
        one.score < other.score || one.score == other.score && one.id > other.id
    }
}
