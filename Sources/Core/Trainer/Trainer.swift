/// A model, its optimizer and the ranks that train it together.
///
/// A training step computes a gradient and applies it:
///
///     for batch in data.batches(epoch: 0) {
///         let gradient = try trainer.gradient(of: batch)
///         try trainer.apply(gradient, learningRate: 0.001)
///     }
///
/// After any number of steps, the weights have the same bits for any number of ranks and threads,
/// as long as the micro-batch size is the same. This holds with dropout, and for the continued
/// batches of a stateful trainer, too.
///
/// All ranks must call each method marked collective, in the same order and with the same
/// arguments. Use a trainer from one thread only.
public final class Trainer {
    /// The sizes of a step, fixed for the lifetime of a trainer.
    public struct Shape: Hashable, Sendable {
        /// B, the number of sequences per step, over all ranks.
        public var batchSize: Int
        /// The number of sequences in a micro-batch; the bits of the result depend on it.
        public var microBatchSize: Int
        /// T, the number of tokens in a sequence; a batch with another length reallocates memory.
        ///
        /// No batch may have more than B·T distinct input characters.
        public var sequenceLength: Int

        /// Creates the sizes of a step; the defaults are those of `dtrain train`.
        public init(
            batchSize: Int = Setting.batchSize.defaultValue, microBatchSize: Int? = nil,
            sequenceLength: Int = Setting.sequenceLength.defaultValue
        ) {
            self.batchSize = batchSize
            self.microBatchSize = microBatchSize ?? min(Setting.microBatchSize.defaultValue, batchSize)
            self.sequenceLength = sequenceLength
        }
    }

    /// The sizes of a step.
    public let shape: Shape
    /// The arithmetic: the best that the CPUs of all ranks support for the precision.
    public let arithmetic: Arithmetic
    /// The number of worker threads of this rank.
    public let threads: Int
    /// The division of the rank's sequences and the layers' units among the threads.
    public var grid: TeamGrid { replica.grid }
    /// The wall time of the last step on this rank, by phase.
    public private(set) var profile = StepProfile()
    /// The frozen layers; see `freeze`.
    public private(set) var frozen = FrozenLayers.none
    /// The learning rate of the last step; nil before the first.
    private(set) var learningRate: Double?
    /// The seed of the initial values, dropout and scheduled sampling.
    let seed: UInt64
    let ranks: any TrainingRanks
    package let replica: Replica
    private let reducer: any GradientReducer

    /// Creates a trainer for one process, with Keras's initial values.
    ///
    /// - Parameters:
    ///   - model: the model's sizes.
    ///   - shape: the sizes of a step.
    ///   - optimizer: the update rule.
    ///   - precision: the operand format of the large matrix products.
    ///   - threads: the number of worker threads; nil uses all available processors.
    ///   - members: the number of threads in a team, which share the units of the layers; must
    ///     divide `threads`. Nil chooses it from the sizes and the CPU's caches. It doesn't affect
    ///     the result.
    ///   - seed: the seed of the initial values, dropout and scheduled sampling.
    ///   - stateful: whether batches may continue from the states after the last applied one; see
    ///     `Batch.continues`.
    ///   - samplesInputs: whether gradients may use scheduled sampling.
    /// - Throws: `DTrainError` with `usage` for invalid sizes or when `DTRAIN_MAX_ISA` names an
    ///   instruction set that this CPU lacks, with `internal` when memory or threads run out.
    public convenience init(
        model: ModelConfiguration, shape: Shape = Shape(), optimizer: any Optimizer = Adam(),
        precision: Precision = Setting.precision.defaultValue, threads: Int? = nil,
        members: Int? = nil, seed: UInt64 = Setting.seed.defaultValue, stateful: Bool = false,
        samplesInputs: Bool = false
    ) throws {
        let ranks = SingleRank()
        try self.init(
            model: model, shape: shape, optimizer: optimizer, arithmetic: ranks.agreeOnArithmetic(for: precision),
            threads: threads, members: members, seed: seed, stateful: stateful, samplesInputs: samplesInputs,
            ranks: ranks)
        try initialize()
    }

