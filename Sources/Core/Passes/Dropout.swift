/// The probabilities of dropping units in a step's forward and backward passes.
///
/// What passes is scaled by 1 / (1 − probability). Which units are dropped depends on the trainer's seed, the step, and the
/// sequence's place in the global batch: never on ranks or threads.
public struct Dropout: Hashable, Sendable {
    /// For the input of each recurrent layer above the first and of the dense layer: a mask for each token.
    public var inputs: Double
    /// For h as the operand of h · U: a mask for each sequence, the same at all of its tokens.
    public var recurrent: Double

    /// No dropout.
    public static let none = Dropout()

    /// Probabilities from 0 up to, but not including, 1.
    public init(inputs: Double = 0, recurrent: Double = 0) {
        (self.inputs, self.recurrent) = (inputs, recurrent)
    }

    /// Refuses what isn't a probability below 1.
    func check() throws {
        for (name, probability) in [("dropout", inputs), ("recurrent dropout", recurrent)]
        where !(probability >= 0 && probability < 1) {
            throw DTrainError(.usage, "the \(name) is \(probability); give at least 0 and less than 1")
        }
    }
}
