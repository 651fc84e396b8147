/// A rank's copy of the model and everything its part of a training step needs.
///
/// A step is: `computeGradient` (this rank's micro-batches, summed into nodes of the reduction tree), then somebody adds all ranks'
/// nodes up into `gradient`, then `applyGradient`. All memory is allocated at the start.
public final class Replica: @unchecked Sendable {
    /// What fixes the shapes of a rank's work.
    public struct Configuration: Hashable, Sendable {
        /// The model's sizes.
        public var model: ModelConfiguration
        /// The rank's micro-batches.
        public var shard: Shard
        /// Adam's hyper-parameters.
        public var adam: Adam.Configuration
        /// Of the recurrent layers' products.
        public var precision: Precision
        /// Worker threads.
        public var threads: Int

        /// The shapes of a rank's work.
        public init(
            model: ModelConfiguration, shard: Shard, adam: Adam.Configuration, precision: Precision = .fp32,
            threads: Int
        ) {
            self.model = model
            self.shard = shard
            self.adam = adam
            self.precision = precision
            self.threads = threads
        }
    }

    /// The layout of the parameters.
    public let layout: ParameterLayout
    /// The layout of the gradient.
    public let gradientLayout: GradientLayout
    /// The flat parameters.
    public let parameters: AlignedBuffer<Float>
    /// The flat gradient of the whole step, once the nodes of all ranks are added up.
    public let gradient: AlignedBuffer<Float>
    /// The optimiser with its moments and step count.
    public let adam: Adam
    /// The tree over all micro-batches of a step.
    public let tree: ReductionTree

    /// Where the seconds of the current step went; `computeGradient` begins it anew.
    public private(set) var profile = StepProfile()

    private let shard: Shard
    let pool: WorkerPool
    private let weights: PackedWeights
    private let workers: [TrainingWorker]
    private let weightGradient: WeightGradient
    private let tableGradient: TableGradient
    private let ownNodes: AlignedBuffer<Float>?
    private var readSequence: (Int, UnsafeMutablePointer<UInt16>) -> Void = { _, _ in }
    private var workerWork: WorkerPool.Work = { _ in }
    private var tableWork: WorkerPool.Work = { _ in }
    private var adamWork: WorkerPool.Work = { _ in }

    /// Allocates a replica with zero weights.
    ///
    /// - Throws: `DTrainError` with `internal` when memory or threads run out.
    public init(_ configuration: Configuration) throws {
        let shard = configuration.shard
        layout = ParameterLayout(configuration.model)
        gradientLayout = GradientLayout(layout)
        self.shard = shard
        parameters = try AlignedBuffer(count: layout.count)
        gradient = try AlignedBuffer(count: gradientLayout.count)
        adam = try Adam(count: layout.count, configuration: configuration.adam)
        pool = try WorkerPool(count: configuration.threads)
        weights = try PackedWeights(
            layout: layout, parameters: parameters.pointer, precision: configuration.precision, training: true,
            pool: pool)
        let tree = ReductionTree(
            leafCount: Shard.microBatchCount(batchSize: shard.batchSize, microBatchSize: shard.microBatchSize))
        self.tree = tree
        let fold = tree.foldPlan(of: shard.microBatches)
        let ownsAll = shard.microBatches == 0..<tree.leafCount
        ownNodes = ownsAll ? nil : try AlignedBuffer(count: max(1, fold.nodes.count) * gradientLayout.summed.count)
        let tape = try Tape(configuration.model, shard: shard)
        weightGradient = try WeightGradient(
            tape: tape, layout: gradientLayout, precision: configuration.precision, fold: fold,
            nodes: ownNodes?.pointer ?? gradient.pointer + gradientLayout.summed.lowerBound, pool: pool)
        tableGradient = try TableGradient(gradientLayout)
        workers = try ReductionTree.partition(count: shard.rows, parts: pool.count).filter { !$0.isEmpty }.map {
            [weights, parameters] in
            try TrainingWorker(rows: $0, weights: weights, parameters: parameters.pointer, tape: tape)
        }
        prepareWork()
    }

    deinit { pool.stop() }

    /// The rank's nodes: a vector of `gradientLayout.summed.count` elements each, in the order of the tree's canonical nodes
    /// of its micro-batches.
    ///
    /// A rank that computes the whole batch has one node, the sum itself, and it lies in `gradient` already.
    public var nodes: UnsafeMutablePointer<Float> {
        ownNodes?.pointer ?? gradient.pointer + gradientLayout.summed.lowerBound
    }

    /// Where the sum of all ranks' nodes belongs.
    public var summedGradient: UnsafeMutablePointer<Float> {
        gradient.pointer + gradientLayout.summed.lowerBound
    }

    /// The step's mean loss over the whole batch, after the nodes have been added up.
    public var loss: Float { gradient[gradientLayout.loss] }

    /// Computes this rank's nodes at the current weights.
    ///
    /// - Parameter read: fills in the T + 1 ids of a sequence of the global batch; called from several threads.
    public func computeGradient(_ read: @escaping @Sendable (Int, UnsafeMutablePointer<UInt16>) -> Void) throws {
        profile = StepProfile()
        guard !workers.isEmpty else { return }
        readSequence = read
        try Clock.time(&profile.pack) { try weights.pack() }
        let start = Clock.seconds
        try pool.run(workerWork)
        addWorkers(seconds: Clock.seconds - start)
        try Clock.time(&profile.weightGradient) { try weightGradient.run() }
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

    /// Takes one Adam step with `gradient`.
    public func applyGradient() throws {
        try Clock.time(&profile.adam) {
            try pool.run(tableWork)
            try pool.run(adamWork)
        }
        adam.steps += 1
    }

    private func prepareWork() {
        workerWork = { [unowned self] index in
            guard index < workers.count else { return }
            workers[index].load(readSequence)
            try workers[index].run()
        }
        tableWork = { [unowned self] _ in
            while let task = pool.nextTask(below: TableGradient.tasks) {
                try tableGradient.run(task: task, parameters: parameters.pointer, gradient: gradient.pointer)
            }
        }
        let blocks = (layout.count + Self.adamBlock - 1) / Self.adamBlock
        adamWork = { [unowned self] _ in
            while let block = pool.nextTask(below: blocks) {
                let range = block * Self.adamBlock..<min(layout.count, (block + 1) * Self.adamBlock)
                adam.update(range, parameters: parameters.pointer, gradient: gradient.pointer)
            }
        }
    }

    /// Elements that a worker updates at a time.
    private static let adamBlock = 1 << 16
}
