/// A model, its optimiser and the ranks that train it together: the two halves of a training step.
///
///     for batch in data.batches(epoch: 0) {
///         let gradient = try trainer.gradient(of: batch)
///         try trainer.apply(gradient, learningRate: 0.001)
///     }
///
/// The weights after any number of steps are bit for bit the same for any number of ranks and threads, as long as the
/// micro-batch size is, with dropout and in a stateful trainer, whose batches may continue one another, too. Every method that says so is collective: all ranks call it, in the same order, with the same arguments.
/// A trainer belongs to one thread.
public final class Trainer {
    /// The sizes of a step, which stay the same for a trainer's life.
    public struct Shape: Hashable, Sendable {
        /// B, the sequences of a step over all ranks.
        public var batchSize: Int
        /// The sequences of a micro-batch; the bits of a training depend on it.
        public var microBatchSize: Int
        /// T, the tokens of a sequence; a batch may have another length, which then allocates memory anew.
        ///
        /// No batch has more different input characters than B·T.
        public var sequenceLength: Int

        /// The sizes of a step; the defaults are those of `dtrain train`.
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
    /// How the numbers are computed: the best that the CPUs of all ranks offer for the precision.
    public let arithmetic: Arithmetic
    /// Worker threads of this rank.
    public let threads: Int
    /// How the threads share the rank's sequences and the units of the layers.
    public var grid: TeamGrid { replica.grid }
    /// Where the seconds of the last step went on this rank.
    public private(set) var profile = StepProfile()
    /// The layers that steps leave as they are; see `freeze`.
    public private(set) var frozen = FrozenLayers.none
    /// Of the last step; nil before the first.
    private(set) var learningRate: Double?
    /// The seed of the initial values and of dropout.
    let seed: UInt64
    let ranks: any TrainingRanks
    package let replica: Replica
    private let reducer: any GradientReducer

    /// Makes a model with Keras's initial values.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - model: the model's sizes.
    ///   - shape: the sizes of a step.
    ///   - optimizer: what updates the weights.
    ///   - precision: the operands of the big products.
    ///   - threads: worker threads of this rank; nil for the processors that it may use.
    ///   - members: the threads of a team, which share the units of the layers; a divisor of `threads`; nil for the number that suits
    ///     the sizes and the CPU's caches. It changes no bit.
    ///   - seed: the seed of the initial values and of dropout.
    ///   - stateful: whether batches may continue the last applied one from its states; see `Batch.continues`.
    ///   - samplesInputs: whether gradients may be asked for with scheduled sampling.
    /// - Throws: `DTrainError` with `usage` for impossible sizes or where `DTRAIN_MAX_ISA` names what this CPU lacks, `internal` when
    ///   memory or threads run out.
    public convenience init(
        model: ModelConfiguration, shape: Shape = Shape(), optimizer: any Optimizer = Adam(),
        precision: Precision = Setting.precision.defaultValue, threads: Int? = nil,
        members: Int? = nil, seed: UInt64 = Setting.seed.defaultValue, stateful: Bool = false,
        samplesInputs: Bool = false
    ) throws {
        let ranks = SoloRanks()
        try self.init(
            model: model, shape: shape, optimizer: optimizer, arithmetic: ranks.agreeOnArithmetic(for: precision),
            threads: threads, members: members, seed: seed, stateful: stateful, samplesInputs: samplesInputs,
            ranks: ranks)
        try initialize()
    }

