/// A rank's copy of the model and the memory for its part of a step, independent of communication.
///
/// A step has five parts:
///
/// 1. `load` reads the batch.
/// 2. `computeGradient` sums this rank's micro-batches into nodes of the reduction tree.
/// 3. The trainer sums the nodes of all ranks.
/// 4. `completeGradient` derives the gradients that aren't exchanged.
/// 5. `applyGradient` updates the weights.
package final class Replica: @unchecked Sendable {
    /// The sizes and settings that determine a rank's memory and computation.
    package struct Configuration: Sendable {
        /// The model's sizes.
        package var model: ModelConfiguration
        /// The rank's micro-batches.
        package var rankBatch: RankBatch
        /// The optimizer.
        package var optimizer: any Optimizer
        /// The arithmetic, agreed on by all ranks.
        package var arithmetic: Arithmetic
        /// The number of worker threads.
        package var threads: Int
        /// The number of threads in a team; nil chooses it from the sizes and the caches.
        package var members: Int?
        /// The processors that the threads are pinned to; nil leaves the choice to the system.
        package var placement: WorkerPlacement?
        /// Whether states carry over from step to step.
        package var isStateful: Bool
        /// Whether steps may use scheduled sampling.
        package var samplesInputs: Bool
        /// The seed of dropout and of scheduled sampling.
        package var seed: UInt64
        /// The number of ranks that share the summation of the gradient.
        package var ranks: Int
        /// The way the dense layer's weight gradient gets d(loss)/d(logits); nil chooses it from
        /// the sizes.
        ///
        /// It doesn't affect the result.
        var logits: Tape.LogitsGradient?

        /// Creates a configuration.
        package init(
            model: ModelConfiguration, rankBatch: RankBatch, optimizer: any Optimizer, arithmetic: Arithmetic = .fp32,
            threads: Int, members: Int? = nil, placement: WorkerPlacement? = nil, isStateful: Bool = false,
            samplesInputs: Bool = false, seed: UInt64 = 0, ranks: Int = 1
        ) {
            self.model = model
            self.rankBatch = rankBatch
            self.optimizer = optimizer
            self.arithmetic = arithmetic
            self.threads = threads
            (self.members, self.placement, self.isStateful) = (members, placement, isStateful)
            (self.samplesInputs, self.seed, self.ranks) = (samplesInputs, seed, ranks)
        }
    }

    /// The layout of the parameters.
    package let layout: ParameterLayout
    /// The flat parameters.
    package let parameters: AlignedBuffer<Float>
    /// The gradient: first this rank's nodes, later the whole step's sum.
    package let gradient: GradientSums
    /// The optimizer's slots and step count.
    package let optimizerState: OptimizerState
    /// The states after the last applied batch; nil unless the replica is stateful.
    package let states: CarriedStates?
    /// The tree over all micro-batches of a step.
    package let tree: ReductionTree

    /// The time spent in each phase of the current step; reset by `load`.
    package private(set) var profile = StepProfile()

    let pool: WorkerPool
    let configuration: Configuration
    let heartbeat: Heartbeat
    private let fold: ReductionTree.FoldPlan
    /// The distinct characters of the step's batch.
    private let characters: BatchCharacters
    private let weights: PackedWeights
    /// The memory for the most recent sequence length; nil if its allocation failed.
    private var workspace: Workspace?
    private let tableGradient: TableGradient
    private(set) var gradientNorm: GradientNorm
    private let optimizerStep: OptimizerStep
    /// The loss of the current step.
    private var rowLoss = RowLoss.crossEntropy
    /// Whether the current step's batch continues the previous one.
    private var isContinued = false
    /// The dropout probabilities of the current step.
    private var dropout = Dropout.none
    /// The scheduled-sampling probability of the current step.
    private var scheduledSampling = 0.0
    /// Whether the gradient is in use, by a `Gradient` or by an evaluation.
    private(set) var isStepOpen = false

    /// Allocates a replica with zero weights.
    ///
    /// - Parameters:
    ///   - configuration: the sizes and settings.
    ///   - heartbeat: beats with each time step.
    ///   - host: memory of `sharedBytes`, shared by the ranks of a host, which must compute their
    ///     gradients at the same time.
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
        pool = try WorkerPool(count: configuration.threads, placement: configuration.placement)
        configuration.arithmetic.applyToProcess()
        grid = TeamCost(configuration.model, format: configuration.arithmetic.operands)
            .best(rows: rankBatch.rows, workers: pool.count, members: configuration.members)
        characters = try BatchCharacters(
            vocabularySize: configuration.model.vocabularySize, batchSize: rankBatch.batchSize,
            sequenceLength: rankBatch.sequenceLength, samplesInputs: configuration.samplesInputs)
        weights = try PackedWeights(
            layout: layout, parameters: parameters.pointer,
            products: configuration.arithmetic.operands.weightProducts(),
            use: .training(characters), pool: pool, host: host)
        tree = ReductionTree(
            leafCount: RankBatch.microBatchCount(
                batchSize: rankBatch.batchSize, microBatchSize: rankBatch.microBatchSize))
        fold = tree.foldPlan(of: rankBatch.microBatches)
        gradient = try GradientSums(
            layout, tableRows: characters.capacity, ranks: configuration.ranks, nodeCount: fold.nodeCount)
        tableGradient = try TableGradient(
            gradient, characters: characters, parameters: parameters.pointer,
            workers: pool.count)
        gradientNorm = try GradientNorm(gradient)
        states =
            configuration.isStateful ? try CarriedStates(configuration.model, rows: rankBatch.rows) : nil
        optimizerStep = OptimizerStep(optimizerState, parameters: parameters.pointer, gradient: gradient)
        _ = try workspace(sequenceLength: rankBatch.sequenceLength, loss: .crossEntropy)
    }

    /// The division of rows and units among the threads.
    package let grid: TeamGrid

    /// The arithmetic of the gradient.
    package var arithmetic: Arithmetic { configuration.arithmetic }

    /// The number of bytes of a replica that the ranks of a host can share.
    ///
    /// - Parameters:
    ///   - batchSize: the number of sequences in a global batch.
    ///   - sequenceLength: the number of tokens in a sequence.
    ///   - samplesInputs: whether steps may use scheduled sampling.
    package static func sharedBytes(
        _ model: ModelConfiguration, batchSize: Int, sequenceLength: Int, samplesInputs: Bool
    ) -> Int {
        let tableRows = BatchCharacters.capacity(
            vocabularySize: model.vocabularySize, batchSize: batchSize, sequenceLength: sequenceLength,
            samplesInputs: samplesInputs)
        return PackedWeights.maxBytes(model, tableRows: tableRows)
    }

    /// The step's mean loss over the whole batch; valid after the sum over all ranks is complete.
    package var loss: Float { gradient.loss }

    /// Reads a batch, which starts a step.
    ///
    /// An error occurs on all ranks or means that memory ran out; nothing has been sent by then.
    ///
    /// - Parameters:
    ///   - batch: the global batch. A change of its sequence length reallocates memory.
    ///   - loss: the loss of a row of logits.
    ///   - dropout: the dropout probabilities.
    ///   - scheduledSampling: the scheduled-sampling probability; above 0 only if the configuration
    ///     allows it.
    /// - Throws: `DTrainError` with `internal` when memory runs out, with `usage` when a batch of
    ///   sequences longer than the configuration's has too many distinct characters.
    package func load(
        _ batch: Batch, for loss: RowLoss = .crossEntropy, dropout: Dropout = .none, scheduledSampling: Double = 0
    ) throws {
        profile = StepProfile()
        (rowLoss, isContinued, self.dropout) = (loss, batch.continues, dropout)
        self.scheduledSampling = scheduledSampling
        let workspace = try workspace(sequenceLength: batch.sequenceLength, loss: loss, dropout: dropout)
        try Clock.time(&profile.forward) { try workspace.load(batch, samplesInputs: scheduledSampling > 0) }
    }

    /// Computes this rank's nodes of the loaded batch at the current weights.
    ///
    /// Collective if the ranks of a host share memory: all of them must have finished the last
    /// step's sum.
    ///
    /// - Parameter advance: called repeatedly on the calling thread with the number of leading
    ///   gradient blocks that are complete and can be sent.
    package func computeGradient(advance: (Int) throws -> Void = { _ in }) throws {
        guard let workspace else {
            throw DTrainError(.internal, "a gradient is computed before a batch is read; please report this")
        }
        // A rank without rows still packs its share of the host's weights.
        try Clock.time(&profile.pack) { try weights.pack() }
        guard workspace.rankBatch.rows > 0 else { return }
        let step = optimizerState.steps
        let sampling =
            scheduledSampling > 0 ? InputSampling.Rate(probability: Float(scheduledSampling), step: step) : nil
        try workspace.run(rowLoss, from: isContinued ? states : nil, dropout, sampling, step: step, &profile)
        try Clock.time(&profile.weightGradient) { try workspace.weightGradient.run(advance) }
    }

    /// Derives the gradients of the embedding and of the first kernel from the sums of all ranks,
    /// and computes the norm.
    ///
    /// - Returns: the norm over all trained parameters; it is finite exactly when all their
    ///   gradient elements are.
    package func completeGradient() throws -> Double {
        try Clock.time(&profile.adam) {
            try tableGradient.run(on: pool)
            try pool.run { [self] _ in
                while let piece = pool.nextTask(below: gradientNorm.count) { gradientNorm.run(piece: piece) }
            }
            return gradientNorm.value
        }
    }

    /// Takes one optimizer step with the completed gradient, which must be finite, and updates
    /// carried states.
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
            if let states { workspace?.copyLastStates(to: states) }
        }
    }

    /// Freezes some tensors from the next step and excludes them from the gradient's norm.
    ///
    /// - Parameter frozen: the indices of the tensors in the layout.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    func freeze(_ frozen: Set<Int>) throws {
        gradientNorm = try GradientNorm(gradient, frozen: frozen)
        optimizerStep.freeze(frozen)
    }

    /// Marks the gradient as in use until `endStep`.
    ///
    /// - Throws: `DTrainError` with `usage` when it is already in use.
    func beginStep() throws {
        guard !isStepOpen else {
            throw DTrainError(
                .usage, "the trainer's last gradient is still in use; apply or discard it before the next")
        }
        isStepOpen = true
    }

    /// Releases the gradient for the next step.
    func endStep() { isStepOpen = false }

    /// Names the parts of this rank's own nodes that aren't finite; nil if all are.
    ///
    /// Call it before the sum over all ranks, which overwrites the nodes.
    package func nonFiniteInNodes() -> String? { gradient.nonFiniteInNodes(tableRows: characters.count) }

    /// Sums the cross-entropies of each of the rank's rows in training's arithmetic, without a
    /// gradient.
    ///
    /// Collective if the ranks of a host share memory. Weights, carried states and the next
    /// gradient are unaffected.
    ///
    /// - Parameters:
    ///   - batch: the global batch.
    ///   - counted: the number of leading tokens that count, for a sequence of the global batch.
    ///   - states: the initial states of a batch that continues; receives the states after the
    ///     batch.
    /// - Returns: one sum per row of the rank, over its tokens in order.
    /// - Throws: the errors of `load`.
    package func sequenceLosses(
        of batch: Batch, counted: (Int) -> Int, states: CarriedStates? = nil
    ) throws -> [Double] {
        let suits = workspace?.rankBatch.sequenceLength == batch.sequenceLength ? workspace : nil
        let workspace = try suits ?? workspace(sequenceLength: batch.sequenceLength, loss: .crossEntropy)
        try workspace.load(batch)
        try weights.pack()
        let first = workspace.rankBatch.sequences.lowerBound
        let losses =
            workspace.rankBatch.rows == 0
            ? [] : try workspace.losses(from: batch.continues ? states : nil) { counted(first + $0) }
        if let states { workspace.copyLastStates(to: states) }
        try weights.finishReading()
        return losses
    }

    /// The memory for a sequence length, loss and kinds of dropout, reused if the last batch needed
    /// the same.
    private func workspace(sequenceLength: Int, loss: RowLoss, dropout: Dropout = .none) throws -> Workspace {
        let rankBatch = configuration.rankBatch.with(sequenceLength: sequenceLength)
        let suitable = configuration.logits ?? Tape.LogitsGradient(tokens: rankBatch.tokens, layout: layout)
        let logits = loss.isCrossEntropy ? suitable : .kept
        let use = DropoutMasks.Use(dropout)
        if let workspace, workspace.rankBatch == rankBatch, workspace.logits == logits, workspace.dropout == use {
            return workspace
        }
        // Releasing the old memory first limits the peak to the larger of the two.
        workspace = nil
        let made = try Workspace(
            rankBatch, logits: logits, dropout: use, isStateful: states != nil,
            samplesInputs: configuration.samplesInputs, characters: characters, seed: configuration.seed,
            weights: weights, parameters: parameters.pointer, gradient: gradient,
            products: configuration.arithmetic.operands.panelProducts(), fold: fold, grid: grid,
            pool: pool, heartbeat: heartbeat)
        workspace = made
        return made
    }
}
