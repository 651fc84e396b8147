extension Checkpoint {
    /// The name of an exported generator in its folder.
    public static let generatorName = "generator.safetensors"

    /// Writes a checkpoint atomically and flushes it to disk.
    ///
    /// - Parameters:
    ///   - path: the file; its folder must exist.
    ///   - metadata: the metadata; a training checkpoint needs all of it.
    ///   - layout: the tensors of the model.
    ///   - parameters: the flat weights.
    ///   - optimizer: the optimizer's state for a training checkpoint; nil for a generator.
    ///   - states: the states of the streams; nil without streams.
    ///   - replaces: whether an existing file may be replaced.
    ///   - calls: the system calls that write the file.
    /// - Throws: `DTrainError` with `inputOutput` when writing fails, which leaves an existing file
    ///   unchanged; with `internal` when the metadata contradicts itself or the model.
    package static func write(
        to path: String, metadata: CheckpointMetadata, layout: ParameterLayout, parameters: UnsafePointer<Float>,
        optimizer: OptimizerState?, states: StreamStates? = nil, replaces: Bool = true, with calls: FileCalls = .system
    ) throws {
        guard metadata.model == layout.configuration, (optimizer != nil) == (metadata.kind == .training),
            optimizer.map({ $0.count == layout.count }) ?? true
        else {
            throw DTrainError(
                .internal, "cannot save '\(path)': its metadata doesn't belong to its tensors; please report this")
        }
        var strings = try metadata.strings()
        strings[.format] = format
        strings[.formatVersion] = String(metadata.formatVersion)
        strings[.dtrainVersion] = dtrainVersion
        func tensors(_ buffer: UnsafePointer<Float>, _ name: (String) -> String) -> [SafetensorsWriter.Tensor] {
            layout.tensors.map {
                SafetensorsWriter.Tensor(name: name($0.name), shape: $0.shape, pointer: buffer + $0.offset)
            }
        }
        var all = tensors(parameters) { $0 }
        if let optimizer {
            for (slot, buffer) in zip(optimizer.optimizer.slotNames, optimizer.slots) {
                all += tensors(buffer.pointer) { SlotTensor.name(slot: slot, parameter: $0) }
            }
        }
        try (states?.values ?? []).withUnsafeBufferPointer { values in
            if let states, let base = values.baseAddress {
                all += states.tensors.map {
                    SafetensorsWriter.Tensor(name: $0.name, shape: $0.shape, pointer: base + $0.offset)
                }
            }
            let header = try CheckpointSeal.header(tensors: all, metadata: strings)
            try SafetensorsWriter.write(to: path, header: header, tensors: all, replaces: replaces, with: calls)
        }
    }

    /// Writes the model without optimizer state to `generator.safetensors` in a folder.
    ///
    /// - Parameters:
    ///   - folder: the folder, created if it doesn't exist.
    ///   - overwrite: whether an existing file may be replaced.
    /// - Returns: the path of the file.
    /// - Throws: `DTrainError` with `usage` when the file exists and may not be replaced, with
    ///   `badData` when the vocabulary is unknown or a weight isn't finite, with `inputOutput` when
    ///   writing fails.
    @discardableResult
    public func export(to folder: String, overwrite: Bool = false) throws -> String {
        let target = try Self.generatorPath(in: folder, overwrite: overwrite)
        let parameters = try parameters()
        try Self.writeGenerator(
            to: target, vocabulary: try requireVocabulary(), layout: layout, parameters: parameters.pointer,
            overwrite: overwrite)
        return target
    }

    /// The path of a folder's generator, checked before the weights are read.
    ///
    /// - Throws: `DTrainError` with `usage` when the folder's name is empty, or when the file
    ///   exists and may not be replaced.
    package static func generatorPath(in folder: String, overwrite: Bool) throws -> String {
        guard !folder.isEmpty else { throw DTrainError(.usage, "`output` is empty", hint: "name a folder") }
        let target = "\(folder)/\(generatorName)"
        guard overwrite || !Folder.exists(target) else {
            throw DTrainError(.usage, "'\(target)' exists already", hint: "name another folder or add `overwrite`")
        }
        return target
    }

    /// Writes a generator: weights and vocabulary.
    ///
    /// - Parameters:
    ///   - target: a result of `generatorPath`; its folder is created if it doesn't exist.
    ///   - vocabulary: the model's vocabulary.
    ///   - layout: the tensors of the model.
    ///   - parameters: the flat weights.
    ///   - overwrite: whether an existing file may be replaced.
    /// - Throws: `DTrainError` with `inputOutput` when writing fails.
    package static func writeGenerator(
        to target: String, vocabulary: Vocabulary, layout: ParameterLayout, parameters: UnsafePointer<Float>,
        overwrite: Bool
    ) throws {
        try Folder.create(Folder.parent(of: target))
        AtomicFile.removeStaleTemporaries(of: target)
        let generator = CheckpointMetadata(
            kind: .generator, model: layout.configuration, vocabulary: vocabulary.tokens)
        try write(
            to: target, metadata: generator, layout: layout, parameters: parameters, optimizer: nil,
            replaces: overwrite)
    }
}