    /// Makes a model with zero weights.
    ///
    /// Collective; the arithmetic is the one that the ranks have agreed on.
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
                    places: ranks.ownProcessors.flatMap { WorkerPlaces(workers: threads, on: $0) },
                    isStateful: stateful, samplesInputs: samplesInputs, seed: seed, ranks: ranks.size),
                heartbeat: ranks.heartbeat, host: host)
        }
        reducer = try ranks.collectively {
            try ranks.makeReducer(tree: replica.tree, runs: runs, blocks: replica.gradient.blocks)
        }
        (self.shape, self.arithmetic, self.threads, self.seed) = (shape, arithmetic, threads, seed)
        (self.ranks, self.replica) = (ranks, replica)
    }

    /// The operands of the big products.
    public var precision: Precision { arithmetic.precision }

    /// The model's sizes.
    public var model: ModelConfiguration { replica.layout.configuration }

    /// The model's tensors: names, shapes, places.
    public var layout: ParameterLayout { replica.layout }

    /// The steps applied so far, those before a resume included.
    public var step: Int { replica.optimizerState.steps }

    /// The weights by tensor name, row-major copies; nil for a name that the model doesn't have.
    public var weights: Weights { Weights(replica: replica) }

    /// Computes a batch's gradient, summed over all ranks, at the present weights.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - batch: the sequences of the step, `shape.batchSize` of them.
    ///   - loss: the loss of a row of logits; the batch's loss is its mean over all tokens.
    ///   - dropout: the probabilities of dropping units.
    ///   - scheduledSampling: the probability that an input after a sequence's first is drawn from the softmax of the logits just
    ///     computed, `[UNK]` left out, instead of read from the text.
    /// - Throws: `DTrainError` with `usage` when the last gradient is still in use, the batch has another size or too many
    ///   different characters, it continues although the trainer isn't stateful, inputs shall be drawn although the trainer wasn't
    ///   made for that, or a probability is impossible; `badData` when an id lies outside the vocabulary.
    public func gradient(
        of batch: Batch, loss: RowLoss = .crossEntropy, dropout: Dropout = .none, scheduledSampling: Double = 0
    ) throws -> Gradient {
        try check(batch, states: replica.states)
        try dropout.check()
        try check(scheduledSampling: scheduledSampling)
        try replica.beginStep()
        let work = StepWork(
            replica: replica, batch: batch, loss: loss, dropout: dropout, scheduledSampling: scheduledSampling)
        do {
            let norm = try withFlushedDenormals { try compute(work) }
            return Gradient(loss: replica.loss, norm: norm, work: work)
        } catch {
            replica.endStep()
            throw error
        }
    }

    /// Updates the weights with a gradient of this trainer, at the weights that it was computed with; the states of a stateful
    /// trainer move on to the end of the gradient's batch.
    ///
    /// Collective.
    ///
    /// - Parameters:
    ///   - gradient: what `gradient(of:)` has returned.
    ///   - learningRate: of this step, at least 0.
    /// - Throws: `DTrainError` with `badData` when the loss or an element is infinite or not a number, naming rank and tensor;
    ///   `usage` for another trainer's gradient or an impossible rate. Weights and optimiser state are then what they were.
    public func apply(_ gradient: consuming Gradient, learningRate: Double) throws {
        guard gradient.work.replica === replica else {
            throw DTrainError(.usage, "a gradient can only be applied by the trainer that computed it")
        }
        guard learningRate.isFinite, learningRate >= 0 else {
            throw DTrainError(.usage, "a learning rate of \(learningRate) is impossible; give 0 or a positive number")
        }
        guard gradient.loss.isFinite, gradient.norm.isFinite else {
            let work = gradient.work
            throw try NonFiniteGradient(step: step + 1, loss: gradient.loss).diagnose(replica, ranks) {
                try work.load()
                try replica.computeGradient()
            }
        }
        try replica.applyGradient(learningRate: learningRate, scale: gradient.scale)
        self.learningRate = learningRate
        profile.adam = replica.profile.adam
    }

    /// Leaves the weights of some layers as they are from the next step on, in place of those frozen before.
    ///
    ///     try trainer.freeze(["embedding", "gru"])
    ///
    /// They aren't updated, nor do weight decay, the gradient's norm and clipping take account of them; what the optimiser keeps
    /// for them stays, too. All ranks freeze the same layers. `save` keeps the names, `resume` leaves them to the caller.
    ///
    /// - Parameter layers: their names; `.none` to train all of them.
    /// - Throws: `DTrainError` with `usage` when the model has no layer of a name, nothing would be left to train, or a gradient is
    ///   still in use; nothing changes then.
    public func freeze(_ layers: FrozenLayers) throws {
        guard !replica.isStepOpen else {
            throw DTrainError(.usage, "a gradient of the trainer is still in use; apply it or let it go first")
        }
        try replica.freeze(try layers.tensors(of: layout))
        frozen = layers
    }

    /// Bytes of the gradient that ranks sum.
    package var gradientBytes: Int { replica.gradient.blocks.count * MemoryLayout<Float>.stride }

    /// Gives all ranks Keras's initial values, those of rank 0; collective.
    package func initialize() throws {
        try ranks.collectively {
            guard ranks.rank == 0 else { return }
            try replica.fillInitialValues(seed: seed)
        }
        try shareState()
    }

    private func compute(_ work: StepWork) throws -> Double {
        let (heartbeat, next) = (ranks.heartbeat, step + 1)
        try heartbeat.enter(.forward, step: next)
        // What fails now leaves no reduction half done.
        try work.load()
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

    /// Refuses what isn't a probability, and drawn inputs that there is no room for.
    private func check(scheduledSampling probability: Double) throws {
        guard (0...1).contains(probability) else {
            throw DTrainError(.usage, "the scheduled sampling is \(probability); give at least 0 and at most 1")
        }
        guard probability == 0 || replica.configuration.samplesInputs else {
            throw DTrainError(
                .usage, "the trainer has no room for drawn inputs; make it with `samplesInputs`")
        }
    }

    /// Refuses a batch that doesn't fit the trainer.
    ///
    /// - Parameter states: where a batch that continues starts.
    func check(_ batch: Batch, states: CarriedStates?) throws {
        guard states != nil || !batch.continues else {
            throw DTrainError(
                .usage, "a batch that continues the last one needs carried states; make the trainer with `stateful`")
        }
        guard batch.count == shape.batchSize else {
            throw DTrainError(
                .usage, "a batch of \(batch.count) sequences for a trainer of \(shape.batchSize); give it as many")
        }
        guard Int(batch.largestID) < model.vocabularySize else {
            throw DTrainError(
                .badData,
                "the batch holds id \(batch.largestID), but the model's vocabulary has \(model.vocabularySize) entries")
        }
    }
}

extension Trainer.Shape {
    /// Refuses sizes that no step can have.
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
    /// Adds what the reduction over ranks took.
    mutating func add(_ times: ReductionTimes) {
        wait += times.waiting
        exchange += times.interleaved + times.finishing - times.waiting
        hiddenExchange += times.hidden
        // What was done for the exchange between two products has been counted as theirs.
        weightGradient -= times.interleaved
    }
}
