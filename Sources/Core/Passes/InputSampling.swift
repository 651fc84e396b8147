import CKernels

/// Scheduled sampling in a team: some inputs are drawn from the model's own predictions instead of
/// the text.
///
/// S. Bengio, O. Vinyals, N. Jaitly, N. Shazeer, "Scheduled Sampling for Sequence Prediction with
/// Recurrent Neural Networks", 2015.
///
/// The draws depend on the seed, the step, and the sequence's index in the global batch. No
/// gradient passes through a draw.
///
/// The members of the team share it and must call it in the same order.
final class InputSampling {
    /// The sampling rate of a pass.
    struct Rate: Hashable, Sendable {
        /// The probability of drawing an input after a sequence's first.
        let probability: Float
        /// The number of steps applied before.
        let step: Int
    }

    private let team: Team
    private let logits: TeamLogits
    private let tape: Tape
    private let characters: BatchCharacters
    private let rowOffsets: [RowOffsets]
    private let random: CounterRandom
    /// The number of sequences of the global batch before the team's first.
    private let firstSequence: Int

    /// Prepares sampling for a team.
    ///
    /// - Parameter characters: a set with capacity for the whole vocabulary.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(
        _ team: Team, weights: PackedWeights, parameters: UnsafePointer<Float>, tape: Tape, characters: BatchCharacters,
        seed: UInt64
    ) throws {
        (self.team, self.tape, self.characters) = (team, tape, characters)
        logits = try TeamLogits(team, weights: weights, parameters: parameters)
        rowOffsets = team.rows.map(tape.rankBatch.offsets)
        random = CounterRandom(seed: seed, purpose: .scheduledSampling)
        firstSequence = tape.rankBatch.sequences.lowerBound + team.rows.lowerBound
    }

    /// Draws the sampled inputs of a time step after the first; returns when all members have done
    /// so.
    ///
    /// - Parameter states: the dense layer's operand after the previous time step, as for
    ///   `TeamLogits`.
    func draw(_ rate: Rate, time: Int, after states: UnsafeRawPointer, member: Int) {
        guard rowOffsets.indices.contains(where: { isDrawn($0, time, rate) }) else { return }
        logits.compute(states, member: member)
        team.barrier.arriveAndWait(member)
        for row in Partition.part(member, of: team.count, count: rowOffsets.count) where isDrawn(row, time, rate) {
            let offsets = rowOffsets[row]
            tape.inputs[offsets.firstToken + offsets.token(time)] = characters.row(of: drawn(row, time, rate))
        }
        team.barrier.arriveAndWait(member)
    }

    private func isDrawn(_ row: Int, _ time: Int, _ rate: Rate) -> Bool {
        words(row, time, rate).0.uniform < rate.probability
    }

    /// Draws a character other than `[UNK]`, from the softmax of all other logits.
    private func drawn(_ row: Int, _ time: Int, _ rate: Rate) -> Int {
        let (count, own) = (logits.vocabularySize, logits.logits.pointer + row * logits.vocabularySize)
        let sum = dtrain_sampling_weights(own, logits.bias, Int64(count), 1, 1, own)
        return Categorical.draw(own, first: 1, count: count, at: words(row, time, rate).1.uniform * sum)
    }

    /// Returns the random words of an input: the first decides whether it is drawn, the second
    /// which character.
    ///
    /// Steps and sequences stay below 2³².
    private func words(_ row: Int, _ time: Int, _ rate: Rate) -> Philox.Block {
        random.words(
            UInt64(truncatingIfNeeded: rate.step) &<< 32 | UInt64(truncatingIfNeeded: firstSequence + row),
            UInt32(truncatingIfNeeded: time))
    }
}
