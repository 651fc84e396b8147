/// The memory for a rank's micro-batches of one sequence length: tape, workers and weight
/// gradients.
final class Workspace {
    let rankBatch: RankBatch
    let logits: Tape.LogitsGradient
    let dropout: DropoutMasks.Use
    private let tape: Tape
    /// The T + 1 ids of one sequence.
    private let window: AlignedBuffer<UInt16>
    /// The members of all teams.
    private let workers: [TrainingWorker]
    private let pieces: [LossHead.Piece]
    /// One loss head for each worker of the pool.
    private let heads: [LossHead]
    private let pool: WorkerPool
    private let characters: BatchCharacters
    let weightGradient: WeightGradient

    /// Allocates the memory.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        _ rankBatch: RankBatch, logits: Tape.LogitsGradient, dropout: DropoutMasks.Use, isStateful: Bool,
        samplesInputs: Bool, characters: BatchCharacters, seed: UInt64, weights: PackedWeights,
        parameters: UnsafePointer<Float>, gradient: GradientSums,
        products: any PanelProducts,
        fold: ReductionTree.FoldPlan, grid: TeamGrid, pool: WorkerPool, heartbeat: Heartbeat
    ) throws {
        (self.rankBatch, self.logits, self.dropout) = (rankBatch, logits, dropout)
        (self.pool, self.characters) = (pool, characters)
        let tape = try Tape(
            weights.layout.configuration, rankBatch: rankBatch, logits: logits, dropout: dropout, seed: seed,
            heartbeat: heartbeat)
        self.tape = tape
        window = try AlignedBuffer(count: rankBatch.sequenceLength + 1)
        weightGradient = try WeightGradient(
            tape: tape, isStateful: isStateful, samplesInputs: samplesInputs, dropout: dropout, gradient: gradient,
            logitsPanels: logits == .kept ? nil : LogitsPanels(tape, weights: weights, parameters: parameters),
            products: products, fold: fold, pool: pool)
        workers = try grid.divide(rows: rankBatch.rows, units: tape.units).flatMap { team in
            let sampling =
                samplesInputs
                ? try InputSampling(
                    team, weights: weights, parameters: parameters, tape: tape, characters: characters, seed: seed)
                : nil
            return try TrainingWorker.all(
                team, weights: weights, parameters: parameters, tape: tape, dropout: dropout, sampling: sampling)
        }
        let pieces = LossHead.pieces(rankBatch, vocabularySize: tape.vocabularySize, workers: pool.count)
        self.pieces = pieces
        heads = try (0..<pool.count).map { _ in
            try LossHead(pieces: pieces, weights: weights, parameters: parameters, tape: tape)
        }
    }

    /// Runs the forward pass, the head and backpropagation through time on all workers.
    ///
    /// The gradients of gates and logits are left on the tape, as far as it keeps them.
    ///
    /// - Parameters:
    ///   - states: the initial states of the rows; nil for zeros.
    ///   - probabilities: the dropout probabilities, of the kinds that the memory was allocated
    ///     for.
    ///   - sampling: the scheduled-sampling rate; nil reads all inputs from the text.
    ///   - step: the number of steps applied before.
    func run(
        _ loss: RowLoss, from states: CarriedStates?, _ probabilities: Dropout, _ sampling: InputSampling.Rate?,
        step: Int, _ profile: inout StepProfile
    ) throws {
        try Clock.time(&profile.forward) { try tape.masks?.fill(probabilities, step: step, on: pool) }
        tape.isDropping = tape.masks != nil
        tape.sampling = sampling
        try forward(from: states, &profile)
        try time(&profile.head, &profile.wait) { [heads, pieces, pool] index in
            heads[index].begin()
            while let piece = pool.nextTask(below: pieces.count) { try heads[index].run(pieces[piece], loss) }
        } mean: {
            heads.reduce(0) { $0 + $1.seconds } / Double(heads.count)
        }
        try time(&profile.backward, &profile.wait) { [workers] index in
            if index < workers.count { workers[index].backward() }
        } mean: {
            workers.reduce(0) { $0 + $1.seconds.backward } / Double(max(1, workers.count))
        }
    }

    /// Runs the forward pass and the head without gradients, and sums each row's losses in the
    /// order of its tokens.
    ///
    /// - Parameters:
    ///   - states: the initial states of the rows; nil for zeros.
    ///   - counted: the number of leading tokens that count, for a row.
    /// - Returns: one sum per row of the rank.
    func losses(from states: CarriedStates?, counted: (Int) -> Int) throws -> [Double] {
        var profile = StepProfile()
        tape.isDropping = false
        tape.sampling = nil
        try forward(from: states, &profile)
        try pool.run { [heads, pieces, pool] index in
            while let piece = pool.nextTask(below: pieces.count) { try heads[index].measure(pieces[piece]) }
        }
        return (0..<rankBatch.rows).map { row in
            let offsets = rankBatch.offsets(of: row)
            return (0..<min(counted(row), rankBatch.sequenceLength)).reduce(0) {
                $0 + tape.losses[offsets.firstToken + offsets.token($1)]
            }
        }
    }

    /// Copies the rows' states after the last token.
    func copyLastStates(to states: CarriedStates) { tape.copyLastStates(to: states) }

    private func forward(from states: CarriedStates?, _ profile: inout StepProfile) throws {
        tape.start(from: states)
        try time(&profile.forward, &profile.wait) { [workers] index in
            if index < workers.count { workers[index].forward() }
        } mean: {
            workers.reduce(0) { $0 + $1.seconds.forward } / Double(max(1, workers.count))
        }
    }

    /// Runs a phase on all workers; adds their mean time to `phase` and the rest of the elapsed
    /// time to `wait`.
    private func time(
        _ phase: inout Double, _ wait: inout Double, _ work: WorkerPool.Work, mean: () -> Double
    ) throws {
        let start = Clock.seconds
        try pool.run(work)
        let (all, own) = (Clock.seconds - start, mean())
        phase += own
        wait += all - own
    }

    /// Reads a step's batch: the characters of all its sequences, and the rank's own sequences.
    ///
    /// - Parameter samplesInputs: whether inputs may be characters that aren't in the batch.
    /// - Throws: `DTrainError` with `usage` when there are too many distinct characters.
    func load(_ batch: Batch, samplesInputs: Bool = false) throws {
        characters.removeAll()
        for sequence in 0..<batch.count {
            batch.read(sequence, window.pointer)
            characters.insert(UnsafeBufferPointer(start: window.pointer, count: rankBatch.sequenceLength))
            if rankBatch.sequences.contains(sequence) {
                tape.store(window.pointer, row: sequence - rankBatch.sequences.lowerBound)
            }
        }
        if samplesInputs { characters.insertAll() }
        try characters.number()
        characters.replaceByRows(tape.inputs.elements)
    }
}
