import CKernels
import Glibc

/// An evaluator of a model's mean loss over a whole text.
///
/// By default, the text is divided into windows of `sequenceLength` characters, which start from
/// zero states as in training. A window's targets overlap the next window's inputs by one
/// character, so every character but the first is predicted exactly once.
///
/// Alternatively, the text is divided into 64 streams of equal length, which carry their states to
/// the end.
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

    /// The number of windows per worker that a team advances together.
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
    ///   - sequenceLength: the number of characters in a window; nil uses the length of the
    ///     training, or the setting's default if the checkpoint has none.
    ///   - precision: the precision of the matrix products.
    ///   - threads: the number of worker threads; nil uses all processors available to the process
    ///     within its CPU quota.
    /// - Throws: `DTrainError` with `usage` for a length below 1 or when `DTRAIN_MAX_ISA` names an
    ///   instruction set that this CPU lacks, with `internal` when memory or threads run out.
    public convenience init(
        checkpoint: Checkpoint, sequenceLength: Int? = nil, precision: Precision = .fp32, threads: Int? = nil
    ) throws {
        let length = sequenceLength ?? (checkpoint.metadata.settings ?? Settings())[.sequenceLength]
        guard length > 0 else { throw DTrainError(.usage, "the sequence length is \(length); give at least 1") }
        try self.init(
            layout: checkpoint.layout, parameters: checkpoint.parameters(), sequenceLength: length,
            precision: precision,
            threads: threads ?? ProcessorSet.defaultThreads)
    }

    /// Prepares the evaluation of a model.
    ///
    /// - Parameters:
    ///   - layout: the layout of the parameters.
    ///   - parameters: the flat parameters.
    ///   - sequenceLength: the number of characters in a window.
    ///   - precision: the precision of the matrix products.
    ///   - threads: the number of worker threads.
    /// - Throws: `DTrainError` with `usage` when `DTRAIN_MAX_ISA` names an instruction set that
    ///   this CPU lacks, with `internal` when memory or threads run out.
    package init(
        layout: ParameterLayout, parameters: AlignedBuffer<Float>, sequenceLength: Int, precision: Precision = .fp32,
        threads: Int
    ) throws {
        self.layout = layout
        self.parameters = parameters
        self.sequenceLength = sequenceLength
        pool = try WorkerPool(count: threads)
        weights = try PackedWeights.forInference(
            layout, parameters: parameters.pointer, precision: precision, pool: pool)
        try weights.pack()
    }

    /// Evaluates the model on a text of at least two characters.
    ///
    /// - Parameters:
    ///   - corpus: the text, opened with the model's vocabulary.
    ///   - carryState: whether to read the text in 64 streams that carry their states, instead of
    ///     windows.
    /// - Throws: `DTrainError` with `badData` for a text of fewer than two characters, or one whose
    ///   vocabulary has another size than the model's; with `internal` when memory runs out.
    public func evaluate(_ corpus: Corpus, carryState: Bool = false) throws -> Result {
        let size = layout.configuration.vocabularySize
        guard corpus.vocabulary.size == size else {
            throw DTrainError(
                .badData,
                "'\(corpus.name)' was opened with a vocabulary of \(corpus.vocabulary.size) entries, but the model has "
                    + "\(size); open it with the checkpoint's vocabulary")
        }
        return try evaluate(characters: corpus.count, carryState: carryState) {
            corpus.read(from: $0, count: $1, into: $2)
        }
    }

    /// Evaluates the model on a text of at least two characters.
    ///
    /// - Parameters:
    ///   - characters: the length of the text.
    ///   - carryState: whether to read the text in 64 streams that carry their states, instead of
    ///     windows.
    ///   - read: writes the ids of a range of the text. Its arguments are the first character, the
    ///     length and the destination. Several threads call it.
    /// - Throws: `DTrainError` with `badData` for a text of fewer than two characters, with
    ///   `internal` when memory runs out.
    package func evaluate(
        characters: Int, carryState: Bool = false, _ read: @Sendable (Int, Int, UnsafeMutablePointer<UInt16>) -> Void
    ) throws -> Result {
        let predictions = characters - 1
        guard predictions > 0 else {
            throw DTrainError(.badData, "a text of \(characters) characters has nothing to predict; give a longer one")
        }
        let pieces = EvaluationPieces(
            predictions: predictions, length: min(sequenceLength, predictions), mostRows: Self.rows * pool.count,
            carriesState: carryState)
        let losses = try AlignedBuffer<Double>(count: pieces.sums)
        let grid = TeamCost(layout.configuration, format: weights.products.format)
            .best(rows: pieces.rows, workers: pool.count)
        let teams = try grid.divide(rows: pieces.rows, units: layout.configuration.rnnUnits).map {
            try EvaluationTeam($0, pieces, weights: weights, parameters: parameters.pointer)
        }
        let places = teams.flatMap { team in (0..<team.team.count).map { (team: team, member: $0) } }
        try pool.run { worker in
            guard worker < places.count else { return }
            let (team, member) = places[worker]
            for round in 0..<pieces.rounds { team.run(member: member, round: round, losses, read) }
        }
        return Result(loss: losses.elements.reduce(0, +) / Double(predictions), characters: predictions)
    }
}
