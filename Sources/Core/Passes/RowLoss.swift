import CKernels

/// The loss of one row of logits, and its gradient.
///
/// V the vocabulary size.
public struct RowLoss: Sendable {
    /// Computes a row's loss.
    ///
    /// Called in the forward pass, for every token, from several threads at once. The result must depend on the arguments
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
    public init(_ function: @escaping Function) { self.init(function: function) }

    private init(function: Function?) { self.function = function }

    /// Computes a row's loss in nats and replaces its logits by the loss's gradient times `scale`.
    ///
    /// - Parameters:
    ///   - logits: [V], without bias; receives the gradient.
    ///   - bias: [V].
    ///   - scratch: [V].
    func callAsFunction(
        _ logits: UnsafeMutablePointer<Float>, bias: UnsafePointer<Float>, count: Int, target: Int, scale: Float,
        scratch: UnsafeMutablePointer<Float>
    ) -> Double {
        guard let function else {
            return dtrain_softmax_cross_entropy(logits, bias, Int64(count), Int64(target), scale, logits)
        }
        for index in 0..<count { scratch[index] = logits[index] + bias[index] }
        let gradient = UnsafeMutableBufferPointer(start: logits, count: count)
        // An element that the function leaves out fails the check of the gradient instead of passing as a logit.
        gradient.update(repeating: .nan)
        let loss = function(UnsafeBufferPointer(start: scratch, count: count), target, gradient)
        for index in 0..<count { logits[index] *= scale }
        return loss
    }
}
