import DTrainCore

/// An output format of `export`.
public enum ExchangeFormat: String, CaseIterable, Sendable {
    /// A folder with dtrain's own generator.
    case dtrain
    /// A safetensors file with PyTorch's names and layouts.
    case pytorch
    /// A safetensors file with Keras's names and layouts.
    case keras
    /// An ONNX graph.
    case onnx

    /// Writes a model and returns the file's path.
    ///
    /// - Parameters:
    ///   - model: the model.
    ///   - output: the folder for `dtrain`; the file for the other formats.
    ///   - overwrite: whether to replace an existing file.
    /// - Returns: the path of the file.
    /// - Throws: the errors of `requireFree`; `DTrainError` with `badData` if the format can't hold
    ///   the model, `inputOutput` if writing fails.
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

    /// Checks the output path before anything is read or computed.
    ///
    /// - Parameters:
    ///   - output: the path to pass to `write`.
    ///   - overwrite: whether to replace an existing file.
    /// - Throws: `DTrainError` with `usage` if the path is empty, of the wrong kind for the format,
    ///   or an existing file that may not be replaced.
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

    /// Checks that a path names a regular file or nothing yet: renaming would replace a device,
    /// too.
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
                "'\(output)' names a folder, but the format \(rawValue) is one file; leave out the trailing slash")
        }
    }

    private var suffix: String { self == .onnx ? "onnx" : "safetensors" }
}

/// An input format of `import`.
public enum ImportFormat: String, CaseIterable, Sendable {
    /// A safetensors file with PyTorch's names and layouts.
    case pytorch
    /// A safetensors file with Keras's names and layouts.
    case keras

    /// Reads a model.
    ///
    /// - Parameters:
    ///   - path: a safetensors file.
    ///   - vocabulary: a JSON list or the training text; nil if the weights' metadata has the
    ///     vocabulary.
    ///   - names: rules that rename the file's tensors.
    /// - Returns: the model with remarks and warnings.
    /// - Throws: `DTrainError` with `noInput` if a file can't be opened, `badData` if it holds no
    ///   such model or one that dtrain doesn't support, `usage` if the vocabulary or a rule doesn't
    ///   fit.
    public func read(_ path: String, vocabulary: String?, names: NameMap = NameMap()) throws -> ImportedModel {
        let reader: any ForeignWeights.Type =
            switch self {
            case .pytorch: PyTorchFormat.self
            case .keras: KerasFormat.self
            }
        let tensors = try ForeignTensors(path: path, names: names, spelling: reader.spelling)
        let weights = try reader.init(tensors)
        if let rule = names.ruleWithUnknownTarget(
            in: tensors.file.names, wanted: weights.names, spelling: reader.spelling)
        {
            throw DTrainError(
                .usage,
                "`map` \(rule.quotedForMessage) names no tensor of \(rawValue); use \(weights.modules.alternatives)"
            )
        }
        var remarks = tensors.remarks(used: weights.names)
        let source = try ForeignVocabulary(vocabulary, of: tensors.file, ids: weights.configuration.vocabularySize)
        if !source.hasUnknown { remarks.append(ForeignVocabulary.addedUnknown) }
        return ImportedModel(
            model: try source.model(weights), remarks: remarks, warnings: tensors.warnings(used: weights.names))
    }
}

/// A model read from another program's file.
public struct ImportedModel: Sendable {
    /// The model.
    public let model: ExchangeModel
    /// Remarks on converted or added values, one line each.
    public let remarks: [String]
    /// Warnings about probably unintended contents, one line each.
    public let warnings: [String]
}

/// A checked model in another program's file; its tensors are converted on request.
protocol ForeignWeights {
    /// Converts a name to the format's spelling, after the user's rules.
    static var spelling: @Sendable (String) -> String { get }

    /// Finds and checks the model without allocating memory for it.
    ///
    /// - Throws: `DTrainError` with `badData` that names the missing, misshapen or unsupported
    ///   tensor.
    init(_ tensors: ForeignTensors) throws

    /// The model's sizes in the file.
    var configuration: ModelConfiguration { get }

    /// The format's names of the model's tensors.
    var names: Set<String> { get }

    /// The parts of `names` before the first dot, in the order of the layers.
    var modules: [String] { get }

    /// A tensor in dtrain's layout, as a matrix.
    func matrix(_ tensor: ParameterLayout.Tensor) throws -> Matrix
}
