/// The options of text generation.
public struct GenerationOptions: Hashable, Sendable {
    /// The most characters in a continuation, from 0 to 2³² − 1.
    public var length: Int
    /// The method of choosing each character.
    public var method: SamplingMethod
    /// The random seed.
    public var seed: UInt64
    /// The number of continuations per prompt, at least 1.
    public var samples = 1
    /// Stop texts as ids, each with at least one id; a continuation ends before the first one that
    /// it would contain.
    ///
    /// The first stop text to be complete counts. If several are complete at the same character,
    /// the longest counts.
    public var stops: [[UInt16]] = []
    /// Whether to return the characters' log-probabilities.
    public var reportsLogProbabilities = false

    /// Creates options for one sample per prompt, without stop texts.
    public init(length: Int, method: SamplingMethod, seed: UInt64) {
        (self.length, self.method, self.seed) = (length, method, seed)
    }

    /// Checks that all options are valid.
    ///
    /// - Throws: `DTrainError` with `usage` that names the first invalid one.
    func check() throws {
        guard length >= 0 else { throw DTrainError(.usage, "the length is \(length); give at least 0") }
        guard length <= UInt32.max else {
            throw DTrainError(.usage, "the length is \(length); give at most \(UInt32.max)")
        }
        guard samples > 0, samples <= UInt32.max else {
            throw DTrainError(.usage, "the number of samples is \(samples); give 1 to \(UInt32.max)")
        }
        guard !stops.contains(where: \.isEmpty) else {
            throw DTrainError(.usage, "a stop text is empty; give at least one character")
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
    /// The index of its prompt.
    public let prompt: Int
    /// The index of the sample among those of its prompt.
    public let sample: Int
    /// The generated ids, without the prompt and without the stop text.
    public internal(set) var ids: [UInt16] = []
    /// The natural logarithm of each id's probability; empty unless requested.
    ///
    /// The probability is that of the model's softmax at temperature 1, without a filter and
    /// including `[UNK]`.
    public internal(set) var logProbabilities: [Float] = []
    /// The index of the stop text that ended it; nil if none did.
    public internal(set) var stop: Int?

    init(prompt: Int, sample: Int) { (self.prompt, self.sample) = (prompt, sample) }
}
