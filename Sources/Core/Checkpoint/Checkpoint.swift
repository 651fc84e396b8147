/// A verified dtrain checkpoint: a safetensors file with weights, metadata and, for resuming,
/// optimizer slots.
///
/// Opening a checkpoint verifies its structure and its seal, and that metadata and tensors agree. A
/// file that was truncated or changed by a single bit is rejected.
public struct Checkpoint: Sendable {
    /// The value of `format` in the metadata.
    static let format = "dtrain"
    /// The newest format version that can be read; files are written with the oldest version that
    /// can represent them.
    static let formatVersion = 2

    /// The metadata.
    public let metadata: CheckpointMetadata
    /// The tensors of the model.
    public let layout: ParameterLayout
    /// The names of the optimizer's slots in the order of the file, such as `adam.m` and `adam.v`.
    public let optimizerSlots: [String]
    /// Notes for the user, one line each; empty for a file exactly as dtrain wrote it.
    public var remarks: [String] { source.remarks }
    private let source: ModelFile

    /// The file's path.
    public var path: String { source.file.path }

    /// Opens and verifies a checkpoint.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - heartbeat: beats while the file is read, now and when tensors are copied.
    /// - Throws: `DTrainError` with `noInput` when the file can't be opened, with `badData` when it
    ///   is damaged, inconsistent, of a newer format or not dtrain's.
    public init(path: String, heartbeat: Heartbeat? = nil) throws {
        let source = try ModelFile(path: path, kind: "checkpoint", heartbeat: heartbeat)
        guard source.verdict != .foreign else {
            throw DTrainError(
                .badData, "checkpoint '\(path)' has no dtrain metadata: it holds weights, but no training state",
                hint: "start a new training from the weights with `init`")
        }
        try self.init(sealed: source)
    }

    /// Opens a checkpoint, or any safetensors file that holds a model's tensors.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - vocabulary: the vocabulary if the file has none; otherwise it must equal the file's.
    ///   - heartbeat: beats while the file is read, now and when tensors are copied.
    /// - Throws: the errors of `init(path:heartbeat:)`; also `usage` when the vocabulary differs
    ///   from the file's or has another size.
    public init(weights path: String, vocabulary: Vocabulary? = nil, heartbeat: Heartbeat? = nil) throws {
        let source = try ModelFile(path: path, kind: "checkpoint", heartbeat: heartbeat)
        if source.verdict == .foreign {
            let tokens = try CheckpointMetadata.storedVocabulary(of: source) ?? vocabulary?.tokens ?? []
            self.init(
                source, optimizerSlots: [],
                metadata: CheckpointMetadata(
                    kind: .generator, model: source.layout.configuration, vocabulary: tokens))
        } else {
            try self.init(sealed: source)
        }
        if let vocabulary { try require(vocabulary) }
    }

    private init(sealed source: ModelFile) throws {
        let file = source.file
        try Self.checkFormat(of: file)
        let metadata = try CheckpointMetadata(file, model: source.layout.configuration)
        let optimizerSlots = file.slotNames(source.layout)
        guard optimizerSlots.isEmpty || metadata.kind == .training else {
            throw file.unfit("is of kind '\(metadata.kind.rawValue)' but holds optimizer state")
        }
        for slot in optimizerSlots {
            for tensor in source.layout.tensors {
                try file.require(SlotTensor.name(slot: slot, parameter: tensor.name), shape: tensor.shape)
            }
        }
        self.init(source, optimizerSlots: optimizerSlots, metadata: metadata)
    }

    private init(_ source: ModelFile, optimizerSlots: [String], metadata: CheckpointMetadata) {
        self.source = source
        layout = source.layout
        self.optimizerSlots = optimizerSlots
        self.metadata = metadata
    }

    /// Throws if a given vocabulary differs from the file's or has another size.
    func require(_ vocabulary: Vocabulary) throws {
        guard vocabulary.size == layout.configuration.vocabularySize else {
            throw DTrainError(
                .usage,
                "the given vocabulary has \(vocabulary.size) entries, [UNK] included, but the model of '\(path)' has "
                    + "\(layout.configuration.vocabularySize)",
                hint: "pass the text or list that it was trained with as `vocabulary`")
        }
        guard zip(metadata.vocabulary, vocabulary.tokens).allSatisfy({ $0.utf8.elementsEqual($1.utf8) }) else {
            throw DTrainError(
                .usage, "the given vocabulary differs from the one in '\(path)'",
                hint: "leave out `vocabulary`")
        }
    }

