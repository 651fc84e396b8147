import DTrainCore

/// What `export` writes.
public enum ExchangeFormat: String, CaseIterable, Sendable {
    /// A folder with dtrain's own generator.
    case dtrain
    /// A safetensors file with the names of PyTorch's modules.
    case pytorch
    /// A safetensors file with the names of Keras's layers.
    case keras
    /// An ONNX graph.
    case onnx

    /// Writes a model and returns the file's path.
    ///
    /// - Parameters:
    ///   - model: what to write.
    ///   - output: the folder for `dtrain`; the file for the others.
    ///   - overwrite: whether a file that is there may be replaced.
    /// - Returns: the path of the file.
    /// - Throws: what `requireFree` throws; `DTrainError` with `badData` when the format can't hold the model, `inputOutput` when writing
    ///   fails.
    @discardableResult
    public func write(_ model: ExchangeModel, to output: String, overwrite: Bool = false) throws -> String {
        if self == .dtrain { return try model.save(to: output, overwrite: overwrite) }
        try requireFree(output, overwrite: overwrite)
        try Folder.create(Folder.parent(of: output))
        AtomicFile.removeStaleTemporaries(of: output)
        switch self {
        case .dtrain: break
        case .pytorch: try TensorFile.write(PyTorchFormat.tensors(of: model), of: model, to: output, overwrite)
        case .keras: try TensorFile.write(KerasFormat.tensors(of: model), of: model, to: output, overwrite)
        case .onnx: try ONNXFormat.write(model, to: output, overwrite: overwrite)
        }
        return output
    }

    /// Checks where a model is to go, before anything is read or computed for it.
    ///
    /// - Parameters:
    ///   - output: as `write` takes it.
    ///   - overwrite: whether a file that is there may be replaced.
    /// - Throws: `DTrainError` with `usage` when the path is empty or leads to something that isn't of the format's kind, or when the file
    ///   exists and may not be replaced.
    public func requireFree(_ output: String, overwrite: Bool = false) throws {
        if self == .dtrain {
            _ = try Checkpoint.generatorPath(in: output, overwrite: overwrite)
            return
        }
        guard !output.isEmpty else { throw DTrainError(.usage, "`output` is empty", hint: "name a file") }
        try requireFile(output)
        guard overwrite || !Folder.exists(output) else {
            throw DTrainError(.usage, "'\(output)' exists already", hint: "name another file or add `overwrite`")
        }
    }

    /// Checks that a path is that of a file, which may be missing: renaming would replace a device as well.
    private func requireFile(_ output: String) throws {
        let kind = FileKind(path: output) ?? .regular
        if kind == .folder {
            let folder = output.hasSuffix("/") ? output : "\(output)/"
            throw DTrainError(
                .usage,
                "'\(output)' is a folder, but the format \(rawValue) is one file; name a file, such as "
                    + "'\(folder)model.\(suffix)'")
        }
        guard kind == .regular else {
            throw DTrainError(
                .usage, "'\(output)' is \(kind.name), but the format \(rawValue) is one file; name a file")
        }
        guard !output.hasSuffix("/") else {
            throw DTrainError(
                .usage,
                "'\(output)' names a folder, but the format \(rawValue) is one file; leave out the slash at its end")
        }
    }

    private var suffix: String { self == .onnx ? "onnx" : "safetensors" }
}

/// What `import` reads.
public enum ImportFormat: String, CaseIterable, Sendable {
    /// A safetensors file with the names of PyTorch's modules.
    case pytorch
    /// A safetensors file with the names of Keras's layers.
    case keras

    /// Reads a model.
    ///
    /// - Parameters:
    ///   - path: a safetensors file.
    ///   - vocabulary: the file that says what the ids mean: a JSON list or the text; nil when the weights' own metadata does.
    ///   - names: the file's own names for the format's.
    /// - Returns: the model, and what the user should know of it.
    /// - Throws: `DTrainError` with `noInput` when a file can't be opened, `badData` when it holds no such model or one that dtrain
    ///   can't compute, `usage` when vocabulary or names don't fit.
    public func read(_ path: String, vocabulary: String?, names: NameMap = NameMap()) throws -> ImportedModel {
        let reader: any ForeignWeights.Type =
            switch self {
            case .pytorch: PyTorchFormat.self
            case .keras: KerasFormat.self
            }
        let tensors = try ForeignTensors(path: path, names: names, spelling: reader.spelling)
        let weights = try reader.init(tensors)
        if let rule = names.misdirected(in: tensors.file.names, wanted: weights.names, spelling: reader.spelling) {
            throw DTrainError(
                .usage,
                "`map` \(rule.quotedForMessage) names no tensor of \(rawValue); use \(weights.modules.alternatives)")
        }
        var remarks = tensors.remarks(used: weights.names)
        let source = try ForeignVocabulary(vocabulary, of: tensors.file, ids: weights.configuration.vocabularySize)
        if !source.hasUnknown { remarks.append(ForeignVocabulary.addedUnknown) }
        return ImportedModel(
            model: try source.model(weights), remarks: remarks, warnings: tensors.warnings(used: weights.names))
    }
}

/// A model that was read from another program's file.
public struct ImportedModel: Sendable {
    /// The model.
    public let model: ExchangeModel
    /// What was converted or added, a line each.
    public let remarks: [String]
    /// What is probably not wanted, a line each.
    public let warnings: [String]
}

/// A model in another program's file, found and checked: its tensors are converted when they are asked for.
protocol ForeignWeights {
    /// How a name of a file is to be read, after what the user says of it.
    static var spelling: @Sendable (String) -> String { get }

    /// Finds the model; nothing is allocated for it yet.
    ///
    /// - Throws: `DTrainError` with `badData` that names what is missing, misshapen or not to be computed by dtrain.
    init(_ tensors: ForeignTensors) throws

    /// The sizes, as the file has them.
    var configuration: ModelConfiguration { get }

    /// The format's names of the tensors that are read.
    var names: Set<String> { get }

    /// What stands before the first dot of `names`, in the order of the layers.
    var modules: [String] { get }

    /// A tensor in dtrain's layout, as a matrix.
    func matrix(_ tensor: ParameterLayout.Tensor) throws -> Matrix
}
