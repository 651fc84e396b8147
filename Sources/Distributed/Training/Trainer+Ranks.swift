import DTrainCore

extension Trainer {
    /// Makes a model with Keras's initial values on all ranks of a job.
    ///
    /// Collective, with the same arguments on all ranks but for `threads` and `members`.
    ///
    /// - Parameters:
    ///   - model: the model's sizes.
    ///   - shape: the sizes of a step over all ranks.
    ///   - optimizer: what updates the weights.
    ///   - precision: the operands of the big products.
    ///   - threads: worker threads of this rank; nil for its share of the host's processors.
    ///   - members: the threads of a team, which share the units of the layers; a divisor of `threads`; nil for the number that suits
    ///     the sizes and the CPU's caches. It changes no bit.
    ///   - seed: the seed of the initial values and of dropout.
    ///   - stateful: whether batches may continue the last applied one from its states; see `Batch.continues`.
    ///   - samplesInputs: whether gradients may be asked for with scheduled sampling.
    ///   - ranks: the ranks that train together.
    /// - Throws: `CollectiveError` for impossible sizes, an instruction set that a CPU lacks, or when memory or threads run out.
    public convenience init(
        model: ModelConfiguration, shape: Shape = Shape(), optimizer: any Optimizer = Adam(),
        precision: Precision = Setting.precision.defaultValue, threads: Int? = nil,
        members: Int? = nil, seed: UInt64 = Setting.seed.defaultValue, stateful: Bool = false,
        samplesInputs: Bool = false, ranks: any Communicator
    ) throws {
        let ranks = JobRanks(ranks)
        try self.init(
            model: model, shape: shape, optimizer: optimizer, arithmetic: ranks.agreeOnArithmetic(for: precision),
            threads: threads, members: members, seed: seed, stateful: stateful, samplesInputs: samplesInputs,
            ranks: ranks)
        try initialize()
    }
}
