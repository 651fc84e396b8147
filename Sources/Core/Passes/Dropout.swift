/// The probabilities of dropping units in a step's forward and backward passes.
///
/// The remaining units are scaled by 1 / (1 − probability). The dropped units depend on the
/// trainer's seed, the step, and the sequence's index in the global batch, but not on ranks or
/// threads.
public struct Dropout: Hashable, Sendable {
    /// The probability for the input of each recurrent layer above the first and of the dense
    /// layer, with a mask for each token.
    public var inputs: Double
    /// The probability for h as the operand of h · U, with one mask for all tokens of a sequence.
    public var recurrent: Double

    /// No dropout.
    public static let none = Dropout()

    /// Creates a pair of probabilities in [0, 1).
    public init(inputs: Double = 0, recurrent: Double = 0) {
        (self.inputs, self.recurrent) = (inputs, recurrent)
    }

    /// Checks that the probabilities are in [0, 1).
    /// - Throws: `DTrainError` with `usage`.
    func check() throws {
        for (name, probability) in [("dropout", inputs), ("recurrent dropout", recurrent)]
        where !(probability >= 0 && probability < 1) {
            throw DTrainError(.usage, "the \(name) is \(probability); give at least 0 and less than 1")
        }
    }
}