    /// Creates a trainer with zero weights.
    ///
    /// Collective. The ranks must have agreed on the arithmetic.
    package init(
        model: ModelConfiguration, shape: Shape, optimizer: any Optimizer, arithmetic: Arithmetic, threads: Int?,
        members: Int? = nil, seed: UInt64, stateful: Bool = false, samplesInputs: Bool = false,
        ranks: any TrainingRanks
    ) throws {
        let threads = threads ?? ranks.defaultThreads
        try ranks.collectively {
            try model.check()
            try shape.check()
            if let members { try TeamGrid.check(members: members, threads: threads, units: model.rnnUnits) }
        }
        let runs = Partition.balanced(
            count: RankBatch.microBatchCount(batchSize: shape.batchSize, microBatchSize: shape.microBatchSize),
            parts: ranks.size)
        let host = try ranks.prepare(
            threads: threads,
            sharedBytes: Replica.sharedBytes(
                model, batchSize: shape.batchSize, sequenceLength: shape.sequenceLength,
                samplesInputs: samplesInputs))
        let replica = try ranks.collectively {
            try Replica(
                Replica.Configuration(
                    model: model,
                    rankBatch: RankBatch(
                        batchSize: shape.batchSize, microBatchSize: shape.microBatchSize,
                        sequenceLength: shape.sequenceLength, microBatches: runs[ranks.rank]),
                    optimizer: optimizer, arithmetic: arithmetic, threads: threads, members: members,
                    placement: ranks.ownProcessors.flatMap { WorkerPlacement(workers: threads, on: $0) },
                    isStateful: stateful, samplesInputs: samplesInputs, seed: seed, ranks: ranks.size),
                heartbeat: ranks.heartbeat, host: host)
        }
        reducer = try ranks.collectively {
            try ranks.makeReducer(tree: replica.tree, runs: runs, blocks: replica.gradient.blocks)
        }
        (self.shape, self.arithmetic, self.threads, self.seed) = (shape, arithmetic, threads, seed)
        (self.ranks, self.replica) = (ranks, replica)
    }

    /// The operand format of the large matrix products.
    public var precision: Precision { arithmetic.precision }

    /// The model's sizes.
    public var model: ModelConfiguration { replica.layout.configuration }

    /// The names, shapes and offsets of the model's tensors.
    public var layout: ParameterLayout { replica.layout }

    /// The number of steps applied, including those before a resume.
    public var step: Int { replica.optimizerState.steps }

    /// Copies of the weights by tensor name.
    public var weights: Weights { Weights(replica: replica) }

    /// Computes a batch's gradient at the current weights, summed over all ranks.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - batch: `shape.batchSize` sequences.
    ///   - loss: the loss of a row of logits; the batch's loss is its mean over all tokens.
    ///   - dropout: the dropout probabilities.
    ///   - scheduledSampling: the probability that an input after a sequence's first is sampled
    ///     from the softmax of the preceding logits, without `[UNK]`, instead of read from the
    ///     text.
    /// - Throws: `DTrainError` with `usage` when the last gradient is still in use, when the batch
    ///   has another size or too many distinct characters, when it continues but the trainer isn't
    ///   stateful, when scheduled sampling needs `samplesInputs`, or when a probability is out of
    ///   range. `DTrainError` with `badData` when an id is outside the vocabulary.
    public func gradient(
        of batch: Batch, loss: RowLoss = .crossEntropy, dropout: Dropout = .none, scheduledSampling: Double = 0
    ) throws -> Gradient {
        try check(batch, states: replica.states)
        try dropout.check()
        try check(scheduledSampling: scheduledSampling)
        try replica.beginStep()
        let inputs = GradientInputs(
            replica: replica, batch: batch, loss: loss, dropout: dropout, scheduledSampling: scheduledSampling)
        do {
            let norm = try withFlushedDenormals { try compute(inputs) }
            return Gradient(loss: replica.loss, norm: norm, inputs: inputs)
        } catch {
            replica.endStep()
            throw error
        }
    }

    /// Updates the weights with a gradient of this trainer.
    ///
    /// The weights must be those that the gradient was computed at. The states of a stateful
    /// trainer advance to the end of the gradient's batch.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - gradient: a result of `gradient(of:)`.
    ///   - learningRate: the learning rate of this step, at least 0.
    /// - Throws: `DTrainError` with `badData` that names the rank and tensor when the loss or an
    ///   element is infinite or NaN, with `usage` for another trainer's gradient or an invalid
    ///   learning rate. Weights and optimizer state are then unchanged.
    public func apply(_ gradient: consuming Gradient, learningRate: Double) throws {
        guard gradient.inputs.replica === replica else {
            throw DTrainError(.usage, "a gradient can only be applied by the trainer that computed it")
        }
        guard learningRate.isFinite, learningRate >= 0 else {
            throw DTrainError(.usage, "the learning rate is \(learningRate); give 0 or a positive number")
        }
        guard gradient.loss.isFinite, gradient.norm.isFinite else {
            let inputs = gradient.inputs
            throw try NonFiniteGradient(step: step + 1, loss: gradient.loss).diagnose(replica, ranks) {
                try inputs.load()
                try replica.computeGradient()
            }
        }
        try replica.applyGradient(learningRate: learningRate, scale: gradient.scale)
        self.learningRate = learningRate
        profile.adam = replica.profile.adam
    }

