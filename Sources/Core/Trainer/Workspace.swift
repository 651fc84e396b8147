/// The memory for a rank's micro-batches of one sequence length: tape, workers, weight gradients.
final class Workspace {
    let rankBatch: RankBatch
    let workers: [TrainingWorker]
    let weightGradient: WeightGradient

    /// Allocates the memory.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(
        _ rankBatch: RankBatch, weights: PackedWeights, parameters: UnsafePointer<Float>, gradient: GradientSums,
        products: any PanelProducts, fold: ReductionTree.FoldPlan, pool: WorkerPool, heartbeat: Heartbeat
    ) throws {
        self.rankBatch = rankBatch
        let tape = try Tape(weights.layout.configuration, rankBatch: rankBatch, heartbeat: heartbeat)
        weightGradient = try WeightGradient(
            tape: tape, gradient: gradient, products: products, fold: fold, pool: pool)
        workers = try Partition.balanced(count: rankBatch.rows, parts: pool.count).filter { !$0.isEmpty }.map {
            try TrainingWorker(rows: $0, weights: weights, parameters: parameters, tape: tape)
        }
    }
}
