/// A rank's copy of the model and the memory of its part of a step; knows nothing of other ranks.
///
/// A step: `computeGradient` sums this rank's micro-batches into nodes of the reduction tree, the trainer sums all ranks'
/// nodes, `completeGradient` derives what isn't exchanged, and `applyGradient` updates the weights.
package final class Replica: @unchecked Sendable {
    /// What fixes the shapes of a rank's work.
    package struct Configuration: Sendable {
        /// The model's sizes.
        package var model: ModelConfiguration
        /// The rank's micro-batches.
        package var rankBatch: RankBatch
        /// The optimiser.
        package var optimizer: any Optimizer
        /// Of the recurrent layers' products.
        package var precision: Precision
        /// Worker threads.
        package var threads: Int
        /// The ranks of the job, among which the adding up of the gradient is divided.
        package var ranks: Int

        /// The shapes of a rank's work.
        package init(
            model: ModelConfiguration, rankBatch: RankBatch, optimizer: any Optimizer, precision: Precision = .fp32,
            threads: Int, ranks: Int = 1
        ) {
            self.model = model
            self.rankBatch = rankBatch
            self.optimizer = optimizer
            self.precision = precision
            self.threads = threads
            self.ranks = ranks
        }
    }

    /// The layout of the parameters.
    package let layout: ParameterLayout
    /// The flat parameters.
    package let parameters: AlignedBuffer<Float>
    /// The gradient: this rank's nodes, then the whole step's.
    package let gradient: GradientSums
    /// The optimiser with its slots and step count.
    package let optimizerState: OptimizerState
    /// The tree over all micro-batches of a step.
    package let tree: ReductionTree

    /// Where the seconds of the current step went; `computeGradient` starts it afresh.
    package private(set) var profile = StepProfile()

    let pool: WorkerPool
    let configuration: Configuration
    private let heartbeat: Heartbeat
    private let fold: ReductionTree.FoldPlan
    private let weights: PackedWeights
    /// Of the sequence length that was used last; nil when that one found no memory.
    private var workspace: Workspace?
    private let tableGradient: TableGradient
    let gradientNorm: GradientNorm
    private let optimizerStep: OptimizerStep
    /// Whether a gradient of this replica is in use.
    private(set) var isStepOpen = false

    /// Allocates a replica with zero weights.
    ///
    /// - Parameters:
    ///   - configuration: the shapes of the rank's work.
    ///   - heartbeat: beats with each time step.
    ///   - host: `sharedBytes` for what the ranks of a host can share; their gradients are computed at the same time.
    /// - Throws: `DTrainError` with `internal` when memory or threads run out.
    package init(
        _ configuration: Configuration, heartbeat: Heartbeat = Heartbeat(), host: (any HostMemory)? = nil
    ) throws {
        self.configuration = configuration
        let rankBatch = configuration.rankBatch
        self.heartbeat = heartbeat
        layout = ParameterLayout(configuration.model)
        parameters = try AlignedBuffer(count: layout.count)
        optimizerState = try OptimizerState(configuration.optimizer, count: layout.count)
        pool = try WorkerPool(count: configuration.threads)
        let operands = configuration.precision.operands
        weights = try PackedWeights(
            layout: layout, parameters: parameters.pointer, products: operands.weightProducts(), training: true,
            pool: pool, host: host)
        tree = ReductionTree(
            leafCount: RankBatch.microBatchCount(
                batchSize: rankBatch.batchSize, microBatchSize: rankBatch.microBatchSize))
        fold = tree.foldPlan(of: rankBatch.microBatches)
        let gradientLayout = GradientLayout(layout)
        gradient = try GradientSums(
            gradientLayout,
            blocks: GradientBlocks(gradientLayout, tasks: PanelTask.all(layout), ranks: configuration.ranks),
            nodeCount: fold.nodes.count)
        tableGradient = try TableGradient(gradient)
        gradientNorm = try GradientNorm(gradient)
        optimizerStep = OptimizerStep(optimizerState, parameters: parameters.pointer, gradient: gradient)
        try prepare(sequenceLength: rankBatch.sequenceLength)
    }

    /// Bytes that the ranks of a host can share of a model's replicas.
    package static func sharedBytes(_ model: ModelConfiguration) -> Int { PackedWeights.mostBytes(model) }

    /// The step's mean loss over the whole batch, after the nodes have been added up.
    package var loss: Float { gradient.loss }

    /// Computes this rank's nodes at the current weights.
    ///
    /// Collective where the ranks of a host share memory: not before all of them have finished the last step's sum.
    ///
    /// - Parameters:
    ///   - batch: the global batch; its sequence length may differ from step to step, which allocates memory anew.
    ///   - loss: the loss of a row of logits.
    ///   - advance: called by the calling thread, again and again, with the number of the gradient's leading blocks that are
    ///     complete: those may travel.
    package func computeGradient(
        of batch: Batch, loss: RowLoss = .crossEntropy, advance: (Int) throws -> Void = { _ in }
    ) throws {
        profile = StepProfile()
        let workspace = try workspace(sequenceLength: batch.sequenceLength)
        // A rank without rows packs for the others of its host.
        try Clock.time(&profile.pack) { try weights.pack() }
        let workers = workspace.workers
        guard !workers.isEmpty else { return }
        let start = Clock.seconds
        try pool.run { index in
            guard index < workers.count else { return }
            workers[index].load(batch.read)
            try workers[index].run(loss)
        }
        addProfiles(of: workers, seconds: Clock.seconds - start)
        try Clock.time(&profile.weightGradient) { try workspace.weightGradient.run(advance) }
    }

    /// Derives the embedding's and the first kernel's gradients from the sums of all ranks, and the norm of the whole.
    ///
    /// - Returns: the norm over all parameters; finite exactly when every element is.
    package func completeGradient() throws -> Double {
        try Clock.time(&profile.adam) {
            try pool.run { [self] _ in
                while let panel = pool.nextTask(below: tableGradient.panelCount) { tableGradient.gather(panel: panel) }
            }
            try pool.run { [self] _ in
                while let task = pool.nextTask(below: TableGradient.tasks) {
                    try tableGradient.run(task: task, parameters: parameters.pointer)
                }
            }
            try pool.run { [self] _ in
                while let piece = pool.nextTask(below: gradientNorm.count) { gradientNorm.run(piece: piece) }
            }
            return gradientNorm.value
        }
    }

    /// Takes one optimiser step with the completed gradient, which must be finite.
    ///
    /// - Parameters:
    ///   - learningRate: the learning rate of this step.
    ///   - scale: a factor for every element of the gradient.
    package func applyGradient(learningRate: Double, scale: Float = 1) throws {
        try Clock.time(&profile.adam) {
            optimizerStep.begin(learningRate: learningRate, gradientScale: scale)
            try pool.run { [self] _ in
                while let task = pool.nextTask(below: optimizerStep.count) { optimizerStep.run(task: task) }
            }
            optimizerStep.finish()
        }
    }

    /// Marks the gradient as in use, until `endStep`.
    ///
    /// - Throws: `DTrainError` with `usage` when it is already.
    func beginStep() throws {
        guard !isStepOpen else {
            throw DTrainError(
                .usage, "the trainer's last gradient is still in use; apply it or let it go before the next")
        }
        isStepOpen = true
    }

    /// Frees the gradient for the next step.
    func endStep() { isStepOpen = false }

    /// Allocates the memory for sequences of a length, unless the last batch had the same.
    func prepare(sequenceLength: Int) throws { _ = try workspace(sequenceLength: sequenceLength) }

    private func workspace(sequenceLength: Int) throws -> Workspace {
        if let workspace, workspace.rankBatch.sequenceLength == sequenceLength { return workspace }
        // The old memory goes first, so that the larger of two lengths decides how much there must be.
        workspace = nil
        let made = try Workspace(
            configuration.rankBatch.with(sequenceLength: sequenceLength), weights: weights,
            parameters: parameters.pointer,
            gradient: gradient, products: configuration.precision.operands.panelProducts(), fold: fold, pool: pool,
            heartbeat: heartbeat)
        workspace = made
        return made
    }

    private func addProfiles(of workers: [TrainingWorker], seconds: Double) {
        let share = 1 / Double(workers.count)
        for worker in workers {
            profile.forward += worker.profile.forward * share
            profile.head += worker.profile.head * share
            profile.backward += worker.profile.backward * share
        }
        profile.wait = seconds - profile.forward - profile.head - profile.backward
    }
}
