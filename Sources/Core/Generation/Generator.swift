/// A text generator that continues a batch of prompts character by character, each with its own
/// state.
///
/// A continuation depends only on the weights, the seed, the prompt, and the indices of prompt and
/// sample. It depends neither on other prompts and samples nor on the threads.
public final class Generator {
    private let layout: ParameterLayout
    private let parameters: AlignedBuffer<Float>
    private let pool: WorkerPool
    private let weights: PackedWeights

    /// Prepares generation with a checkpoint's model.
    ///
    /// - Parameters:
    ///   - checkpoint: a checkpoint of any kind; its weights are copied.
    ///   - precision: the precision of the recurrent layers' matrix products; the logits are
    ///     float32.
    ///   - threads: the number of worker threads; nil uses all processors available to the process
    ///     within its CPU quota.
    /// - Throws: `DTrainError` with `usage` when `DTRAIN_MAX_ISA` names an instruction set that
    ///   this CPU lacks, with `internal` when memory or threads run out.
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
    ///   - precision: the precision of the recurrent layers' matrix products; the logits are
    ///     float32.
    ///   - threads: the number of worker threads.
    /// - Throws: `DTrainError` with `usage` when `DTRAIN_MAX_ISA` names an instruction set that
    ///   this CPU lacks, with `internal` when memory or threads run out.
    package init(
        layout: ParameterLayout, parameters: AlignedBuffer<Float>, precision: Precision = .fp32, threads: Int
    ) throws {
        self.layout = layout
        self.parameters = parameters
        pool = try WorkerPool(count: threads)
        weights = try PackedWeights.forInference(
            layout, parameters: parameters.pointer, precision: precision, pool: pool)
        try weights.pack()
    }

    /// Generates `length` characters after each prompt.
    ///
    /// - Parameters:
    ///   - prompts: the ids of each prompt, at least one, all in the model's vocabulary.
    ///   - length: the number of characters to generate per prompt, from 0 to 2³² − 1.
    ///   - method: the method of choosing each character.
    ///   - seed: the random seed.
    /// - Returns: the generated ids of each prompt.
    /// - Throws: the errors of `continuations(of:_:)`.
    public func generate(prompts: [[UInt16]], length: Int, method: SamplingMethod, seed: UInt64) throws -> [[UInt16]] {
        try continuations(of: prompts, GenerationOptions(length: length, method: method, seed: seed)).map(\.ids)
    }

    /// Continues all prompts together.
    ///
    /// - Parameters:
    ///   - prompts: the ids of each prompt, at least one, all in the model's vocabulary.
    ///   - options: the options of generation.
    /// - Returns: the samples of the first prompt, then those of the next.
    /// - Throws: `DTrainError` with `usage` for an empty prompt, an id outside the vocabulary or an
    ///   invalid option, with `internal` when memory runs out.
    public func continuations(of prompts: [[UInt16]], _ options: GenerationOptions) throws -> [Continuation] {
        try run(prompts, options, receive: nil)
    }

    /// Continues one prompt and delivers each character as soon as it is final.
    ///
    /// - Parameters:
    ///   - prompt: the ids of the prompt, at least one, all in the model's vocabulary.
    ///   - options: the options of generation, with one sample.
    ///   - receive: called with the next ids, at least one, on the calling thread; generation waits
    ///     for it. Characters that may be the start of a stop text are held back.
    /// - Returns: the whole continuation.
    /// - Throws: the errors of `continuations(of:_:)`, and any error of `receive`, which ends the
    ///   generation.
    public func stream(
        _ prompt: [UInt16], _ options: GenerationOptions, to receive: (ArraySlice<UInt16>) throws -> Void
    ) throws -> Continuation {
        try withoutActuallyEscaping(receive) { try run([prompt], options, receive: $0) }[0]
    }

    private func run(
        _ prompts: [[UInt16]], _ options: GenerationOptions, receive: GenerationRun.Receiver?
    ) throws -> [Continuation] {
        try check(prompts)
        try options.check()
        guard receive == nil || options.samples == 1 else {
            throw DTrainError(.usage, "\(options.samples) samples can't be streamed; give 1")
        }
        guard !prompts.isEmpty else { return [] }
        let texts = prompts.enumerated().flatMap { number, prompt in
            (0..<options.samples).map { GeneratedText(prompt, number: number, sample: $0, options) }
        }
        let grid = TeamCost(layout.configuration, format: weights.products.format)
            .best(rows: texts.count, workers: pool.count)
        let runs = try grid.divide(rows: texts.count, units: layout.configuration.rnnUnits).map { team in
            try GenerationRun(
                team, texts: Array(texts[team.rows]), options: options, weights: weights,
                parameters: parameters.pointer)
        }
        let places = runs.flatMap { run in (0..<run.members).map { (run: run, member: $0) } }
        try pool.run { worker in
            if worker < places.count { places[worker].run.run(member: places[worker].member) }
        } onCallingThread: {
            // The calling thread is member 0 of the first run, which has the first text.
            runs[0].run(member: 0, receive: receive)
        }
        if let failure = runs[0].failure { throw failure }
        return runs.flatMap(\.continuations)
    }

    private func check(_ prompts: [[UInt16]]) throws {
        let size = layout.configuration.vocabularySize
        guard !prompts.contains(where: \.isEmpty) else {
            throw DTrainError(.usage, "a prompt is empty; give at least one character to start from")
        }
        if let id = prompts.joined().first(where: { Int($0) >= size }) {
            throw DTrainError(
                .usage,
                "a prompt holds id \(id), but the model's vocabulary has \(size) entries; encode it with that "
                    + "vocabulary")
        }
    }
}
