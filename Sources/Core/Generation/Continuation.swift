/// What to generate after each prompt.
public struct GenerationOptions: Hashable, Sendable {
    /// The most characters of a continuation, 0 to 2³² − 1.
    public var length: Int
    /// How each character is chosen.
    public var method: SamplingMethod
    /// The random seed.
    public var seed: UInt64
    /// The number of continuations of each prompt, at least 1.
    public var samples = 1
    /// Texts that end a continuation before the first of them, as ids, at least one each.
    ///
    /// The first text to be complete counts, the longest one where several end together.
    public var stops: [[UInt16]] = []
    /// Whether continuations have their characters' log-probabilities.
    public var reportsLogProbabilities = false

    /// Options with one sample of each prompt, which nothing but its length ends.
    public init(length: Int, method: SamplingMethod, seed: UInt64) {
        (self.length, self.method, self.seed) = (length, method, seed)
    }

    /// Refuses options that can't be followed.
    ///
    /// - Throws: `DTrainError` with `usage`.
    func check() throws {
        guard length >= 0 else { throw DTrainError(.usage, "the length is \(length); give at least 0") }
        guard length <= UInt32.max else {
            throw DTrainError(.usage, "the length is \(length); give at most \(UInt32.max)")
        }
        guard samples > 0, samples <= UInt32.max else {
            throw DTrainError(.usage, "the number of samples is \(samples); give 1 to \(UInt32.max)")
        }
        guard !stops.contains(where: \.isEmpty) else {
            throw DTrainError(.usage, "a text to stop at is empty; give at least one character")
        }
        guard case .temperature(let temperature, let filter) = method else { return }
        guard temperature > 0 else {
            throw DTrainError(.usage, "the temperature is \(temperature); give one above 0")
        }
        try filter.check()
    }
}

/// A generated text.
public struct Continuation: Hashable, Sendable {
    /// The number of the prompt that it continues.
    public let prompt: Int
    /// Which of the prompt's samples it is, from 0.
    public let sample: Int
    /// The generated ids, without the prompt's and without those of a text that ended it.
    public internal(set) var ids: [UInt16] = []
    /// The natural logarithm of each id's probability, if wanted: that of the model's own softmax, at temperature 1,
    /// without a filter, `[UNK]` included.
    public internal(set) var logProbabilities: [Float] = []
    /// The number of the text to stop at that has ended it; nil when its length has.
    public internal(set) var stop: Int?

    init(prompt: Int, sample: Int) { (self.prompt, self.sample) = (prompt, sample) }
}
