import CKernels

/// A team of workers with the rows of a text that it advances together.
final class EvaluationTeam: @unchecked Sendable {
    let team: Team
    private let pieces: EvaluationPieces
    private let reading: InferenceTeam
    /// The ids of each of the team's rows, `length + 1` per row.
    private let text: AlignedBuffer<UInt16>
    /// The inputs of a time step for all rows, a copy for each member.
    private let ids: [AlignedBuffer<UInt16>]

    init(_ team: Team, _ pieces: EvaluationPieces, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
        (self.team, self.pieces) = (team, pieces)
        reading = try InferenceTeam(team, weights: weights, parameters: parameters)
        text = try AlignedBuffer(count: team.rows.count * (pieces.length + 1))
        ids = try (0..<team.count).map { _ in try AlignedBuffer(count: team.rows.count) }
    }

    /// Adds the losses of a round to the sums; all members must call this.
    func run(
        member: Int, round: Int, _ losses: AlignedBuffer<Double>,
        _ read: (Int, Int, UnsafeMutablePointer<UInt16>) -> Void
    ) {
        let (first, width) = (team.rows.lowerBound, pieces.length + 1)
        let counts = team.rows.map { pieces.piece(row: $0, round: round).count }
        guard let longest = counts.max(), longest > 0 else { return }
        let own = Partition.part(member, of: team.count, count: counts.count)
        for row in own where counts[row] > 0 {
            let piece = pieces.piece(row: first + row, round: round)
            read(piece.lowerBound, piece.count + 1, text.pointer + row * width)
        }
        if round == 0 || !pieces.carriesState { reading.reset(member: member) }
        reading.arriveAndWait(member)
        let (ids, vocabularySize) = (ids[member], reading.vocabularySize)
        for time in 0..<longest {
            for row in counts.indices { ids[row] = text[row * width + time] }
            reading.advance(ids.pointer, member: member)
            for row in own where time < counts[row] {
                losses[pieces.sum(row: first + row, round: round)] += dtrain_softmax_cross_entropy(
                    reading.logits.pointer + row * vocabularySize, reading.bias, Int64(vocabularySize),
                    Int64(text[row * width + time + 1]), 1, nil, nil)
            }
        }
        // The next round overwrites the text, which other members may still be reading.
        reading.arriveAndWait(member)
    }
}