    /// The vocabulary.
    ///
    /// - Throws: `DTrainError` with `badData` when the file has none and none was given.
    public func requireVocabulary() throws -> Vocabulary {
        guard !metadata.vocabulary.isEmpty else {
            throw DTrainError(
                .badData, "'\(path)' has no vocabulary for its \(layout.configuration.vocabularySize) ids",
                hint: "pass a JSON list of their characters, or the training text, as `vocabulary`")
        }
        return try Vocabulary(tokens: metadata.vocabulary)
    }

    /// A copy of a weight tensor, row-major in its shape; nil for an unknown name.
    ///
    ///     let kernel = try checkpoint["gru.kernel"]
    public subscript(name: String) -> [Float]? {
        get throws {
            guard let tensor = layout.tensors.first(where: { $0.name == name }) else { return nil }
            var values = [Float](repeating: 0, count: tensor.count)
            try values.withUnsafeMutableBufferPointer { values in
                guard let base = values.baseAddress else { return }
                try source.file.copy(name, into: base, expecting: tensor.shape)
            }
            return values
        }
    }

    /// All weights in the order of the layout.
    func parameters() throws -> AlignedBuffer<Float> {
        let parameters = try AlignedBuffer<Float>(count: layout.count)
        try load(parameters: parameters.pointer)
        return parameters
    }

    /// Copies the weights to memory.
    ///
    /// - Parameter parameters: the destination, with room for `layout.count` elements.
    /// - Throws: `DTrainError` with `badData` when a weight isn't a finite number.
    package func load(parameters: UnsafeMutablePointer<Float>) throws {
        try source.load(parameters: parameters)
    }

    /// Loads the optimizer's slots and step count.
    ///
    /// - Parameter state: the state of an optimizer with the same slots, for `layout.count`
    ///   parameters.
    /// - Throws: `DTrainError` with `badData` when the checkpoint is a generator, or has other
    ///   slots or another number of parameters; the state is then unchanged.
    package func load(optimizer state: OptimizerState) throws {
        guard metadata.kind == .training else {
            throw DTrainError(
                .badData, "checkpoint '\(path)' is a generator without optimizer state",
                hint: "resume from a training checkpoint, or start a new training from it with `init`")
        }
        let wanted = state.optimizer.slotNames
        guard Set(wanted) == Set(optimizerSlots) else {
            throw DTrainError(
                .badData,
                "checkpoint '\(path)' holds \(list(optimizerSlots)) where the optimizer needs \(list(wanted)); resume with "
                    + "the optimizer that it was trained with")
        }
        guard state.count == layout.count else {
            throw DTrainError(
                .badData,
                "checkpoint '\(path)' holds \(layout.count) parameters, not \(state.count); resume with its own model")
        }
        for (slot, buffer) in zip(wanted, state.slots) {
            try source.file.copy(layout, into: buffer.pointer) { SlotTensor.name(slot: slot, parameter: $0) }
        }
        state.steps = metadata.progress?.step ?? 0
    }

    /// The states of the streams after the last step.
    ///
    /// - Parameter batchSize: the number of sequences in a batch.
    /// - Throws: `DTrainError` with `badData` when states are missing, of another shape, or not
    ///   finite.
    package func states(batchSize: Int) throws -> StreamStates {
        var states = StreamStates(layout.configuration, batchSize: batchSize)
        for tensor in states.tensors {
            try states.values.withUnsafeMutableBufferPointer { values in
                guard let base = values.baseAddress else { return }
                try source.file.copy(tensor.name, into: base + tensor.offset, expecting: tensor.shape)
            }
        }
        guard allFinite(states.values, count: states.values.count) else {
            throw source.file.unfit("holds a state that is not a finite number")
        }
        return states
    }

    private func list(_ slots: [String]) -> String {
        slots.isEmpty ? "no optimizer state" : slots.map(\.quotedForMessage).joined(separator: ", ")
    }

    private static func checkFormat(of file: Safetensors) throws {
        let version = file[.formatVersion] ?? ""
        guard file[.format] == format, let number = Int(version), number > 0 else {
            throw file.unfit("is not a dtrain checkpoint (format version \(version.quotedForMessage))")
        }
    }
}

extension Safetensors {
    /// Copies all tensors of a layout, under derived names, to their offsets in a flat buffer.
    func copy(
        _ layout: ParameterLayout, into buffer: UnsafeMutablePointer<Float>, name: (String) -> String = { $0 }
    ) throws {
        for tensor in layout.tensors {
            try copy(name(tensor.name), into: buffer + tensor.offset, expecting: tensor.shape)
        }
    }

    /// The names of the optimizer's slots in the order of the file.
    ///
    /// A slot is recognized by its tensor for the model's last parameter.
    func slotNames(_ layout: ParameterLayout) -> [String] {
        guard let parameter = layout.tensors.last?.name else { return [] }
        return names.compactMap { SlotTensor.slot(of: $0, parameter: parameter) }
    }
}
