import CKernels

/// The loss of one row of logits, and its gradient.
///
/// V the vocabulary size.
public struct RowLoss: Sendable {
    /// Computes a row's loss.
    ///
    /// Called after the forward pass, for every token, from several threads at once. The result must depend on the arguments
    /// alone, or the weights depend on the number of ranks and threads.
    ///
    /// - Parameters:
    ///   - logits: [V], bias included.
    ///   - target: the id that follows.
    ///   - gradient: [V]; receives d(loss)/d(logits), every element of it.
    /// - Returns: the loss, in nats where it is a cross-entropy.
    public typealias Function =
        @Sendable (
            _ logits: UnsafeBufferPointer<Float>, _ target: Int, _ gradient: UnsafeMutableBufferPointer<Float>
        ) -> Double

    private let function: Function?

    /// Softmax cross-entropy from logits.
    public static let crossEntropy = RowLoss(function: nil)

    /// A loss of your own.
    ///
    /// Its gradient by the logits is kept for all tokens of the rank, V numbers each, where that of the cross-entropy may be
    /// computed twice instead.
    public init(_ function: @escaping Function) { self.init(function: function) }

    private init(function: Function?) { self.function = function }

    /// Whether the gradient follows from the logits and what `softmax` receives.
    var isCrossEntropy: Bool { function == nil }

    /// Computes a row's loss in nats and the loss's gradient times `scale`.
    ///
    /// - Parameters:
    ///   - logits: [V], without bias; scratch afterwards.
    ///   - bias: [V].
    ///   - gradient: [V].
    ///   - softmax: receives what the gradient follows from, if the loss is the cross-entropy.
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
        // An element that the function leaves out fails the check of the gradient.
        elements.update(repeating: .nan)
        let loss = function(UnsafeBufferPointer(start: logits, count: count), target, elements)
        for index in 0..<count { gradient[index] *= scale }
        return loss
    }
}
