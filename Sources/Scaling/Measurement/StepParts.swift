/// Where the seconds of a step go on rank 0.
///
/// All but `hiddenExchange` add up to the step.
public struct StepParts: Hashable, Sendable, Codable {
    /// Packing the weights.
    public var pack = 0.0
    /// The forward pass but for the head.
    public var forward = 0.0
    /// Softmax, loss and their gradient.
    public var head = 0.0
    /// Backward through time.
    public var backward = 0.0
    /// The gradients that are sums over tokens.
    public var weightGradient = 0.0
    /// Adding up the ranks' gradients, as far as nothing is computed meanwhile.
    public var exchange = 0.0
    /// Waiting for slower workers and ranks: the skew.
    public var wait = 0.0
    /// The optimizer.
    public var adam = 0.0
    /// The rest.
    public var other = 0.0
    /// The part of the exchange that ran while gradients were computed.
    public var hiddenExchange = 0.0

    /// Nothing measured.
    public init() {}

    /// Everything that is arithmetic on this rank's sequences.
    public var compute: Double { forward + head + backward + weightGradient }
    /// What doesn't depend on the share of the batch.
    public var replicated: Double { pack + adam + other }
    /// The whole exchange, hidden or not.
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

    /// All of it longer or shorter.
    func scaled(by factor: Double) -> StepParts {
        var result = self
        for (_, path) in Self.fields { result[keyPath: path] *= factor }
        return result
    }

    /// The mean of several, part by part; zeros of none.
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
    /// Where they went.
    public let parts: StepParts

    /// A measured step.
    public init(step: Int, seconds: Double, parts: StepParts) {
        (self.step, self.seconds, self.parts) = (step, seconds, parts)
    }
}
