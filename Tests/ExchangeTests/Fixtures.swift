import DTrainCore
import Foundation
import Testing

@testable import Exchange

/// A temporary folder, deleted with this object.
final class Scratch {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-exchange-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a text; returns its path.
    func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    /// Writes a foreign file of tensors; returns its path.
    func write(_ tensors: Tensors, metadata: [String: String] = [:], to name: String = "theirs") throws -> String {
        let values = tensors.flatMap(\.values)
        try values.withUnsafeBufferPointer { buffer in
            var next = try #require(buffer.baseAddress)
            let entries = tensors.map { tensor in
                defer { next += tensor.values.count }
                return SafetensorsWriter.Tensor(name: tensor.name, shape: tensor.shape, pointer: next)
            }
            try SafetensorsWriter.write(
                to: file(name), header: SafetensorsWriter.header(tensors: entries, metadata: metadata), tensors: entries
            )
        }
        return file(name)
    }
}

typealias Tensors = [TensorFile.Tensor]

extension TensorFile.Tensor {
    /// A tensor of consecutive numbers.
    static func counted(_ name: String, _ shape: [Int], from first: Float = 1) -> TensorFile.Tensor {
        let values = (0..<shape.reduce(1, *)).map { first + Float($0) }
        return shape.count == 1
            ? TensorFile.Tensor(name, vector: values)
            : TensorFile.Tensor(name, Matrix(rows: shape[0], columns: shape[1], values: values))
    }
}

/// A model with V = 5, E = 2, H = 3 and distinct weights, including zeros of both signs.
func sampleModel(_ cell: Cell, layers: Int = 1) throws -> ExchangeModel {
    let sizes = ModelConfiguration(cell: cell, layers: layers, embeddingDim: 2, rnnUnits: 3, vocabularySize: 5)
    return try ExchangeModel(sizes, vocabulary: Vocabulary(tokens: ["[UNK]", "\n", "a", "é", "😀"])) { tensor in
        (0..<tensor.count).map { index in
            index == 0 ? -0.0 : index == 1 ? 0 : Float(tensor.offset + index) * 0.37 - 3
        }
    }
}

extension ExchangeModel {
    /// The bits of all weights, in the layout's order.
    var bits: [UInt32] {
        get throws { try layout.tensors.flatMap { try matrix($0.name).values.map(\.bitPattern) } }
    }
}

/// Expects the body to throw a one-line `DTrainError` of the category with the given parts.
func expectRejected(
    _ category: DTrainError.Category, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) throws {
    let error = try #require(throws: DTrainError.self, sourceLocation: sourceLocation, performing: body)
    #expect(error.category == category, "\(error)", sourceLocation: sourceLocation)
    #expect(!error.description.contains("\n"), sourceLocation: sourceLocation)
    for part in parts { #expect(error.description.contains(part), "\(error)", sourceLocation: sourceLocation) }
}
