/// The wall time of a step on one rank in seconds, by phase; the phases add up to the step.
///
/// Forward, head and backward are means over the workers. Waiting for the slowest worker at the end
/// of a phase counts as wait. Team members waiting for each other within a phase count as part of
/// forward or backward.
public struct StepProfile: Hashable, Sendable, Codable {
    /// Packing the weights and building the first layer's table.
    public var pack = 0.0
    /// Reading the batch, and the forward pass without the head.
    public var forward = 0.0
    /// Softmax, loss, and the gradients with respect to logits and to the top layer's states.
    public var head = 0.0
    /// Backpropagation through time.
    public var backward = 0.0
    /// The weight gradients, which are sums over tokens.
    public var weightGradient = 0.0
    /// Summing the ranks' gradients, as far as it isn't hidden behind computation.
    public var exchange = 0.0
    /// The part of the exchange that overlaps with computation; not part of the step's total.
    public var hiddenExchange = 0.0
    /// Waiting for slower workers and ranks.
    public var wait = 0.0
    /// The table's gradient and the optimizer.
    public var adam = 0.0
    /// The rest: metrics, output, the loop itself.
    public var other = 0.0

    /// Creates a profile of zeros.
    public init() {}

    // Only the phases that add up to the step.
    private enum CodingKeys: String, CodingKey {
        case pack, forward, head, backward, exchange, wait, adam, other
        case weightGradient = "weight_gradient"
    }

    /// The phases with their names for users, in the order of the step.
    public var parts: [(name: String, seconds: Double)] {
        [
            ("pack", pack), ("forward", forward), ("head", head), ("backward through time", backward),
            ("weight gradient", weightGradient), ("wait", wait), ("exchange", exchange), ("optimizer", adam),
            ("other", other),
        ]
    }

    /// The sum of all phases; it is computed every step, so without allocating `parts`.
    public var total: Double {
        pack + forward + head + backward + weightGradient + wait + exchange + adam + other
    }

    /// Adds another profile phase by phase.
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
