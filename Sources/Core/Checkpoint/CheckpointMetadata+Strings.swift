import FoundationEssentials

/// The keys of a checkpoint's metadata.
enum CheckpointKey: String, CaseIterable {
    case format
    case formatVersion = "format_version"
    case dtrainVersion = "dtrain_version"
    case kind, vocabulary, configuration, epoch, step
    case stepInEpoch = "step_in_epoch"
    case lossHistory = "loss_history"
    case validationHistory = "validation_history"
    case corpusChecksum = "corpus_checksum"
    case tensorChecksum = "tensor_checksum"
    case metadataChecksum = "metadata_checksum"
    case seal = "dtrain_seal"
}

/// The value of `configuration`.
private struct StoredConfiguration: Codable {
    let model: ModelConfiguration
    let training: Settings?
    // These are part of `configuration` so that the seal covers them even in versions that don't
    // know them.
    let arithmetic: String?
    let horizon: Int?
    let validationChecksum: String?
}

/// The value of `loss_history`; JSON numbers in their shortest form convert back to the same
/// doubles.
private struct StoredLosses: Encodable {
    let epochLosses: [Double]
    let lossSum: Double
}

/// The value of `validation_history`.
private struct StoredValidation: Encodable {
    let epochLosses: [Double]
    let bestLoss: Double?
    let bestStep: Int
    let reference: Double?
    let waited: Int
    let pendingStep: Int?

    init(_ validation: ValidationProgress) {
        epochLosses = validation.epochLosses
        (bestLoss, bestStep) = (validation.bestLoss, validation.bestStep)
        (reference, waited) = (validation.reference, validation.waited)
        pendingStep = validation.pendingStep
    }
}

extension CheckpointMetadata {
    /// A limit on the length of `configuration`, since a general decoder needs many times the
    /// memory of its input.
    private static let maximumText = 1 << 16

    /// The metadata as strings by key, as stored in the file.
    func strings() throws -> [CheckpointKey: String] {
        if let problem {
            throw DTrainError(.internal, "cannot save a checkpoint that \(problem); please report this")
        }
        var strings: [CheckpointKey: String] = [
            .kind: kind.rawValue,
            .vocabulary: try Self.json(vocabulary),
            .configuration: try Self.json(
                StoredConfiguration(
                    model: model, training: settings, arithmetic: arithmetic, horizon: horizon,
                    validationChecksum: validationChecksum)),
        ]
        strings[.corpusChecksum] = corpusChecksum
        if let progress {
            strings[.epoch] = String(progress.epoch)
            strings[.step] = String(progress.step)
            strings[.stepInEpoch] = String(progress.stepInEpoch)
            strings[.lossHistory] = try Self.json(
                StoredLosses(epochLosses: progress.epochLosses, lossSum: progress.lossSum))
            strings[.validationHistory] = try progress.validation.map { try Self.json(StoredValidation($0)) }
        }
        return strings
    }

