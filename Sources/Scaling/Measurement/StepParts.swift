/// The seconds of a step on rank 0, by part.
///
/// The sum of all parts except `hiddenExchange` is the step.
public struct StepParts: Hashable, Sendable, Codable {
    /// Packing the weights.
    public var pack = 0.0
    /// The forward pass without the head.
    public var forward = 0.0
    /// Softmax, loss and its gradient.
    public var head = 0.0
    /// Backward through time.
    public var backward = 0.0
    /// The gradients that are sums over tokens.
    public var weightGradient = 0.0
    /// The exposed part of the gradient exchange, which no computation overlaps.
    public var exchange = 0.0
    /// Waiting for slower workers and ranks: the skew.
    public var wait = 0.0
    /// The optimizer.
    public var adam = 0.0
    /// The rest of the step.
    public var other = 0.0
    /// The part of the exchange that overlapped the computation of gradients.
    public var hiddenExchange = 0.0

    /// Creates parts of zero seconds.
    public init() {}

    /// The arithmetic on this rank's sequences.
    public var compute: Double { forward + head + backward + weightGradient }
    /// The part that doesn't depend on the local batch.
    public var replicated: Double { pack + adam + other }
    /// The whole exchange, exposed and hidden.
    public var wholeExchange: Double { exchange + hiddenExchange }
    /// The seconds of the step.
    public var total: Double { pack + compute + exchange + wait + adam + other }

    /// The fields by name, in the order of the step.
    static var fields: [(name: String, path: WritableKeyPath<StepParts, Double> & Sendable)] {
        [
            ("pack", \.pack), ("forward", \.forward), ("head", \.head), ("backward", \.backward),
            ("weight_gradient", \.weightGradient), ("exchange", \.exchange), ("wait", \.wait), ("adam", \.adam),
            ("other", \.other), ("hidden_exchange", \.hiddenExchange),
        ]
    }

    /// All parts multiplied by a factor.
    func scaled(by factor: Double) -> StepParts {
        var result = self
        for (_, path) in Self.fields { result[keyPath: path] *= factor }
        return result
    }

    /// The mean of each part; zeros for an empty array.
    static func mean(_ all: [StepParts]) -> StepParts {
        var result = StepParts()
        guard !all.isEmpty else { return result }
        for (_, path) in fields {
            result[keyPath: path] = all.reduce(0) { $0 + $1[keyPath: path] } / Double(all.count)
        }
        return result
    }
}

/// One measured optimizer step.
public struct StepSample: Hashable, Sendable, Codable {
    /// Its number in the run, warm-up included, from 1.
    public let step: Int
    /// Wall seconds on rank 0.
    public let seconds: Double
    /// The seconds by part.
    public let parts: StepParts

    /// Creates a measured step.
    public init(step: Int, seconds: Double, parts: StepParts) {
        (self.step, self.seconds, self.parts) = (step, seconds, parts)
    }
}
