/// A step with an infinite or NaN loss or gradient.
struct NonFiniteGradient {
    /// The number of the step, from 1.
    let step: Int
    /// The step's mean loss.
    let loss: Float

    /// Finds the rank and the tensor that caused it.
    ///
    /// Collective. The sum has overwritten the ranks' own nodes, so each rank computes its nodes
    /// again; the weights are still those of the step.
    ///
    /// - Parameters:
    ///   - replica: this rank's replica.
    ///   - recompute: computes this rank's nodes again.
    /// - Returns: the error that all ranks throw.
    func diagnose(_ replica: Replica, _ ranks: any TrainingRanks, recompute: () throws -> Void) throws -> any Error {
        try recompute()
        let own =
            replica.layout.firstNonFinite(in: replica.parameters.pointer).map { "the weights of \($0)" }
            ?? replica.nonFiniteInNodes() ?? ""
        let findings = try ranks.allGather(own)
        let names = try ranks.names()
        return ranks.shared(
            DTrainError(
                .badData, "\(result): \(Self.cause(findings, names))",
                hint:
                    "lower `learning-rate` or limit the gradient with `clip-norm`, and continue from the last "
                    + "checkpoint with `resume`"))
    }

    private var result: String {
        loss.isFinite
            ? "the gradient of step \(step) is not finite"
            : "the loss of step \(step) is \(loss.isNaN ? "nan" : "\(loss)")"
    }

    /// Describes the tensors that aren't finite, and their ranks.
    ///
    /// - Parameters:
    ///   - findings: a text for each rank; empty if all its numbers are finite.
    ///   - names: the ranks' names, in the same order.
    static func cause(_ findings: [String], _ names: [String]) -> String {
        guard let first = findings.first(where: { !$0.isEmpty }) else {
            return "every rank's own part is finite, so their sum is too large, or a machine computed a wrong value"
        }
        let ranks = findings.indices.filter { findings[$0] == first }
        let place = findings.count > 1 ? " on " + ranks.map { names[$0] }.joined(separator: ", ") : ""
        let others = findings.contains { !$0.isEmpty && $0 != first } ? ", and more on others" : ""
        return "\(first) \(first.contains(" and ") ? "are" : first.hasPrefix("the weights") ? "are" : "is") not finite"
            + place + others
    }
}