    /// Freezes the weights of some layers from the next step, instead of those frozen before.
    ///
    ///     try trainer.freeze(["embedding", "gru"])
    ///
    /// Frozen layers aren't updated. Weight decay, the gradient's norm and clipping ignore them,
    /// and their optimizer state is kept. All ranks must freeze the same layers. `save` stores the
    /// names; `resume` doesn't freeze them again.
    ///
    /// - Parameter layers: the names of the layers; `.none` trains all of them.
    /// - Throws: `DTrainError` with `usage` when the model lacks a named layer, when nothing would
    ///   be left to train, or when a gradient is still in use. Nothing changes then.
    public func freeze(_ layers: FrozenLayers) throws {
        guard !replica.isStepOpen else {
            throw DTrainError(.usage, "a gradient of the trainer is still in use; apply or discard it first")
        }
        try replica.freeze(try layers.tensors(of: layout))
        frozen = layers
    }

    /// The number of gradient bytes that ranks sum.
    package var gradientBytes: Int { replica.gradient.blocks.count * MemoryLayout<Float>.stride }

    /// Sets all ranks' weights to Keras's initial values, computed on rank 0; collective.
    package func initialize() throws {
        try ranks.collectively {
            guard ranks.rank == 0 else { return }
            try replica.fillInitialValues(seed: seed)
        }
        try shareState()
    }

    private func compute(_ inputs: GradientInputs) throws -> Double {
        let (heartbeat, next) = (ranks.heartbeat, step + 1)
        try heartbeat.enter(.forward, step: next)
        // An error before the reduction starts leaves none half done.
        try inputs.load()
        let times = try reducer.reduce(replica.gradient.sums.pointer) { advance in
            try replica.computeGradient(advance: advance)
            try heartbeat.enter(.exchange, step: next)
        }
        try heartbeat.enter(.update, step: next)
        let norm = try replica.completeGradient()
        profile = replica.profile
        profile.add(times)
        return norm
    }

    /// Throws for an invalid probability, or if the trainer was created without `samplesInputs`.
    private func check(scheduledSampling probability: Double) throws {
        guard (0...1).contains(probability) else {
            throw DTrainError(.usage, "the scheduled-sampling probability is \(probability); give 0 to 1")
        }
        guard probability == 0 || replica.configuration.samplesInputs else {
            throw DTrainError(
                .usage, "the trainer has no memory for scheduled sampling; create it with `samplesInputs`")
        }
    }

    /// Throws for a batch that doesn't fit the trainer.
    ///
    /// - Parameter states: the initial states of a batch that continues.
    func check(_ batch: Batch, states: CarriedStates?) throws {
        guard states != nil || !batch.continues else {
            throw DTrainError(
                .usage, "a batch that continues the last one needs carried states; create the trainer with `stateful`")
        }
        guard batch.count == shape.batchSize else {
            throw DTrainError(
                .usage,
                "the batch has \(batch.count) sequences, but the trainer takes \(shape.batchSize); give it as many")
        }
        guard Int(batch.largestID) < model.vocabularySize else {
            throw DTrainError(
                .badData,
                "the batch holds id \(batch.largestID), but the model's vocabulary has \(model.vocabularySize) entries")
        }
    }
}

extension Trainer.Shape {
    /// Throws for invalid sizes.
    func check() throws {
        for (name, size) in [
            ("batch size", batchSize), ("micro-batch size", microBatchSize), ("sequence length", sequenceLength),
        ] where size < 1 {
            throw DTrainError(.usage, "the \(name) is \(size); give at least 1")
        }
        guard microBatchSize <= batchSize else {
            throw DTrainError(
                .usage, "the micro-batch size \(microBatchSize) is larger than the batch size \(batchSize); lower it")
        }
    }
}

extension StepProfile {
    /// Adds the times of the reduction over ranks.
    mutating func add(_ times: ReductionTimes) {
        wait += times.waiting
        exchange += times.interleaved + times.finishing - times.waiting
        hiddenExchange += times.hidden
        // Sending between two products was measured as part of the products.
        weightGradient -= times.interleaved
    }
}
