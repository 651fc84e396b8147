/// Continues a batch of prompts character by character; each prompt has its own state.
///
/// A continuation depends on the weights, the seed, the prompt and its number, not on the other
/// prompts or on the threads.
public final class Generator {
    private let layout: ParameterLayout
    private let parameters: AlignedBuffer<Float>
    private let pool: WorkerPool
    private let weights: PackedWeights

    /// Prepares generation with a model's flat parameters.
    ///
    /// - Parameters:
    ///   - layout: the layout of the parameters.
    ///   - parameters: the flat parameters.
    ///   - precision: the precision of the recurrent layers' products; the logits are float32.
    ///   - threads: worker threads.
    /// - Throws: `DTrainError` with `usage` when this CPU doesn't support the precision, `internal`
    ///   when memory or threads run out.
    public init(
        layout: ParameterLayout, parameters: AlignedBuffer<Float>, precision: Precision = .fp32, threads: Int
    ) throws {
        try precision.requireSupport()
        self.layout = layout
        self.parameters = parameters
        pool = try WorkerPool(forProducts: threads)
        weights = try PackedWeights.reading(
            layout, parameters: parameters.pointer, precision: precision, pool: pool)
        try weights.pack()
    }

    /// Generates `length` characters after each prompt.
    ///
    /// - Parameters:
    ///   - prompts: the ids of each prompt, at least one.
    ///   - length: the characters to generate for each prompt.
    ///   - method: how each character is chosen.
    ///   - seed: the random seed.
    /// - Returns: the generated ids of each prompt.
    /// - Throws: `DTrainError` with `usage` for an empty prompt, `internal` when memory runs out.
    public func generate(prompts: [[UInt16]], length: Int, method: SamplingMethod, seed: UInt64) throws -> [[UInt16]] {
        guard !prompts.contains(where: \.isEmpty) else {
            throw DTrainError(.usage, "a prompt is empty; give at least one character to start from")
        }
        let team = ForwardPass.teamSize(of: pool.count, rows: prompts.count, weights: weights)
        let parts = Partition.balanced(count: prompts.count, parts: pool.count / team).filter { !$0.isEmpty }
        let runs = try parts.map { part in
            try GenerationRun(
                prompts: Array(prompts[part]), firstPrompt: part.lowerBound, length: length,
                sampler: Sampler(method: method, seed: seed),
                forward: ForwardPass.team(of: team, rows: part.count, weights: weights, parameters: parameters.pointer),
                bias: parameters.pointer + layout.denseBias, vocabularySize: layout.configuration.vocabularySize)
        }
        try pool.run { worker in
            if worker < runs.count * team { try runs[worker / team].run(member: worker % team) }
        }
        return runs.flatMap(\.generated)
    }
}
