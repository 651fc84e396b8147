import CKernels
import Glibc

/// The mean loss of a model over a whole text.
///
/// The text is cut into windows of `sequenceLength` characters, each started from zero states as in
/// training; a window's targets overlap the next window's inputs by one, so that every character
/// but the very first is predicted exactly once.
public final class Evaluator {
    /// The result of an evaluation.
    public struct Result: Hashable, Sendable {
        /// The mean cross-entropy in nats per character.
        public let loss: Double
        /// The number of predicted characters.
        public let characters: Int
        /// The loss in bits per character.
        public var bitsPerCharacter: Double { loss / M_LN2 }
        /// The perplexity per character, e^loss.
        public var perplexity: Double { exp(loss) }

        init(loss: Double, characters: Int) {
            self.loss = loss
            self.characters = characters
        }
    }

    /// The number of windows for each worker that a team advances together.
    private static let rows = 32

    private let layout: ParameterLayout
    private let parameters: AlignedBuffer<Float>
    private let sequenceLength: Int
    private let pool: WorkerPool
    private let weights: PackedWeights

    /// Prepares the evaluation of a checkpoint's model.
    ///
    /// - Parameters:
    ///   - checkpoint: a checkpoint of any kind; its weights are copied.
    ///   - sequenceLength: the characters of a window; nil for the length that the model was trained with,
    ///     or the setting's default where the checkpoint doesn't say.
    ///   - threads: worker threads; nil for all processors that the process may use, as far as its CPU quota allows.
    /// - Throws: `DTrainError` with `usage` for a length below 1, `internal` when memory or threads run out.
    public convenience init(checkpoint: Checkpoint, sequenceLength: Int? = nil, threads: Int? = nil) throws {
        let length = sequenceLength ?? (checkpoint.metadata.settings ?? Settings())[.sequenceLength]
        guard length > 0 else { throw DTrainError(.usage, "the sequence length is \(length); give at least 1") }
        try self.init(
            layout: checkpoint.layout, parameters: checkpoint.parameters(), sequenceLength: length,
            threads: threads ?? ProcessorSet.defaultThreads)
    }

    /// Prepares the evaluation of a model.
    ///
    /// - Parameters:
    ///   - layout: the layout of the parameters.
    ///   - parameters: the flat parameters.
    ///   - sequenceLength: the characters of a window.
    ///   - threads: worker threads.
    /// - Throws: `DTrainError` with `internal` when memory or threads run out.
    package init(layout: ParameterLayout, parameters: AlignedBuffer<Float>, sequenceLength: Int, threads: Int) throws {
        self.layout = layout
        self.parameters = parameters
        self.sequenceLength = sequenceLength
        pool = try WorkerPool(count: threads)
        weights = try PackedWeights(
            layout: layout, parameters: parameters.pointer, products: OperandFormat.fp32.weightProducts(),
            use: .reading, pool: pool)
        try weights.pack()
    }

    /// Evaluates the model on a text of at least two characters.
    ///
    /// - Parameter corpus: the text, opened with the model's vocabulary.
    /// - Throws: `DTrainError` with `badData` for a text of fewer than two characters, or one whose
    ///   vocabulary has another size than the model's; `internal` when memory runs out.
    public func evaluate(_ corpus: Corpus) throws -> Result {
        let size = layout.configuration.vocabularySize
        guard corpus.vocabulary.size == size else {
            throw DTrainError(
                .badData,
                "'\(corpus.name)' was opened with a vocabulary of \(corpus.vocabulary.size) entries, but the model has "
                    + "\(size); open it with the checkpoint's vocabulary")
        }
        return try evaluate(characters: corpus.count) { corpus.read(from: $0, count: $1, into: $2) }
    }

    /// Evaluates the model on a text of at least two characters.
    ///
    /// - Parameters:
    ///   - characters: the length of the text.
    ///   - read: fills in the ids of a range of the text: its first character, its length, the
    ///     buffer. Called by several threads.
    /// - Throws: `DTrainError` with `badData` for a text of fewer than two characters, `internal`
    ///   when memory runs out.
    package func evaluate(
        characters: Int, _ read: @Sendable (Int, Int, UnsafeMutablePointer<UInt16>) -> Void
    ) throws -> Result {
        let predictions = characters - 1
        guard predictions > 0 else {
            throw DTrainError(.badData, "a text of \(characters) characters has nothing to predict; give a longer one")
        }
        let length = min(sequenceLength, predictions)
        let windows = (predictions + length - 1) / length
        let losses = try AlignedBuffer<Double>(count: windows)
        let rows = min(windows, Self.rows * pool.count)
        let grid = TeamCost(layout.configuration, format: weights.products.format)
            .best(rows: rows, workers: pool.count)
        let teams = try grid.divide(rows: rows, units: layout.configuration.rnnUnits).map {
            try EvaluationTeam($0, length: length, weights: weights, parameters: parameters.pointer)
        }
        let places = teams.flatMap { team in (0..<team.team.count).map { (team: team, member: $0) } }
        try pool.run { worker in
            guard worker < places.count else { return }
            let (team, member) = places[worker]
            // Each round takes the next windows of the text, of which each team has its rows.
            for first in stride(from: team.team.rows.lowerBound, to: windows, by: rows) {
                let part = first..<min(windows, first + team.team.rows.count)
                team.run(member: member, windows: part, predictions, losses, read)
            }
        }
        return Result(loss: losses.elements.reduce(0, +) / Double(predictions), characters: predictions)
    }
}

/// The windows that a team advances together.
private final class EvaluationTeam: @unchecked Sendable {
    let team: Team
    private let reading: ReadingTeam
    private let length: Int
    /// A row of `length + 1` ids for each window.
    private let text: AlignedBuffer<UInt16>
    /// The inputs of a time step, one for each window, for each member.
    private let ids: [AlignedBuffer<UInt16>]

    init(_ team: Team, length: Int, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
        self.team = team
        self.length = length
        reading = try ReadingTeam(team, weights: weights, parameters: parameters)
        text = try AlignedBuffer(count: team.rows.count * (length + 1))
        ids = try (0..<team.count).map { _ in try AlignedBuffer(count: team.rows.count) }
    }

    /// Sums the losses of each of the windows into `losses`; all members call this.
    func run(
        member: Int, windows: Range<Int>, _ predictions: Int, _ losses: AlignedBuffer<Double>,
        _ read: (Int, Int, UnsafeMutablePointer<UInt16>) -> Void
    ) {
        func count(_ window: Int) -> Int { min(length, predictions - window * length) }
        let own = Partition.balanced(count: windows.count, parts: team.count)[member]
        for row in own {
            let window = windows.lowerBound + row
            read(window * length, count(window) + 1, text.pointer + row * (length + 1))
            losses[window] = 0
        }
        let (ids, vocabularySize) = (ids[member], reading.vocabularySize)
        reading.reset(member: member)
        reading.meet(member)
        // Only the text's last window may be shorter; it may be alone in its group.
        let longest = windows.map(count).max() ?? 0
        for time in 0..<longest {
            for row in 0..<windows.count { ids[row] = text[row * (length + 1) + time] }
            reading.advance(ids.pointer, member: member)
            for row in own where time < count(windows.lowerBound + row) {
                losses[windows.lowerBound + row] += dtrain_softmax_cross_entropy(
                    reading.logits.pointer + row * vocabularySize, reading.bias, Int64(vocabularySize),
                    Int64(text[row * (length + 1) + time + 1]), 1, nil, nil)
            }
        }
        // The next windows replace the text, which others may still read.
        reading.meet(member)
    }
}
