import DTrainCore
import Exchange
import Glibc

extension Reader {
    /// Returns valid files of this kind.
    func samples(_ scratch: Scratch) throws -> [[UInt8]] {
        switch self {
        case .checkpoint, .weights:
            let sealed = try [
                Sample.file(.gru, layers: 1, .training, scratch), Sample.file(.lstm, layers: 2, .training, scratch),
                Sample.file(.gru, layers: 1, .generator, scratch),
            ]
            return self == .checkpoint ? sealed : sealed + [Sample.foreign]
        case .pytorch: return try Sample.exported(.pytorch, scratch)
        case .keras: return try Sample.exported(.keras, scratch)
        case .text:
            let mixed = "The quick brown fox\r\n\u{FEFF}é ≤ 😀 \u{10FFFF}\u{0}e\u{301}\n"
            return [
                Array("plain ASCII, line after line\n".utf8), Array(mixed.utf8),
                Array(String(repeating: mixed, count: 40).utf8),
            ]
        case .metrics:
            let line = { (step: Int) in
                "{\"epoch\":1,\"loss\":4.19,\"seconds\":0.33,\"step\":\(step),\"tokens\":6400}\n"
            }
            let epoch = "{\"epoch\":1,\"epoch_loss\":2.74,\"seconds\":61.2,\"tokens_per_second\":1e4}\n"
            let whole = (1...4).map(line).joined() + epoch + (5...8).map(line).joined()
            return [Array(whole.utf8), Array(whole.utf8.dropLast(9)), []]
        case .run:
            let line = { (step: Int) in
                "{\"epoch\":1,\"gradient_norm\":0.5,\"learning_rate\":0.001,\"loss\":4.19,\"profile\":{\"forward\":0.1,\"wait\":0.2},"
                    + "\"seconds\":0.33,\"step\":\(step),\"tokens\":6400}\n"
            }
            let epoch =
                "{\"epoch\":1,\"epoch_loss\":2.74,\"seconds\":61.2,\"validation_loss\":2.5,\"validation_seconds\":3}\n"
            let inside = "{\"epoch\":2,\"seconds\":1,\"step\":8,\"validation_loss\":2.25}\n"
            let whole = (1...4).map(line).joined() + epoch + (5...8).map(line).joined() + inside
            return [Array(whole.utf8), Array(whole.utf8.dropLast(9))]
        case .message, .address, .profile, .ranks, .environment: return try foreignSamples()
        }
    }
}

/// Valid checkpoints and weights, the starting points of mutations.
enum Sample {
    static let vocabulary = ["[UNK]", "\n", "\"", "a", "é", "😀"]

    static func file(
        _ cell: Cell, layers: Int, _ kind: CheckpointMetadata.Kind, _ scratch: Scratch
    ) throws -> [UInt8] {
        let layout = ParameterLayout(
            ModelConfiguration(
                cell: cell, layers: layers, embeddingDim: 2, rnnUnits: 3, vocabularySize: vocabulary.count))
        let values = (0..<layout.count).map { Float($0) * 0.37 - 3 }
        var settings = Settings()
        settings[.seed] = .max
        settings[.clipNorm] = 1
        let metadata = CheckpointMetadata(
            kind: kind, model: layout.configuration, settings: kind == .training ? settings.stored : nil,
            vocabulary: vocabulary, corpusChecksum: kind == .training ? "0123456789abcdef0123456789abcdef" : nil,
            progress: kind == .training
                ? TrainingProgress(epoch: 2, stepInEpoch: 5, step: 349, epochLosses: [2.7409, 0.5], lossSum: 1.5) : nil)
        let path = "\(scratch.folder)/sample"
        let state = try OptimizerState(Adam(), count: layout.count)
        for slot in state.slots { _ = slot.elements.update(from: values) }
        try Checkpoint.write(
            to: path, metadata: metadata, layout: layout, parameters: values,
            optimizer: kind == .training ? state : nil)
        return try scratch.read(path)
    }

    /// Returns files that dtrain exports for another program, of each cell, with one or two layers.
    static func exported(_ format: ExchangeFormat, _ scratch: Scratch) throws -> [[UInt8]] {
        try zip(Cell.allCases, [1, 2, 1]).map { cell, layers in
            try scratch.write(file(cell, layers: layers, .generator, scratch))
            let checkpoint = try Checkpoint(path: scratch.input)
            let model = try ExchangeModel(checkpoint, vocabulary: checkpoint.requireVocabulary())
            return try scratch.read(format.write(model, to: "\(scratch.folder)/sample", overwrite: true))
        }
    }

    /// A file of another program, with only a framework's metadata.
    static var foreign: [UInt8] {
        let layout = ParameterLayout(
            ModelConfiguration(cell: .lstm, layers: 1, embeddingDim: 2, rnnUnits: 3, vocabularySize: 4))
        let members = layout.tensors.map { tensor in
            let shape = tensor.shape.map(String.init).joined(separator: ", ")
            return "\"\(tensor.name)\": {\"dtype\": \"F32\", \"shape\": [\(shape)], \"data_offsets\": "
                + "[\(tensor.offset * 4), \((tensor.offset + tensor.count) * 4)]}"
        }
        let header = "{\"__metadata__\": {\"format\": \"pt\"}, \(members.joined(separator: ", "))}"
        return Sealing.file(header: Array(header.utf8), data: [UInt8](repeating: 0x3C, count: layout.count * 4))
    }
}

/// The framing and checksums of a safetensors file, which let a mutation pass these checks.
enum Sealing {
    static func file(header: [UInt8], data: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + data
    }

    /// Returns the header and data of a file; nil if its header length is invalid.
    static func parts(_ file: [UInt8]) -> (header: [UInt8], data: [UInt8])? {
        guard file.count >= 8 else { return nil }
        let count = file[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard count <= UInt64(file.count - 8) else { return nil }
        return (Array(file[8..<8 + Int(count)]), Array(file[(8 + Int(count))...]))
    }

    /// Returns a file with valid length and checksums, in the format before the seal over both.
    static func sealed(header: [UInt8], data: [UInt8]) -> [UInt8] {
        var header = header
        let seal = "\"dtrain_seal\":\""
        if let start = position(of: seal, in: header), start + seal.utf8.count + 34 <= header.count {
            header.removeSubrange(start..<start + seal.utf8.count + 34)
        }
        let tensors = data.withUnsafeBytes { Checksum.hexadecimal(of: $0) }
        replace("\"tensor_checksum\":\"", with: tensors, in: &header)
        replace("\"metadata_checksum\":\"", with: String(repeating: "0", count: 32), in: &header)
        let own = header.withUnsafeBytes { Checksum.hexadecimal(of: $0) }
        replace("\"metadata_checksum\":\"", with: own, in: &header)
        return file(header: header, data: data)
    }

    private static func replace(_ key: String, with digits: String, in header: inout [UInt8]) {
        guard let start = position(of: key, in: header), start + key.utf8.count + 32 <= header.count else { return }
        let first = start + key.utf8.count
        header.replaceSubrange(first..<first + 32, with: digits.utf8)
    }

    static func position(of text: String, in bytes: [UInt8]) -> Int? {
        let pattern = Array(text.utf8)
        guard let first = pattern.first else { return nil }
        return bytes.indices.first { bytes[$0] == first && bytes[$0...].starts(with: pattern) }
    }
}