    /// Decodes the metadata of a file whose checksums are verified and whose tensors form `model`.
    init(_ file: Safetensors, model: ModelConfiguration) throws {
        func text(_ key: CheckpointKey) throws -> String {
            guard let value = file.metadata[key.rawValue] else { throw file.unfit("has no \(key.rawValue)") }
            return value
        }
        func number(_ key: CheckpointKey) throws -> Int {
            let value = try text(key)
            guard let number = Int(value) else {
                throw file.unfit("has \(value.quotedForMessage) for \(key.rawValue)")
            }
            return number
        }
        guard let kind = Kind(rawValue: try text(.kind)) else {
            throw file.unfit("is of the unknown kind \(try text(.kind).quotedForMessage)")
        }
        let stored: StoredConfiguration = try Self.decode(.configuration, of: file)
        guard stored.model == model else {
            throw file.unfit("describes \(stored.model.summary) but holds \(model.summary)")
        }
        var progress: TrainingProgress?
        if kind == .training || file.metadata[CheckpointKey.epoch.rawValue] != nil {
            let epoch = try number(.epoch)
            let losses = try Self.losses(of: file, epochs: epoch)
            progress = TrainingProgress(
                epoch: epoch, stepInEpoch: try number(.stepInEpoch), step: try number(.step),
                epochLosses: losses.epochLosses, lossSum: losses.lossSum,
                validation: try Self.validation(of: file, epochs: epoch))
        }
        self.init(
            kind: kind, model: model, settings: stored.training, arithmetic: stored.arithmetic,
            horizon: stored.horizon, vocabulary: try Self.vocabulary(of: file, size: model.vocabularySize),
            corpusChecksum: file.metadata[CheckpointKey.corpusChecksum.rawValue],
            validationChecksum: stored.validationChecksum, progress: progress)
        if let problem { throw file.unfit(problem) }
        guard let version = file[.formatVersion].flatMap({ Int($0) }), version >= formatVersion else {
            throw file.unfit("has a vocabulary that needs format version \(formatVersion), but has an older version")
        }
    }

    /// The vocabulary of a file; nil if it has none.
    static func storedVocabulary(of source: ModelFile) throws -> [String]? {
        guard source.file[.vocabulary] != nil else { return nil }
        return try vocabulary(of: source.file, size: source.layout.configuration.vocabularySize)
    }

    /// The vocabulary in a file's metadata, which must have the model's number of entries.
    ///
    /// - Throws: `DTrainError` with `badData` when it is missing or invalid.
    static func vocabulary(of file: Safetensors, size: Int) throws -> [String] {
        guard let entries = try entries(of: file, size: size, advice: "use another file") else {
            throw file.unfit("has no vocabulary")
        }
        if let problem = vocabularyProblem(entries, size: size) { throw file.unfit(problem) }
        return entries
    }

    /// The vocabulary in the metadata of another program's file, which may omit `[UNK]`; nil if
    /// there is none.
    ///
    /// - Throws: `DTrainError` with `badData` when it isn't a list of characters, or has more
    ///   entries than `size`.
    package static func foreignVocabulary(
        of file: Safetensors, size: Int
    ) throws -> (vocabulary: Vocabulary, namesUnknown: Bool)? {
        let advice = "pass the list or text it was trained with as `vocabulary`"
        guard let entries = try entries(of: file, size: size, advice: advice) else { return nil }
        do {
            return try Vocabulary.vocabulary(of: entries)
        } catch {
            throw file.unfit("has a vocabulary that \(error.text)", advice: advice)
        }
    }

    /// The entries of a file's vocabulary; nil if there is none.
    ///
    /// Reading stops after `size` entries, so that memory stays in proportion to the tensors.
    private static func entries(of file: Safetensors, size: Int, advice: String) throws -> [String]? {
        guard var text = file.metadata[CheckpointKey.vocabulary.rawValue] else { return nil }
        guard size <= Vocabulary.maximumScalarCount + 1 else {
            throw file.unfit("has a vocabulary of \(size) entries, more than ids can represent")
        }
        var entries: [String] = []
        let isRead = text.withUTF8 { bytes in
            var scanner = JSONScanner(UnsafeRawBufferPointer(bytes))
            let isWhole: ()? = try? scanner.sequence("[", "]") { scanner in
                guard entries.count < size else { throw JSONScanner.Problem(text: "too many entries") }
                entries.append(try scanner.string())
            }
            return isWhole != nil && scanner.isAtEnd()
        }
        guard isRead else {
            throw file.unfit(
                "has a vocabulary that is not a list of \(size) strings: \(text.quotedForMessage)", advice: advice)
        }
        return entries
    }

