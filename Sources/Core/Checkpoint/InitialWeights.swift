/// The weights of any safetensors file that has the tensor names of the contract, whichever program wrote it.
///
/// Optimiser state and metadata may be there or not; checksums are checked when there are any.
package struct InitialWeights: Sendable {
    /// The model that the tensors' names and shapes tell.
    package let configuration: ModelConfiguration
    /// The vocabulary, when the file's metadata has one.
    package let vocabulary: [String]?
    private let file: Safetensors
    private let layout: ParameterLayout

    /// Opens a file and deduces the model from it.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - heartbeat: shows that reading goes on, here and when the weights are copied.
    /// - Throws: `DTrainError` with `noInput` when it can't be opened, `badData` that names what is damaged, missing or
    ///   misshapen.
    package init(path: String, heartbeat: Heartbeat? = nil) throws {
        file = try Safetensors(path: path, kind: "weights file", heartbeat: heartbeat)
        if CheckpointSeal.isPresent(in: file) {
            try CheckpointSeal.verifyHeader(file)
            try CheckpointSeal.verifyTensors(file)
        }
        layout = try ParameterLayout(tensorsOf: file)
        configuration = layout.configuration
        vocabulary =
            file.metadata[CheckpointKey.vocabulary.rawValue] == nil
            ? nil : try CheckpointMetadata.vocabulary(of: file, size: configuration.vocabularySize)
    }

    /// Copies the weights.
    ///
    /// - Parameter parameters: room for all parameters of `configuration`.
    package func load(into parameters: UnsafeMutablePointer<Float>) throws {
        try file.copy(layout, into: parameters)
    }
}
