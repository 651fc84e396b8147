/// The weights of a safetensors file with dtrain's tensor names, written by any program.
///
/// Optimizer state and metadata are optional; dtrain's seal is verified if there is one.
package struct InitialWeights: Sendable {
    /// The vocabulary in the file's metadata; nil if there is none.
    package let vocabulary: [String]?
    private let source: ModelFile

    /// The model, deduced from the names and shapes of the tensors.
    package var configuration: ModelConfiguration { source.layout.configuration }

    /// The file's path.
    package var path: String { source.file.path }

    /// Notes for the user, one line each: not sealed, converted, tensors ignored.
    package var remarks: [String] { source.remarks }

    /// Opens a file and deduces the model from it.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - heartbeat: beats while the file is read, now and when the weights are copied.
    /// - Throws: `DTrainError` with `noInput` when the file can't be opened, with `badData` that
    ///   names what is damaged, missing or of a wrong shape.
    package init(path: String, heartbeat: Heartbeat? = nil) throws {
        source = try ModelFile(path: path, kind: "weights file", heartbeat: heartbeat)
        vocabulary = try CheckpointMetadata.storedVocabulary(of: source)
    }

    /// Copies the weights to memory.
    ///
    /// - Parameter parameters: the destination, with room for all parameters of `configuration`.
    /// - Throws: `DTrainError` with `badData` when a weight isn't a finite number.
    package func load(into parameters: UnsafeMutablePointer<Float>) throws {
        try source.load(parameters: parameters)
    }

    /// Copies the weights to the first ids of a model with a larger vocabulary; the weights of its
    /// other ids are kept.
    ///
    /// - Parameters:
    ///   - parameters: all parameters of `layout`.
    ///   - layout: a model that differs from `configuration` only in its larger vocabulary.
    /// - Throws: `DTrainError` with `badData` when a weight isn't a finite number, with `internal`
    ///   when memory runs out.
    func load(into parameters: UnsafeMutablePointer<Float>, extendedTo layout: ParameterLayout) throws {
        var smaller = layout.configuration
        smaller.vocabularySize = configuration.vocabularySize
        precondition(
            smaller == configuration && layout.configuration.vocabularySize >= smaller.vocabularySize,
            "the model differs in a larger vocabulary alone")
        let own = try AlignedBuffer<Float>(count: source.layout.count)
        try load(into: own.pointer)
        for (old, new) in zip(source.layout.tensors, layout.tensors) {
            // Additional ids are rows of the embedding and columns of the dense layer.
            let isKernel = old.shape.count == 2 && new.shape[0] == old.shape[0]
            let (rows, oldWidth, newWidth) = isKernel ? (old.shape[0], old.shape[1], new.shape[1]) : (1, old.count, 0)
            for row in 0..<rows {
                (parameters + new.offset + row * newWidth).update(
                    from: own.pointer + old.offset + row * oldWidth, count: oldWidth)
            }
        }
    }
}
