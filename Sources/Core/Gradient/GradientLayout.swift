/// The flat gradient: the parameters' gradients in the parameters' layout, then what a step sums up besides.
///
/// It names places; the sums themselves lie in the order of `GradientBlocks`.
///
/// The first layer's input product is a table (V rows), so what its backward pass sums over tokens is the table's gradient.
/// The embedding's and the first kernel's gradients follow from its total once a step, and aren't exchanged. They lie first in the
/// parameter layout; so everything that is summed over micro-batches is one range, `summed`.
public struct GradientLayout: Hashable, Sendable {
    /// The layout of the parameters.
    public let parameters: ParameterLayout
    /// Offset of the table's gradient: [V, G·H].
    public let table: Int
    /// Offset of the step's mean loss over all tokens of the global batch (nats).
    public let loss: Int
    /// Elements in all.
    public let count: Int

    /// Lays the gradient out.
    public init(_ parameters: ParameterLayout) {
        let configuration = parameters.configuration
        self.parameters = parameters
        table = parameters.count
        loss = table + configuration.vocabularySize * configuration.cell.gates * configuration.rnnUnits
        count = loss + 1
    }

    /// The elements that are sums over micro-batches.
    public var summed: Range<Int> { parameters.recurrent[0].recurrentKernel..<count }
}
