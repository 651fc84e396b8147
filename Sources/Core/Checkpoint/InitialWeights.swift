/// The weights of any safetensors file that has the tensor names of the contract, whichever program wrote it.
///
/// Optimiser state and metadata may be there or not; dtrain's seal is checked when there is one.
package struct InitialWeights: Sendable {
    /// The vocabulary, when the file's metadata has one.
    package let vocabulary: [String]?
    private let source: ModelFile

    /// The model that the tensors' names and shapes tell.
    package var configuration: ModelConfiguration { source.layout.configuration }

    /// The file's path.
    package var path: String { source.file.path }

    /// What the user should know of the file, a line each: not sealed, converted, tensors ignored.
    package var remarks: [String] { source.remarks }

    /// Opens a file and deduces the model from it.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - heartbeat: shows that reading goes on, here and when the weights are copied.
    /// - Throws: `DTrainError` with `noInput` when it can't be opened, `badData` that names what is damaged, missing or
    ///   misshapen.
    package init(path: String, heartbeat: Heartbeat? = nil) throws {
        source = try ModelFile(path: path, kind: "weights file", heartbeat: heartbeat)
        vocabulary = try CheckpointMetadata.vocabularyIfThere(of: source)
    }

    /// Copies the weights.
    ///
    /// - Parameter parameters: room for all parameters of `configuration`.
    /// - Throws: `DTrainError` with `badData` when a weight isn't a finite number.
    package func load(into parameters: UnsafeMutablePointer<Float>) throws {
        try source.load(parameters: parameters)
    }

    /// Copies the weights to the first ids of a model with more of them; the other ids' stay what they are.
    ///
    /// - Parameters:
    ///   - parameters: room for all parameters of `layout`.
    ///   - layout: a model that differs from `configuration` in a larger vocabulary alone.
    /// - Throws: `DTrainError` with `badData` when a weight isn't a finite number, `internal` when memory runs out.
    func load(into parameters: UnsafeMutablePointer<Float>, extendedTo layout: ParameterLayout) throws {
        var smaller = layout.configuration
        smaller.vocabularySize = configuration.vocabularySize
        precondition(
            smaller == configuration && layout.configuration.vocabularySize >= smaller.vocabularySize,
            "the model differs in a larger vocabulary alone")
        let own = try AlignedBuffer<Float>(count: source.layout.count)
        try load(into: own.pointer)
        for (old, new) in zip(source.layout.tensors, layout.tensors) {
            // Further ids are rows of the embedding, and columns of the dense layer.
            let isKernel = old.shape.count == 2 && new.shape[0] == old.shape[0]
            let (rows, oldWidth, newWidth) = isKernel ? (old.shape[0], old.shape[1], new.shape[1]) : (1, old.count, 0)
            for row in 0..<rows {
                (parameters + new.offset + row * newWidth).update(
                    from: own.pointer + old.offset + row * oldWidth, count: oldWidth)
            }
        }
    }
}
