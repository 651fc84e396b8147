import DTrainCore

/// The values of a metrics line that reports use.
struct MetricsLine: Hashable {
    /// The kind of a line.
    enum Kind: Hashable { case step, epoch, validation }

    /// The optimizer step; nil in an epoch's line.
    var step: Int?
    var epoch: Int?
    var loss: Double?
    var epochLoss: Double?
    var validationLoss: Double?
    var validationSeconds: Double?
    var seconds: Double?
    var tokens: Double?
    var gradientNorm: Double?
    var learningRate: Double?
    /// The seconds of each phase of the step; nil without a profile.
    var parts: PhaseSeconds?

    /// The maximum length of a line.
    private static let maximumBytes = 1 << 16
    /// The largest accepted number: larger ones never occur and make sums meaningless.
    private static let largest = 1e15

    var kind: Kind? {
        if epochLoss != nil { return step == nil && epoch != nil ? .epoch : nil }
        guard step != nil else { return nil }
        return loss != nil ? .step : validationLoss != nil ? .validation : nil
    }

    /// Parses a line; nil if it isn't a metrics line.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= Self.maximumBytes else { return nil }
        var scanner = JSONScanner(bytes)
        do {
            try scanner.sequence("{", "}") { scanner in
                let key = try scanner.string()
                try scanner.expect(":")
                try read(key, &scanner)
            }
        } catch { return nil }
        guard scanner.isAtEnd(), kind != nil, (step ?? 1) > 0, (epoch ?? 1) > 0 else { return nil }
    }

    private mutating func read(_ key: String, _ scanner: inout JSONScanner) throws {
        switch key {
        case "step": step = try Self.count(&scanner)
        case "epoch": epoch = try Self.count(&scanner)
        case "loss": loss = try Self.number(&scanner)
        case "epoch_loss": epochLoss = try Self.number(&scanner)
        case "validation_loss": validationLoss = try Self.number(&scanner)
        case "validation_seconds": validationSeconds = try Self.number(&scanner)
        case "seconds": seconds = try Self.number(&scanner)
        case "tokens": tokens = try Self.number(&scanner)
        case "gradient_norm": gradientNorm = try Self.number(&scanner)
        case "learning_rate": learningRate = try Self.number(&scanner)
        case "profile": parts = try PhaseSeconds(&scanner)
        default: try scanner.skipValue()
        }
    }

    private static func count(_ scanner: inout JSONScanner) throws -> Int {
        guard let count = Int(exactly: try number(&scanner)) else { throw JSONScanner.Problem(text: "no whole number") }
        return count
    }

    static func number(_ scanner: inout JSONScanner) throws -> Double {
        let value = try scanner.number()
        guard abs(value) <= largest else { throw JSONScanner.Problem(text: "a number that is too large") }
        return value
    }
}

/// The seconds of each phase of a step, from `--profile`.
struct PhaseSeconds: Hashable {
    /// The phases' names in a metrics file, in the order of a step.
    static let names = ["pack", "forward", "head", "backward", "weight_gradient", "wait", "exchange", "adam", "other"]

    /// In the order of `names`.
    private(set) var seconds = [Double](repeating: 0, count: names.count)

    init() {}

    fileprivate init(_ scanner: inout JSONScanner) throws {
        try scanner.sequence("{", "}") { scanner in
            let key = try scanner.string()
            try scanner.expect(":")
            if let index = Self.names.firstIndex(of: key) {
                seconds[index] = max(0, try MetricsLine.number(&scanner))
            } else {
                try scanner.skipValue()
            }
        }
    }

    static func += (left: inout PhaseSeconds, right: PhaseSeconds) {
        for index in left.seconds.indices { left.seconds[index] += right.seconds[index] }
    }
}
