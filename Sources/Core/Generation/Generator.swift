/// Continues prompts character by character, all of them together; each keeps its own state.
///
/// A prompt's continuation depends on the weights, the seed, its number and its text, not on the other prompts or on threads.
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
    ///   - precision: of the recurrent layers' products; the logits stay in float32.
    ///   - threads: worker threads.
    /// - Throws: `DTrainError` with `usage` when this CPU lacks the precision, `internal` when memory or threads run out.
    public init(
        layout: ParameterLayout, parameters: AlignedBuffer<Float>, precision: Precision = .fp32, threads: Int
    ) throws {
        try precision.requireSupport()
        self.layout = layout
        self.parameters = parameters
        pool = try WorkerPool(count: threads)
        weights = try PackedWeights(
            layout: layout, parameters: parameters.pointer, format: precision.operands, training: false, pool: pool)
        try weights.pack()
    }

    deinit { pool.stop() }

    /// Generates `length` characters after each prompt.
    ///
    /// - Parameters:
    ///   - prompts: the prompts' ids, none of them empty.
    ///   - length: characters to generate for each.
    ///   - method: how to choose.
    ///   - seed: fixes what is drawn.
    /// - Returns: the generated ids, a list for each prompt.
    public func generate(prompts: [[UInt16]], length: Int, method: SamplingMethod, seed: UInt64) throws -> [[UInt16]] {
        guard !prompts.contains(where: \.isEmpty) else {
            throw DTrainError(.usage, "a prompt is empty; give at least one character to start from")
        }
        let runs = ReductionTree.partition(count: prompts.count, parts: pool.count).filter { !$0.isEmpty }
        let results = try runs.map { run in
            try GenerationRun(
                prompts: Array(prompts[run]), firstPrompt: run.lowerBound, length: length,
                sampler: Sampler(method: method, seed: seed),
                forward: ForwardPass(rows: run.count, weights: weights, parameters: parameters.pointer),
                bias: parameters.pointer + layout.denseBias, vocabularySize: layout.configuration.vocabularySize)
        }
        try pool.run { worker in
            if worker < results.count { try results[worker].run() }
        }
        return results.flatMap(\.generated)
    }
}

/// One worker's prompts.
private final class GenerationRun: @unchecked Sendable {
    /// A text that long is asked for all at once; a longer one grows, since it may be stopped before its end.
    private static let reservedCharacters = 1 << 16

    private let prompts: [[UInt16]]
    private let firstPrompt: Int
    private let length: Int
    private let sampler: Sampler
    private let forward: ForwardPass
    private let bias: UnsafePointer<Float>
    private let vocabularySize: Int
    private(set) var generated: [[UInt16]]

    init(
        prompts: [[UInt16]], firstPrompt: Int, length: Int, sampler: Sampler, forward: ForwardPass,
        bias: UnsafePointer<Float>, vocabularySize: Int
    ) {
        self.prompts = prompts
        self.firstPrompt = firstPrompt
        self.length = length
        self.sampler = sampler
        self.forward = forward
        self.bias = bias
        self.vocabularySize = vocabularySize
        generated = prompts.map { _ in
            var ids: [UInt16] = []
            ids.reserveCapacity(min(length, Self.reservedCharacters))
            return ids
        }
    }

    /// Feeds each row its prompt and then what it generates; shorter prompts begin to generate earlier.
    func run() throws {
        guard length > 0 else { return }
        let steps = (prompts.map(\.count).max() ?? 0) + length - 1
        let ids = try AlignedBuffer<UInt16>(count: prompts.count)
        for (row, prompt) in prompts.enumerated() { ids[row] = prompt[0] }
        for step in 0..<steps {
            try forward.advance(ids.pointer)
            for row in prompts.indices { ids[row] = next(row, after: step) }
        }
    }

    /// The character that a row is fed after `step`.
    private func next(_ row: Int, after step: Int) -> UInt16 {
        let position = step + 1 - prompts[row].count
        guard position >= 0 else { return prompts[row][step + 1] }
        guard position < length else { return 0 }
        let chosen = sampler.choose(
            forward.logits.pointer + row * vocabularySize, bias: bias, count: vocabularySize, position: position,
            prompt: firstPrompt + row)
        generated[row].append(chosen)
        return chosen
    }
}
