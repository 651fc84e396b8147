/// A team for inference: it feeds characters to its rows and computes their logits.
///
/// All members must call the same methods in the same order. Each computes a part of the units,
/// then a part of the vocabulary.
///
/// N rows, V vocabulary size.
final class InferenceTeam {
    let team: Team
    private let head: TeamLogits
    /// The pass of each member.
    private let forward: [ForwardPass]

    /// Prepares a team.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(_ team: Team, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
        self.team = team
        head = try TeamLogits(team, weights: weights, parameters: parameters)
        let states = try TeamStates(team, weights: weights)
        forward = try (0..<team.count).map {
            try ForwardPass(states, member: $0, weights: weights, parameters: parameters)
        }
    }

    /// The dense layer's bias: [V].
    var bias: UnsafePointer<Float> { head.bias }
    /// V.
    var vocabularySize: Int { head.vocabularySize }
    /// The logits without the bias: [N, V].
    var logits: AlignedBuffer<Float> { head.logits }

    /// Sets all states to zero.
    func reset(member: Int) { forward[member].reset() }

    /// Feeds one character to each row; returns when all members have done so and the logits are
    /// complete.
    ///
    /// - Parameter ids: the vocabulary id of each row.
    func advance(_ ids: UnsafePointer<UInt16>, member: Int) {
        forward[member].advance(ids)
        head.compute(forward[member].top(), member: member)
        arriveAndWait(member)
    }

    /// Waits until all members have called this.
    func arriveAndWait(_ member: Int) { team.barrier.arriveAndWait(member) }
}