    /// The loss history, which must have as many epochs as the progress.
    private static func losses(of file: Safetensors, epochs: Int) throws -> StoredLosses {
        let record = try numbers(.lossHistory, of: file, lists: ["epochLosses"], numbers: ["lossSum"], atMost: epochs)
        guard let epochLosses = record.lists["epochLosses"], let lossSum = record.numbers["lossSum"] else {
            throw unreadable(.lossHistory, of: file, epochs: epochs)
        }
        return StoredLosses(epochLosses: epochLosses, lossSum: lossSum)
    }

    /// The held-out losses; nil if the run has none.
    private static func validation(of file: Safetensors, epochs: Int) throws -> ValidationProgress? {
        let key = CheckpointKey.validationHistory
        guard file.metadata[key.rawValue] != nil else { return nil }
        let record = try numbers(
            key, of: file, lists: ["epochLosses"],
            numbers: ["bestLoss", "bestStep", "reference", "waited", "pendingStep"], atMost: epochs)
        // A value that isn't an integer becomes -1, which `problem` rejects.
        let pendingStep = record.numbers["pendingStep"].map { Int(exactly: $0) ?? -1 }
        guard let epochLosses = record.lists["epochLosses"],
            let bestStep = record.numbers["bestStep"].flatMap(Int.init(exactly:)),
            let waited = record.numbers["waited"].flatMap(Int.init(exactly:))
        else { throw unreadable(key, of: file, epochs: epochs) }
        return ValidationProgress(
            epochLosses: epochLosses, bestLoss: record.numbers["bestLoss"], bestStep: bestStep,
            reference: record.numbers["reference"], waited: waited, pendingStep: pendingStep)
    }

    /// Reads an object of numbers and lists of numbers; unknown and repeated keys are errors.
    private static func numbers(
        _ key: CheckpointKey, of file: Safetensors, lists: [String], numbers: [String], atMost epochs: Int
    ) throws -> (lists: [String: [Double]], numbers: [String: Double]) {
        guard var text = file.metadata[key.rawValue] else { throw file.unfit("has no \(key.rawValue)") }
        var found: (lists: [String: [Double]], numbers: [String: Double]) = ([:], [:])
        let isRead = text.withUTF8 { bytes in
            var scanner = JSONScanner(UnsafeRawBufferPointer(bytes))
            let isWhole: ()? = try? scanner.sequence("{", "}") { scanner in
                let name = try scanner.string()
                try scanner.expect(":")
                if lists.contains(name), found.lists[name] == nil {
                    found.lists[name] = try scanner.numbers(atMost: min(epochs, TrainingProgress.maximumEpochs))
                } else if numbers.contains(name), found.numbers[name] == nil {
                    found.numbers[name] = try scanner.number()
                } else {
                    throw JSONScanner.Problem(text: "an unknown or repeated key")
                }
            }
            return isWhole != nil && scanner.isAtEnd()
        }
        guard isRead else { throw unreadable(key, of: file, epochs: epochs) }
        return found
    }

    private static func unreadable(_ key: CheckpointKey, of file: Safetensors, epochs: Int) -> DTrainError {
        let text = file.metadata[key.rawValue] ?? ""
        return file.unfit(
            "has a \(key.rawValue) that cannot be read for \(epochs) epoch\(epochs == 1 ? "" : "s"): "
                + text.quotedForMessage)
    }

    private static func decode<Value: Decodable>(_ key: CheckpointKey, of file: Safetensors) throws -> Value {
        guard let text = file.metadata[key.rawValue] else { throw file.unfit("has no \(key.rawValue)") }
        guard text.utf8.count <= maximumText,
            let value = try? JSONDecoder().decode(Value.self, from: Data(text.utf8))
        else { throw file.unfit("has a \(key.rawValue) that cannot be read: \(text.quotedForMessage)") }
        return value
    }

    private static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension ModelConfiguration {
    /// A short description of the sizes for messages.
    fileprivate var summary: String {
        "\(layers) x \(cell.rawValue) of \(rnnUnits) units, embedding \(embeddingDim), vocabulary \(vocabularySize)"
    }
}
