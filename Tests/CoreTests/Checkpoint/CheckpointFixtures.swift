import FoundationEssentials
import Testing

@testable import DTrainCore

func readBytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path)))
}

func writeBytes(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(filePath: path))
}

/// Expects the body to throw a one-line `DTrainError` of the category; returns it.
func requireError(
    _ category: DTrainError.Category, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) throws -> DTrainError {
    let error = try #require(throws: DTrainError.self, sourceLocation: sourceLocation, performing: body)
    #expect(error.category == category, "\(error.message)", sourceLocation: sourceLocation)
    #expect(!error.message.contains("\n"), sourceLocation: sourceLocation)
    return error
}

/// Writes a safetensors file without a seal, as other programs do.
func writeSafetensors(_ tensors: [SafetensorsWriter.Tensor], metadata: [String: String], to path: String) throws {
    let header = SafetensorsWriter.header(tensors: tensors, metadata: metadata)
    try SafetensorsWriter.write(to: path, header: header, tensors: tensors)
}

/// A model with distinct weights and moments.
struct SampleModel {
    let layout: ParameterLayout
    let parameters: [Float]
    let m: [Float]
    let v: [Float]
    var metadata: CheckpointMetadata

    init(cell: Cell = .gru, layers: Int = 1, vocabulary: [String] = ["[UNK]", "\n", "a", "é", "😀"]) {
        layout = ParameterLayout(
            ModelConfiguration(
                cell: cell, layers: layers, embeddingDim: 2, rnnUnits: 3, vocabularySize: vocabulary.count))
        let count = layout.count
        parameters = (0..<count).map { Float($0) * 0.37 - 3 }
        m = (0..<count).map { -Float($0) / 7 }
        v = (0..<count).map { 1 / Float($0 + 1) }
        var settings = Settings()
        settings[.seed] = .max
        metadata = CheckpointMetadata(
            kind: .training, model: layout.configuration,
            settings: settings.stored,
            vocabulary: vocabulary, corpusChecksum: "0123456789abcdef0123456789abcdef",
            progress: TrainingProgress(
                epoch: 2, stepInEpoch: 5, step: 349, epochLosses: [2.7409, 0.1 + 0.2], lossSum: 1.0 / 3,
                validation: ValidationProgress(
                    epochLosses: [2.8, 1.0 / 7], bestLoss: 1.0 / 7, bestStep: 344, reference: 1.0 / 7, waited: 3,
                    pendingStep: 349)))
    }

    /// The optimizer state saved with the model.
    func optimizer() throws -> OptimizerState {
        let state = try OptimizerState(Adam(), count: layout.count)
        for (slot, values) in zip(state.slots, [m, v]) { _ = slot.elements.update(from: values) }
        return state
    }

    func write(to path: String, with calls: FileCalls = .system) throws {
        try Checkpoint.write(
            to: path, metadata: metadata, layout: layout, parameters: parameters, optimizer: optimizer(), with: calls)
    }

    func writeGenerator(to path: String) throws {
        try Checkpoint.write(
            to: path,
            metadata: CheckpointMetadata(
                kind: .generator, model: metadata.model, vocabulary: metadata.vocabulary),
            layout: layout, parameters: parameters, optimizer: nil)
    }
}

/// Writes a foreign safetensors file; each tensor has a single value and any float type.
func writeForeign(_ tensors: [(name: String, type: String, shape: [Int], value: Double)], to path: String) throws {
    var (members, data) = ([String](), [UInt8]())
    for tensor in tensors {
        let start = data.count
        for _ in 0..<tensor.shape.reduce(1, *) {
            switch tensor.type {
            case "F64": withUnsafeBytes(of: tensor.value.bitPattern.littleEndian) { data += $0 }
            case "F16": withUnsafeBytes(of: Float16(tensor.value).bitPattern.littleEndian) { data += $0 }
            default: withUnsafeBytes(of: Float(tensor.value).bitPattern.littleEndian) { data += $0 }
            }
        }
        members.append(
            "\"\(tensor.name)\": {\"dtype\": \"\(tensor.type)\", \"shape\": \(tensor.shape), \"data_offsets\": "
                + "[\(start), \(data.count)]}")
    }
    let header = Array("{\(members.joined(separator: ", "))}   ".utf8)
    try writeBytes(withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + data, to: path)
}
