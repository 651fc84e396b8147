import CKernels

/// Scheduled sampling in a team: some inputs are drawn from the model's own predictions instead of read from the text.
///
/// S. Bengio, O. Vinyals, N. Jaitly, N. Shazeer, Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks, 2015.
/// What is drawn follows from seed, step, and the sequence's place in the global batch, and no gradient passes through the draw.
///
/// Shared by the members of the team, who call it in the same order.
final class InputSampling {
    /// How the inputs of a pass are drawn.
    struct Rate: Hashable, Sendable {
        /// The probability that an input after a sequence's first is drawn.
        let probability: Float
        /// The steps applied before.
        let step: Int
    }

    private let team: Team
    private let logits: TeamLogits
    private let tape: Tape
    private let characters: BatchCharacters
    private let places: [RowPlace]
    private let random: CounterRandom
    /// The sequences of the global batch before the team's first.
    private let firstSequence: Int

    /// Prepares a team.
    ///
    /// - Parameter characters: room for the whole vocabulary.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        _ team: Team, weights: PackedWeights, parameters: UnsafePointer<Float>, tape: Tape, characters: BatchCharacters,
        seed: UInt64
    ) throws {
        (self.team, self.tape, self.characters) = (team, tape, characters)
        logits = try TeamLogits(team, weights: weights, parameters: parameters)
        places = team.rows.map(tape.rankBatch.place)
        random = CounterRandom(seed: seed, purpose: .scheduledSampling)
        firstSequence = tape.rankBatch.sequences.lowerBound + team.rows.lowerBound
    }

    /// Draws the inputs of a time step after the first where they are to be drawn; when it returns, all members have.
    ///
    /// - Parameter states: what the dense layer reads after the time before, as for `TeamLogits`.
    func draw(_ rate: Rate, time: Int, after states: UnsafeRawPointer, member: Int) {
        guard places.indices.contains(where: { isDrawn($0, time, rate) }) else { return }
        logits.compute(states, member: member)
        team.barrier.meet(member)
        for row in Partition.part(member, of: team.count, count: places.count) where isDrawn(row, time, rate) {
            let place = places[row]
            tape.inputs[place.firstToken + place.token(time)] = characters.row(of: drawn(row, time, rate))
        }
        team.barrier.meet(member)
    }

    private func isDrawn(_ row: Int, _ time: Int, _ rate: Rate) -> Bool {
        words(row, time, rate).0.uniform < rate.probability
    }

    /// A character other than `[UNK]`, from the softmax of the others' logits.
    private func drawn(_ row: Int, _ time: Int, _ rate: Rate) -> Int {
        let (count, own) = (logits.vocabularySize, logits.logits.pointer + row * logits.vocabularySize)
        let sum = dtrain_sampling_weights(own, logits.bias, Int64(count), 1, 1, own)
        return Categorical.draw(own, first: 1, count: count, at: words(row, time, rate).1.uniform * sum)
    }

    /// Random words of a place: the first tells whether the input is drawn, the second which one.
    ///
    /// Steps and sequences stay below 2³².
    private func words(_ row: Int, _ time: Int, _ rate: Rate) -> Philox.Block {
        random.words(
            UInt64(truncatingIfNeeded: rate.step) &<< 32 | UInt64(truncatingIfNeeded: firstSequence + row),
            UInt32(truncatingIfNeeded: time))
    }
}
