/// The division of a text for its evaluation: rows that advance together, each with one piece of
/// the text per round.
struct EvaluationPieces: Sendable {
    /// The number of streams in an evaluation that carries states.
    static let streams = 64

    /// The number of predicted characters.
    let predictions: Int
    /// The most characters in a piece.
    let length: Int
    /// Whether a row's pieces follow one another in the text and carry its state.
    let carriesState: Bool
    /// The number of rows that advance together.
    let rows: Int
    /// The number of rounds for the whole text.
    let rounds: Int
    /// The number of loss sums, one per window or stream.
    let sums: Int

    init(predictions: Int, length: Int, mostRows: Int, carriesState: Bool) {
        (self.predictions, self.length, self.carriesState) = (predictions, length, carriesState)
        let lanes = carriesState ? min(Self.streams, predictions) : predictions.groups(of: length)
        sums = lanes
        rows = carriesState ? lanes : min(lanes, mostRows)
        rounds = carriesState ? predictions.groups(of: lanes).groups(of: length) : lanes.groups(of: rows)
    }

    /// The index of the sum for a row's piece in a round.
    func sum(row: Int, round: Int) -> Int { carriesState ? row : round * rows + row }

    /// The positions in the text of a row's inputs in a round; may be empty.
    ///
    /// Each input predicts the following character.
    func piece(row: Int, round: Int) -> Range<Int> {
        let lane =
            carriesState
            ? Partition.part(row, of: rows, count: predictions)
            : min(predictions, (round * rows + row) * length)..<min(predictions, (round * rows + row + 1) * length)
        guard carriesState else { return lane }
        let first = min(lane.upperBound, lane.lowerBound + round * length)
        return first..<min(lane.upperBound, first + length)
    }
}
