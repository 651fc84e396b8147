/// A rank's copy of the model and the memory for its part of a step, independent of communication.
///
/// A step: `computeGradient` sums this rank's micro-batches into nodes of the reduction tree, the
/// trainer sums the nodes of all ranks, `completeGradient` derives the gradients that aren't
/// exchanged, and `applyGradient` updates the weights.
package final class Replica: @unchecked Sendable {
    /// The sizes and settings that determine the shapes of a rank's work.
    package struct Configuration: Sendable {
        /// The model's sizes.
        package var model: ModelConfiguration
        /// The rank's micro-batches.
        package var rankBatch: RankBatch
        /// The optimiser.
        package var optimizer: any Optimizer
        /// The arithmetic that all ranks have agreed on.
        package var arithmetic: Arithmetic
        /// Worker threads.
        package var threads: Int
        /// The number of ranks that share the summation of the gradient.
        package var ranks: Int

        /// Describes a rank's work.
        package init(
            model: ModelConfiguration, rankBatch: RankBatch, optimizer: any Optimizer, arithmetic: Arithmetic = .fp32,
            threads: Int, ranks: Int = 1
        ) {
            self.model = model
            self.rankBatch = rankBatch
            self.optimizer = optimizer
            self.arithmetic = arithmetic
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

    /// The time spent in each phase of the current step; reset by `computeGradient`.
    package private(set) var profile = StepProfile()

    let pool: WorkerPool
    let configuration: Configuration
    let heartbeat: Heartbeat
    private let fold: ReductionTree.FoldPlan
    private let weights: PackedWeights
    /// The memory for the last used sequence length; nil when its allocation failed.
    private var workspace: Workspace?
    private let tableGradient: TableGradient
    let gradientNorm: GradientNorm
    private let optimizerStep: OptimizerStep
    /// Whether a `Gradient` of this replica is in use.
    private(set) var isStepOpen = false

    /// Allocates a replica with zero weights.
    ///
    /// - Parameters:
    ///   - configuration: the shapes of the rank's work.
    ///   - heartbeat: beats with each time step.
    ///   - host: memory of `sharedBytes` that the ranks of a host share; they compute their gradients at the same time.
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
        configuration.arithmetic.settle()
        weights = try PackedWeights(
            layout: layout, parameters: parameters.pointer,
            products: configuration.arithmetic.operands.weightProducts(), training: true,
            pool: pool, host: host)
        tree = ReductionTree(
            leafCount: RankBatch.microBatchCount(
                batchSize: rankBatch.batchSize, microBatchSize: rankBatch.microBatchSize))
        fold = tree.foldPlan(of: rankBatch.microBatches)
        gradient = try GradientSums(layout, ranks: configuration.ranks, nodeCount: fold.nodeCount)
        tableGradient = try TableGradient(gradient)
        gradientNorm = try GradientNorm(gradient)
        optimizerStep = OptimizerStep(optimizerState, parameters: parameters.pointer, gradient: gradient)
        try prepare(sequenceLength: rankBatch.sequenceLength)
    }

    /// How the gradient is computed.
    package var arithmetic: Arithmetic { configuration.arithmetic }

    /// The bytes of a replica that the ranks of a host can share.
    package static func sharedBytes(_ model: ModelConfiguration) -> Int { PackedWeights.mostBytes(model) }

    /// The step's mean loss over the whole batch, once the sum over all ranks is complete.
    package var loss: Float { gradient.loss }

    /// Computes this rank's nodes at the current weights.
    ///
    /// Collective where the ranks of a host share memory: all of them must have finished the last step's sum.
    ///
    /// - Parameters:
    ///   - batch: the global batch; its sequence length may differ from step to step, which allocates memory anew.
    ///   - loss: the loss of a row of logits.
    ///   - advance: called repeatedly on the calling thread with the number of the gradient's leading
    ///     blocks that are complete and can be sent.
    package func computeGradient(
        of batch: Batch, loss: RowLoss = .crossEntropy, advance: (Int) throws -> Void = { _ in }
    ) throws {
        profile = StepProfile()
        let workspace = try workspace(sequenceLength: batch.sequenceLength)
        // A rank without rows still packs its share of the host's weights.
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

    /// Derives the gradients of the embedding and of the first kernel from the sums of all ranks, and the norm over all.
    ///
    /// - Returns: the norm over all parameters; finite exactly when every element is.
    package func completeGradient() throws -> Double {
        try Clock.time(&profile.adam) {
            try pool.run { [self] _ in
                while let panel = pool.nextTask(below: tableGradient.panelCount) { tableGradient.gather(panel: panel) }
            }
            try pool.run { [self] _ in
                while let task = pool.nextTask(below: TableGradient.Product.allCases.count) {
                    tableGradient.run(TableGradient.Product.allCases[task], parameters: parameters.pointer)
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
        // Releasing the old memory first limits the peak to the larger of the two.
        workspace = nil
        let made = try Workspace(
            configuration.rankBatch.with(sequenceLength: sequenceLength), weights: weights,
            parameters: parameters.pointer,
            gradient: gradient, products: configuration.arithmetic.operands.panelProducts(), fold: fold, pool: pool,
            heartbeat: heartbeat)
        workspace = made
        return made
    }

    private func addProfiles(of workers: [TrainingWorker], seconds: Double) {
        let share = 1 / Double(workers.count)
        for worker in workers {
            profile.forward += worker.times.forward * share
            profile.head += worker.times.head * share
            profile.backward += worker.times.backward * share
        }
        profile.wait = seconds - profile.forward - profile.head - profile.backward
    }
}
