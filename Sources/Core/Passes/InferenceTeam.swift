/// A team that reads or writes texts: it feeds characters to its rows and computes their logits.
///
/// All members call the same methods in the same order; each computes some of the units, and then some of the vocabulary.
///
/// N rows, V vocabulary.
final class ReadingTeam {
    let team: Team
    private let head: TeamLogits
    /// Each member's.
    private let forward: [ForwardPass]

    /// Prepares a team.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
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
    /// Without the bias: [N, V].
    var logits: AlignedBuffer<Float> { head.logits }

    /// Forgets everything: all states become zero.
    func reset(member: Int) { forward[member].reset() }

    /// Feeds one character to each row; when it returns, all members have, and the logits are complete.
    ///
    /// - Parameter ids: the vocabulary id of each row.
    func advance(_ ids: UnsafePointer<UInt16>, member: Int) {
        forward[member].advance(ids)
        head.compute(forward[member].top(), member: member)
        meet(member)
    }

    /// Waits until all members have called this.
    func meet(_ member: Int) { team.barrier.meet(member) }
}
