/// Continues a batch of prompts character by character; each prompt has its own state.
///
/// A continuation depends on the weights, the seed, the prompt and its number, not on the other
/// prompts or on the threads.
public final class Generator {
    private let layout: ParameterLayout
    private let parameters: AlignedBuffer<Float>
    private let pool: WorkerPool
    private let weights: PackedWeights

    /// Prepares generation with a checkpoint's model.
    ///
    /// - Parameters:
    ///   - checkpoint: a checkpoint of any kind; its weights are copied.
    ///   - precision: the precision of the recurrent layers' products; the logits are float32.
    ///   - threads: worker threads; nil for all processors that the process may use, as far as its CPU quota allows.
    /// - Throws: `DTrainError` with `usage` when `DTRAIN_MAX_ISA` can't be followed, `internal` when
    ///   memory or threads run out.
    public convenience init(checkpoint: Checkpoint, precision: Precision = .fp32, threads: Int? = nil) throws {
        try self.init(
            layout: checkpoint.layout, parameters: checkpoint.parameters(), precision: precision,
            threads: threads ?? ProcessorSet.defaultThreads)
    }

    /// Prepares generation with a model's flat parameters.
    ///
    /// - Parameters:
    ///   - layout: the layout of the parameters.
    ///   - parameters: the flat parameters.
    ///   - precision: the precision of the recurrent layers' products; the logits are float32.
    ///   - threads: worker threads.
    /// - Throws: `DTrainError` with `usage` when `DTRAIN_MAX_ISA` can't be followed, `internal` when
    ///   memory or threads run out.
    package init(
        layout: ParameterLayout, parameters: AlignedBuffer<Float>, precision: Precision = .fp32, threads: Int
    ) throws {
        self.layout = layout
        self.parameters = parameters
        pool = try WorkerPool(count: threads)
        weights = try PackedWeights.reading(
            layout, parameters: parameters.pointer, precision: precision, pool: pool)
        try weights.pack()
    }

    /// Generates `length` characters after each prompt.
    ///
    /// - Parameters:
    ///   - prompts: the ids of each prompt, at least one, all in the model's vocabulary.
    ///   - length: the characters to generate for each prompt, at least 0.
    ///   - method: how each character is chosen.
    ///   - seed: the random seed.
    /// - Returns: the generated ids of each prompt.
    /// - Throws: `DTrainError` with `usage` for an empty prompt, an id outside the vocabulary, a negative length or
    ///   a temperature that isn't above 0; `internal` when memory runs out.
    public func generate(prompts: [[UInt16]], length: Int, method: SamplingMethod, seed: UInt64) throws -> [[UInt16]] {
        try check(prompts, length: length, method)
        guard !prompts.isEmpty else { return [] }
        let grid = TeamCost(layout.configuration, format: weights.products.format)
            .best(rows: prompts.count, workers: pool.count)
        let runs = try grid.divide(rows: prompts.count, units: layout.configuration.rnnUnits).map { team in
            try GenerationRun(
                team, prompts: Array(prompts[team.rows]), length: length, sampler: Sampler(method: method, seed: seed),
                weights: weights, parameters: parameters.pointer)
        }
        let places = runs.flatMap { run in (0..<run.members).map { (run: run, member: $0) } }
        try pool.run { worker in
            if worker < places.count { places[worker].run.run(member: places[worker].member) }
        }
        return runs.flatMap(\.generated)
    }

    private func check(_ prompts: [[UInt16]], length: Int, _ method: SamplingMethod) throws {
        let size = layout.configuration.vocabularySize
        guard !prompts.contains(where: \.isEmpty) else {
            throw DTrainError(.usage, "a prompt is empty; give at least one character to start from")
        }
        if let id = prompts.joined().first(where: { Int($0) >= size }) {
            throw DTrainError(
                .usage, "a prompt holds id \(id), but the model's vocabulary has \(size) entries; encode it with that")
        }
        guard length >= 0 else { throw DTrainError(.usage, "the length is \(length); give at least 0") }
        if case .temperature(let temperature) = method, !(temperature > 0) {
            throw DTrainError(.usage, "the temperature is \(temperature); give one above 0")
        }
    }
}
