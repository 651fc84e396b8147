/// A continuation while it grows.
struct GeneratedText {
    /// The most characters to reserve memory for; a longer text grows, since it may be stopped early.
    private static let reservedCharacters = 1 << 16

    /// The ids that it continues.
    let prompt: [UInt16]
    private(set) var continuation: Continuation
    /// Whether no more ids follow.
    private(set) var isFinished: Bool
    private let length: Int
    private var matcher: StopMatcher

    init(_ prompt: [UInt16], number: Int, sample: Int, _ options: GenerationOptions) {
        self.prompt = prompt
        length = options.length
        matcher = StopMatcher(options.stops)
        continuation = Continuation(prompt: number, sample: sample)
        continuation.ids.reserveCapacity(min(length, Self.reservedCharacters))
        isFinished = length == 0
    }

    /// The number of generated ids so far.
    var count: Int { continuation.ids.count }

    /// The number of ids that stay, whatever follows: the others may begin a text to stop at.
    var settled: Int { isFinished ? count : count - matcher.pending }

    /// Takes the next id.
    ///
    /// - Parameter logProbability: its log-probability, if wanted.
    mutating func append(_ id: UInt16, logProbability: Float?) {
        continuation.ids.append(id)
        if let logProbability { continuation.logProbabilities.append(logProbability) }
        if let stop = matcher.advance(id) {
            let excess = matcher.length(of: stop)
            continuation.ids.removeLast(excess)
            if logProbability != nil { continuation.logProbabilities.removeLast(excess) }
            continuation.stop = stop
            isFinished = true
        } else {
            isFinished = count == length
        }
    }
}
