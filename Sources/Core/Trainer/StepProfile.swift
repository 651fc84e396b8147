/// Where the wall seconds of a step go on one rank; the parts add up to the step.
///
/// Forward, head and backward are means over the workers. What a worker waits for the slowest at the end of each counts as wait;
/// what the members of a team wait for each other inside is part of forward and backward.
public struct StepProfile: Hashable, Sendable, Codable {
    /// Packing the weights, building the first layer's table.
    public var pack = 0.0
    /// Reading the batch; the forward pass but for the head.
    public var forward = 0.0
    /// Softmax, loss and their gradients by the logits and by the top layer's states.
    public var head = 0.0
    /// Backward through time.
    public var backward = 0.0
    /// The gradients that are sums over tokens.
    public var weightGradient = 0.0
    /// Adding up the ranks' gradients, as far as the step takes longer for it.
    public var exchange = 0.0
    /// The time that the exchange took while the gradient was still computed; no part of the step's own.
    public var hiddenExchange = 0.0
    /// Waiting for slower workers and ranks.
    public var wait = 0.0
    /// The table's gradient and the optimiser.
    public var adam = 0.0
    /// The rest: metrics, output, the loop itself.
    public var other = 0.0

    /// Nothing measured yet.
    public init() {}

    // The parts alone: they add up.
    private enum CodingKeys: String, CodingKey {
        case pack, forward, head, backward, exchange, wait, adam, other
        case weightGradient = "weight_gradient"
    }

    /// Each part under the name that users see, in the order of the step.
    public var parts: [(name: String, seconds: Double)] {
        [
            ("pack", pack), ("forward", forward), ("head", head), ("backward through time", backward),
            ("weight gradient", weightGradient), ("wait", wait), ("exchange", exchange), ("Adam", adam),
            ("other", other),
        ]
    }

    /// The seconds of all parts; asked for in each step, so without an array of them.
    public var total: Double {
        pack + forward + head + backward + weightGradient + wait + exchange + adam + other
    }

    /// Adds another profile's seconds, part by part.
    public static func += (left: inout StepProfile, right: StepProfile) {
        left.pack += right.pack
        left.forward += right.forward
        left.head += right.head
        left.backward += right.backward
        left.weightGradient += right.weightGradient
        left.exchange += right.exchange
        left.hiddenExchange += right.hiddenExchange
        left.wait += right.wait
        left.adam += right.adam
        left.other += right.other
    }
}
