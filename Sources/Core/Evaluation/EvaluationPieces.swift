/// How a text is cut for its evaluation: rows that advance together, each a piece of the text in each round.
struct EvaluationPieces: Sendable {
    /// The streams of an evaluation that carries states.
    static let streams = 64

    /// Characters that are predicted.
    let predictions: Int
    /// The most characters of a piece.
    let length: Int
    /// Whether a row's pieces follow one another, with its state carried on.
    let carriesState: Bool
    /// Rows that advance together.
    let rows: Int
    /// The rounds that the whole text takes.
    let rounds: Int
    /// The sums of losses: one for each window or stream.
    let sums: Int

    init(predictions: Int, length: Int, mostRows: Int, carriesState: Bool) {
        (self.predictions, self.length, self.carriesState) = (predictions, length, carriesState)
        let lanes = carriesState ? min(Self.streams, predictions) : predictions.groups(of: length)
        sums = lanes
        rows = carriesState ? lanes : min(lanes, mostRows)
        rounds = carriesState ? predictions.groups(of: lanes).groups(of: length) : lanes.groups(of: rows)
    }

    /// The sum that a row's piece of a round belongs to.
    func sum(row: Int, round: Int) -> Int { carriesState ? row : round * rows + row }

    /// The characters, by their places in the text, that a row reads in a round and predicts the following ones from; may be empty.
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
