import DTrainCore

extension Trainer {
    /// Creates a trainer of a model with Keras's initial values on all ranks of a job.
    ///
    /// Collective; all arguments except `threads` and `members` are the same on all ranks.
    ///
    /// - Parameters:
    ///   - model: the model's sizes.
    ///   - shape: the sizes of a step over all ranks.
    ///   - optimizer: the optimizer that updates the weights.
    ///   - precision: the precision of the operands of large matrix products.
    ///   - threads: the number of worker threads of this rank; nil for its share of the host's
    ///     processors.
    ///   - members: the number of threads per team, which share the units of the layers; a divisor
    ///     of `threads`, or nil to choose by the sizes and the CPU's caches. It doesn't change the
    ///     results.
    ///   - seed: the seed of the initial values and of dropout.
    ///   - stateful: whether a batch may continue from the states of the last applied one; see
    ///     `Batch.continues`.
    ///   - samplesInputs: whether gradients may use scheduled sampling.
    ///   - ranks: the ranks that train together.
    /// - Throws: `CollectiveError` for invalid sizes or an instruction set that a CPU lacks, or if
    ///   memory or threads run out.
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
