import DTrainCore
import FoundationEssentials

/// A safetensors file for other programs, with float32 tensors and the vocabulary in its metadata.
enum TensorFile {
    /// A tensor under the other program's name.
    struct Tensor: Hashable, Sendable {
        let name: String
        let shape: [Int]
        let values: [Float]

        init(_ name: String, _ matrix: Matrix) {
            self.name = name
            shape = [matrix.rows, matrix.columns]
            values = matrix.values
        }

        /// Creates a tensor of one dimension.
        init(_ name: String, vector: [Float]) {
            self.name = name
            shape = [vector.count]
            values = vector
        }
    }

    /// The vocabulary as a JSON list of strings in the order of the ids.
    static func list(_ vocabulary: Vocabulary) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return String(decoding: try encoder.encode(vocabulary.tokens), as: UTF8.self)
    }

    /// Writes a file atomically.
    ///
    /// - Throws: `DTrainError` with `inputOutput` if writing fails; an existing file is then
    ///   unchanged.
    static func write(_ tensors: [Tensor], of model: ExchangeModel, to path: String, _ overwrite: Bool) throws {
        // One buffer keeps the pointers of all tensors valid while the file is written.
        let buffer = try AlignedBuffer<Float>(count: tensors.reduce(0) { $0 + $1.values.count })
        var entries: [SafetensorsWriter.Tensor] = []
        var next = buffer.pointer
        for tensor in tensors {
            tensor.values.withUnsafeBufferPointer { values in
                if let base = values.baseAddress { next.update(from: base, count: values.count) }
            }
            entries.append(.init(name: tensor.name, shape: tensor.shape, pointer: next))
            next += tensor.values.count
        }
        let metadata = ["vocabulary": try list(model.vocabulary)]
        let header = SafetensorsWriter.header(tensors: entries, metadata: metadata)
        try withExtendedLifetime(buffer) {
            try SafetensorsWriter.write(to: path, header: header, tensors: entries, replaces: overwrite)
        }
    }
}
