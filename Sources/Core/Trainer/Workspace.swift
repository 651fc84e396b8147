/// The memory for a rank's micro-batches of one sequence length: tape, workers, weight gradients.
final class Workspace {
    let rankBatch: RankBatch
    let logits: Tape.LogitsGradient
    private let tape: Tape
    /// The T + 1 ids of one sequence.
    private let window: AlignedBuffer<UInt16>
    let workers: [TrainingWorker]
    let weightGradient: WeightGradient

    /// Allocates the memory.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        _ rankBatch: RankBatch, logits: Tape.LogitsGradient, weights: PackedWeights, parameters: UnsafePointer<Float>,
        gradient: GradientSums,
        products: any PanelProducts, fold: ReductionTree.FoldPlan, pool: WorkerPool, heartbeat: Heartbeat
    ) throws {
        (self.rankBatch, self.logits) = (rankBatch, logits)
        let tape = try Tape(
            weights.layout.configuration, rankBatch: rankBatch, logits: logits, heartbeat: heartbeat)
        self.tape = tape
        window = try AlignedBuffer(count: rankBatch.sequenceLength + 1)
        weightGradient = try WeightGradient(
            tape: tape, gradient: gradient,
            logitsPanels: logits == .kept ? nil : LogitsPanels(tape, weights: weights, parameters: parameters),
            products: products, fold: fold, pool: pool)
        workers = try Partition.balanced(count: rankBatch.rows, parts: pool.count).filter { !$0.isEmpty }.map {
            try TrainingWorker(rows: $0, weights: weights, parameters: parameters, tape: tape)
        }
    }

    /// Reads a step's batch: the characters of all its sequences, and the rank's own sequences.
    ///
    /// - Throws: `DTrainError` with `usage` when there are too many characters.
    func load(_ batch: Batch, _ characters: BatchCharacters) throws {
        characters.removeAll()
        for sequence in 0..<batch.count {
            batch.read(sequence, window.pointer)
            characters.insert(UnsafeBufferPointer(start: window.pointer, count: rankBatch.sequenceLength))
            if rankBatch.sequences.contains(sequence) {
                tape.store(window.pointer, row: sequence - rankBatch.sequences.lowerBound)
            }
        }
        try characters.number()
        characters.replaceByRows(tape.inputs.elements)
    }
}
