/// A rank's copy of the model and everything its part of a training step needs.
///
/// A step is: `computeGradient` (this rank's micro-batches, summed into nodes of the reduction tree), then somebody adds all ranks'
/// nodes up, then `applyGradient`. All memory is allocated at the start.
public final class Replica: @unchecked Sendable {
    /// What fixes the shapes of a rank's work.
    public struct Configuration: Hashable, Sendable {
        /// The model's sizes.
        public var model: ModelConfiguration
        /// The rank's micro-batches.
        public var rankBatch: RankBatch
        /// Adam's hyper-parameters.
        public var adam: Adam.Configuration
        /// Of the recurrent layers' products.
        public var precision: Precision
        /// Worker threads.
        public var threads: Int
        /// The ranks of the job, among which the adding up of the gradient is divided.
        public var ranks: Int

        /// The shapes of a rank's work.
        public init(
            model: ModelConfiguration, rankBatch: RankBatch, adam: Adam.Configuration, precision: Precision = .fp32,
            threads: Int, ranks: Int = 1
        ) {
            self.model = model
            self.rankBatch = rankBatch
            self.adam = adam
            self.precision = precision
            self.threads = threads
            self.ranks = ranks
        }
    }

    /// The layout of the parameters.
    public let layout: ParameterLayout
    /// The flat parameters.
    public let parameters: AlignedBuffer<Float>
    /// The gradient: this rank's nodes, then the whole step's.
    public let gradient: Gradient
    /// The optimiser with its moments and step count.
    public let adam: Adam
    /// The tree over all micro-batches of a step.
    public let tree: ReductionTree

    /// Where the seconds of the current step went; `computeGradient` begins it anew.
    public private(set) var profile = StepProfile()

    private let rankBatch: RankBatch
    let pool: WorkerPool
    private let weights: PackedWeights
    private let workers: [TrainingWorker]
    private let weightGradient: WeightGradient
    private let tableGradient: TableGradient
    private let gradientNorm: GradientNorm
    private let adamStep: AdamStep
    private var readSequence: (Int, UnsafeMutablePointer<UInt16>) -> Void = { _, _ in }
    private var workerWork: WorkerPool.Work = { _ in }
    private var panelWork: WorkerPool.Work = { _ in }
    private var tableWork: WorkerPool.Work = { _ in }
    private var normWork: WorkerPool.Work = { _ in }
    private var adamWork: WorkerPool.Work = { _ in }

    /// Allocates a replica with zero weights.
    ///
    /// - Parameters:
    ///   - configuration: the shapes of the rank's work.
    ///   - heartbeat: is told of each time step.
    ///   - host: `sharedBytes` for what the ranks of a host can share; their gradients are computed at the same time.
    /// - Throws: `DTrainError` with `internal` when memory or threads run out.
    public init(
        _ configuration: Configuration, heartbeat: Heartbeat = Heartbeat(), host: (any HostMemory)? = nil
    ) throws {
        let rankBatch = configuration.rankBatch
        layout = ParameterLayout(configuration.model)
        self.rankBatch = rankBatch
        parameters = try AlignedBuffer(count: layout.count)
        adam = try Adam(count: layout.count, configuration: configuration.adam)
        pool = try WorkerPool(count: configuration.threads)
        weights = try PackedWeights(
            layout: layout, parameters: parameters.pointer, format: configuration.precision.operands, training: true,
            pool: pool, host: host)
        let tree = ReductionTree(
            leafCount: RankBatch.microBatchCount(
                batchSize: rankBatch.batchSize, microBatchSize: rankBatch.microBatchSize))
        self.tree = tree
        let fold = tree.foldPlan(of: rankBatch.microBatches)
        let gradientLayout = GradientLayout(layout)
        gradient = try Gradient(
            gradientLayout,
            blocks: GradientBlocks(gradientLayout, tasks: PanelTask.all(layout), ranks: configuration.ranks),
            nodeCount: fold.nodes.count)
        let tape = try Tape(configuration.model, rankBatch: rankBatch, heartbeat: heartbeat)
        weightGradient = try WeightGradient(
            tape: tape, gradient: gradient, format: configuration.precision.operands, fold: fold, pool: pool)
        tableGradient = try TableGradient(gradient)
        gradientNorm = try GradientNorm(gradient)
        adamStep = AdamStep(adam, parameters: parameters.pointer, gradient: gradient)
        workers = try ReductionTree.partition(count: rankBatch.rows, parts: pool.count).filter { !$0.isEmpty }.map {
            [weights, parameters] in
            try TrainingWorker(rows: $0, weights: weights, parameters: parameters.pointer, tape: tape)
        }
        prepareWork()
    }

