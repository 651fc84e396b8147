/// A continuation that is being generated.
struct GeneratedText {
    /// The most characters to reserve memory for, since long texts may be stopped early.
    private static let reservedCharacters = 1 << 16

    /// The ids of its prompt.
    let prompt: [UInt16]
    private(set) var continuation: Continuation
    /// Whether it is complete.
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

    /// The number of ids generated so far.
    var count: Int { continuation.ids.count }

    /// The number of ids that are final; the rest may be the start of a stop text.
    var settled: Int { isFinished ? count : count - matcher.pending }

    /// Appends the next id.
    ///
    /// - Parameter logProbability: its log-probability, if requested.
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
