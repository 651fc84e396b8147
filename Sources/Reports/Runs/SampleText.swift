import DTrainCore

/// A text that a checkpoint has written.
public struct SampleText: Hashable, Sendable {
    /// The checkpoint's file name.
    let file: String
    /// Finished epochs and steps in all.
    let epoch: Int
    let step: Int
    /// What it was to continue.
    let prompt: String
    /// What it wrote.
    let text: String
}

/// What checkpoints are asked to write.
public struct SampleOptions: Hashable, Sendable {
    /// What they continue; nil for a new line, or the vocabulary's first character.
    public var prompt: String?
    /// Characters to write.
    public var length: Int
    /// The temperature.
    public var temperature: Double
    /// The most checkpoints of a training, spread evenly.
    public var checkpoints: Int
    /// Worker threads.
    public var threads: Int

    /// Describes what to write.
    public init(prompt: String?, length: Int, temperature: Double, checkpoints: Int, threads: Int) {
        (self.prompt, self.length, self.temperature) = (prompt, length, temperature)
        (self.checkpoints, self.threads) = (checkpoints, threads)
    }
}

extension Run {
    /// Lets checkpoints write, oldest first and the best one last; all from the same random numbers.
    ///
    /// - Parameters:
    ///   - options: what to write.
    ///   - report: called with what is wrong with a checkpoint that is left out.
    /// - Throws: `DTrainError` with `usage` for a prompt that the vocabulary lacks.
    public func samples(_ options: SampleOptions, report: (String) -> Void) throws -> [SampleText] {
        guard let folder, options.length > 0, options.checkpoints > 0 else { return [] }
        let directory = CheckpointDirectory(path: folder)
        var paths = Self.spread(checkpoints, most: options.checkpoints).map { directory.file($0) }
        if hasBest(directory) { paths.append(directory.best) }
        var samples: [SampleText] = []
        for path in paths {
            do {
                let checkpoint = try Checkpoint(path: path)
                samples.append(try Self.sample(checkpoint, options))
            } catch let error as DTrainError where error.category != .usage {
                report("left out: \(error)")
            }
        }
        return samples
    }

    private func hasBest(_ directory: CheckpointDirectory) -> Bool {
        metadata?.progress?.validation?.bestLoss != nil && (try? MappedFile(path: directory.best)) != nil
    }

    /// At most so many, with the first and the last.
    static func spread<Element>(_ all: [Element], most: Int) -> [Element] {
        guard all.count > most, most > 0 else { return most > 0 ? all : [] }
        guard most > 1 else { return all.suffix(1) }
        return (0..<most).map { all[$0 * (all.count - 1) / (most - 1)] }
    }

    private static func sample(_ checkpoint: Checkpoint, _ options: SampleOptions) throws -> SampleText {
        let vocabulary = try checkpoint.requireVocabulary()
        let prompt = options.prompt ?? (vocabulary.missing(in: "\n").isEmpty ? "\n" : String(vocabulary.scalars[0]))
        if let missing = vocabulary.missing(in: prompt).first {
            throw DTrainError(
                .usage,
                "the vocabulary of '\(checkpoint.path)' lacks \(String(missing).quotedForMessage) of the prompt; name another"
            )
        }
        let ids = try Generator(checkpoint: checkpoint, threads: options.threads).generate(
            prompts: [vocabulary.encode(prompt)], length: options.length,
            method: .temperature(Float(options.temperature)), seed: Setting.seed.defaultValue)
        let file = checkpoint.path.split(separator: "/").last.map(String.init) ?? checkpoint.path
        let progress = checkpoint.metadata.progress ?? TrainingProgress()
        return SampleText(
            file: file, epoch: progress.epoch, step: progress.step, prompt: prompt,
            text: vocabulary.decode(ids.first ?? []))
    }
}
