import DTrainCore

/// What made a step's loss or gradient infinite or not a number.
struct GradientFailure {
    /// The step, from 1.
    let step: Int
    /// The step's mean loss.
    let loss: Float

    /// Looks for the rank and the tensor; collective.
    ///
    /// The ranks' own sums are used up by then, so each computes its own again: the weights are still those of the step.
    ///
    /// - Parameters:
    ///   - replica: this rank's.
    ///   - recompute: computes this rank's nodes again.
    /// - Returns: the error that all ranks throw.
    func diagnose(_ replica: Replica, _ communicator: any Communicator, recompute: () throws -> Void) throws
        -> CollectiveError
    {
        try recompute()
        let own =
            replica.layout.firstNonFinite(in: replica.parameters.pointer).map { "the weights of \($0)" }
            ?? replica.gradient.nonFiniteInNodes() ?? ""
        let findings = try communicator.allGather(own)
        let names = try communicator.allGather(communicator.name)
        return CollectiveError(
            DTrainError(
                .badData, "\(result): \(Self.cause(findings, names))",
                hint:
                    "lower `learning-rate` or limit the gradient with `clip-norm`, and go on from the last checkpoint "
                    + "with `resume`"))
    }

    private var result: String {
        loss.isFinite
            ? "the gradient of step \(step) is not finite"
            : "the loss of step \(step) is \(loss.isNaN ? "nan" : "\(loss)")"
    }

    /// Who has found what, in rank order; a text for each rank, empty where all is finite.
    static func cause(_ findings: [String], _ names: [String]) -> String {
        guard let first = findings.first(where: { !$0.isEmpty }) else {
            return "every rank's own part is finite, so their sum is too large, or a machine has miscalculated"
        }
        let ranks = findings.indices.filter { findings[$0] == first }
        let place = findings.count > 1 ? " on " + ranks.map { names[$0] }.joined(separator: ", ") : ""
        let others = findings.contains { !$0.isEmpty && $0 != first } ? ", and more on others" : ""
        return "\(first) \(first.contains(" and ") ? "are" : first.hasPrefix("the weights") ? "are" : "is") not finite"
            + place + others
    }
}
