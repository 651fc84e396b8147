import CKernels

/// The loss of one row of logits and its gradient.
///
/// V is the vocabulary size.
public struct RowLoss: Sendable {
    /// Computes a row's loss.
    ///
    /// It is called after the forward pass, for every token, from several threads at once. The
    /// result must depend only on the arguments, otherwise the weights depend on the number of
    /// ranks and threads.
    ///
    /// - Parameters:
    ///   - logits: [V], bias included.
    ///   - target: the id of the next character.
    ///   - gradient: [V]; receives d(loss)/d(logits). The function must set every element.
    /// - Returns: the loss, in nats for a cross-entropy.
    public typealias Function =
        @Sendable (
            _ logits: UnsafeBufferPointer<Float>, _ target: Int, _ gradient: UnsafeMutableBufferPointer<Float>
        ) -> Double

    private let function: Function?

    /// The softmax cross-entropy of logits.
    public static let crossEntropy = RowLoss(function: nil)

    /// Creates a custom loss.
    ///
    /// The gradient with respect to the logits is stored for all tokens of the rank, with V numbers
    /// per token. The gradient of `crossEntropy` may be computed twice instead.
    public init(_ function: @escaping Function) { self.init(function: function) }

    private init(function: Function?) { self.function = function }

    /// Whether the gradient can be recomputed from the logits and the values that `softmax`
    /// receives.
    var isCrossEntropy: Bool { function == nil }

    /// Computes a row's loss and its gradient times `scale`.
    ///
    /// - Parameters:
    ///   - logits: [V], without the bias; overwritten.
    ///   - bias: [V].
    ///   - gradient: [V].
    ///   - softmax: receives the values for recomputing the gradient, if the loss is the
    ///     cross-entropy.
    func callAsFunction(
        _ logits: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>, count: Int, target: Int, scale: Float,
        gradient: UnsafeMutablePointer<Float>, softmax: UnsafeMutablePointer<dtrain_softmax>
    ) -> Double {
        guard let function else {
            return dtrain_softmax_cross_entropy(
                logits, bias, Int64(count), Int64(target), scale, gradient, softmax)
        }
        for index in 0..<count { logits[index] += bias[index] }
        let elements = UnsafeMutableBufferPointer(start: gradient, count: count)
        // An element that the function doesn't set fails the check for finite gradients.
        elements.update(repeating: .nan)
        let loss = function(UnsafeBufferPointer(start: logits, count: count), target, elements)
        for index in 0..<count { gradient[index] *= scale }
        return loss
    }
}
