/// A dtrain checkpoint that was found sound: a safetensors file with weights, perhaps Adam's moments, and metadata.
///
/// Opening checks everything: structure, both checksums, and that metadata and tensors agree. A file that was cut or
/// changed by as little as one bit is refused.
public struct Checkpoint: Sendable {
    /// The value of `format` in the metadata.
    static let format = "dtrain"
    /// The newest format version that is written and read.
    static let formatVersion = 1

    /// What the checkpoint says about itself.
    public let metadata: CheckpointMetadata
    /// The tensors of the model.
    public let layout: ParameterLayout
    /// Whether Adam's moments are there.
    public let hasMoments: Bool
    private let file: Safetensors

    /// The file's path.
    public var path: String { file.path }

    /// Opens a checkpoint and checks it completely.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - heartbeat: shows that reading goes on, here and when the tensors are copied.
    /// - Throws: `DTrainError` with `noInput` when it can't be opened, `badData` when it is damaged, foreign, of a
    ///   newer format or contradicts itself.
    public init(path: String, heartbeat: Heartbeat? = nil) throws {
        let file = try Safetensors(path: path, heartbeat: heartbeat)
        guard CheckpointSeal.isPresent(in: file) else {
            throw file.unfit("is not a dtrain checkpoint (a safetensors file without dtrain's metadata)")
        }
        try CheckpointSeal.verifyHeader(file)
        try Self.checkFormat(of: file)
        try CheckpointSeal.verifyTensors(file)
        let layout = try ParameterLayout(tensorsOf: file)
        let metadata = try CheckpointMetadata(file, model: layout.configuration)
        hasMoments = file.names.contains { $0.hasPrefix(TensorName.moments) }
        guard hasMoments == (metadata.kind == .training) else {
            throw file.unfit(
                "is of kind '\(metadata.kind.rawValue)' but its optimiser state \(hasMoments ? "exists" : "is missing")"
            )
        }
        self.file = file
        self.layout = layout
        self.metadata = metadata
    }

    /// Copies the weights.
    ///
    /// - Parameter parameters: room for `layout.count` elements.
    public func load(parameters: UnsafeMutablePointer<Float>) throws {
        try file.copy(layout, into: parameters)
    }

    /// Copies Adam's moments.
    ///
    /// - Parameters:
    ///   - m: room for the `layout.count` elements of the first moment.
    ///   - v: room for the `layout.count` elements of the second moment.
    /// - Throws: `DTrainError` with `badData` when the checkpoint has none.
    public func loadMoments(m: UnsafeMutablePointer<Float>, v: UnsafeMutablePointer<Float>) throws {
        guard hasMoments else {
            throw DTrainError(
                .badData, "checkpoint '\(path)' is a generator without optimiser state",
                hint: "go on from a training's checkpoint, or start a new training from it with `init`")
        }
        try file.copy(layout, into: m, name: TensorName.firstMoment)
        try file.copy(layout, into: v, name: TensorName.secondMoment)
    }

    private static func checkFormat(of file: Safetensors) throws {
        let version = file.metadata[CheckpointKey.formatVersion.rawValue] ?? ""
        guard file.metadata[CheckpointKey.format.rawValue] == format, let number = Int(version), number > 0 else {
            throw file.unfit("is not a dtrain checkpoint (format version \(version.quotedForMessage))")
        }
        guard number <= formatVersion else {
            throw DTrainError(
                .badData,
                "checkpoint '\(file.path)' has format version \(number), newer than the \(formatVersion) "
                    + "that this dtrain reads; use a newer dtrain")
        }
    }
}

extension Safetensors {
    /// Copies all tensors of a layout, under derived names, to their places in a flat buffer.
    func copy(
        _ layout: ParameterLayout, into buffer: UnsafeMutablePointer<Float>, name: (String) -> String = { $0 }
    ) throws {
        for tensor in layout.tensors {
            try copy(name(tensor.name), into: buffer + tensor.offset, expecting: tensor.shape)
        }
    }
}