    /// Bytes that the ranks of a host can share of a model's replicas.
    public static func sharedBytes(_ model: ModelConfiguration) -> Int { PackedWeights.mostBytes(model) }

    /// The step's mean loss over the whole batch, after the nodes have been added up.
    public var loss: Float { gradient.loss }

    /// Computes this rank's nodes at the current weights.
    ///
    /// Collective where the ranks of a host share memory: not before all of them have finished the last step's sum.
    ///
    /// - Parameters:
    ///   - read: fills in the T + 1 ids of a sequence of the global batch; called from several threads.
    ///   - advance: is told by the calling thread, again and again, how many of the gradient's blocks are finished: those may travel.
    public func computeGradient(
        _ read: @escaping @Sendable (Int, UnsafeMutablePointer<UInt16>) -> Void,
        advance: (Int) throws -> Void = { _ in }
    ) throws {
        profile = StepProfile()
        // A rank without rows packs for the others of its host.
        try Clock.time(&profile.pack) { try weights.pack() }
        guard !workers.isEmpty else { return }
        readSequence = read
        let start = Clock.seconds
        try pool.run(workerWork)
        addWorkers(seconds: Clock.seconds - start)
        try Clock.time(&profile.weightGradient) { try weightGradient.run(advance) }
    }

    private func addWorkers(seconds: Double) {
        let share = 1 / Double(workers.count)
        for worker in workers {
            profile.forward += worker.profile.forward * share
            profile.head += worker.profile.head * share
            profile.backward += worker.profile.backward * share
        }
        profile.wait = seconds - profile.forward - profile.head - profile.backward
    }

    /// Takes one Adam step with `gradient`, unless that isn't finite.
    ///
    /// - Parameter clipNorm: the largest norm that the gradient over all parameters may have: a longer one is shortened to
    ///   it, as by Keras's `global_clipnorm`; nil for no limit.
    /// - Returns: the gradient's norm before that. When it isn't finite, neither is the gradient, and weights and moments
    ///   are what they were.
    @discardableResult
    public func applyGradient(clipNorm: Double? = nil) throws -> Double {
        try Clock.time(&profile.adam) {
            try pool.run(panelWork)
            try pool.run(tableWork)
            try pool.run(normWork)
            let norm = gradientNorm.value
            guard norm.isFinite else { return norm }
            adamStep.begin(scale: clipNorm.map { norm > $0 ? Float($0 / norm) : 1 } ?? 1)
            try pool.run(adamWork)
            adam.steps += 1
            return norm
        }
    }

    private func prepareWork() {
        workerWork = { [unowned self] index in
            guard index < workers.count else { return }
            workers[index].load(readSequence)
            try workers[index].run()
        }
        panelWork = { [unowned self] _ in
            while let panel = pool.nextTask(below: tableGradient.panelCount) { tableGradient.gather(panel: panel) }
        }
        tableWork = { [unowned self] _ in
            while let task = pool.nextTask(below: TableGradient.tasks) {
                try tableGradient.run(task: task, parameters: parameters.pointer)
            }
        }
        normWork = { [unowned self] _ in
            while let piece = pool.nextTask(below: gradientNorm.count) { gradientNorm.run(piece: piece) }
        }
        adamWork = { [unowned self] _ in
            while let task = pool.nextTask(below: adamStep.count) { adamStep.run(task: task) }
        }
    }
}
