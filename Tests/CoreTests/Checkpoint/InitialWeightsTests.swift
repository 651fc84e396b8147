import DistributedTesting
import Testing

@testable import DTrainCore

@Suite struct InitialWeightsTests {
    private let folder: ScratchFolder
    private let path: String

    init() throws {
        folder = try ScratchFolder()
        path = folder.file("init.safetensors")
    }

    /// Writes tensors of consecutive values with the given names and shapes.
    private func write(_ tensors: [(String, [Int])], metadata: [String: String] = [:]) throws {
        let values = (0..<1000).map(Float.init)
        try values.withUnsafeBufferPointer { buffer in
            let start = try #require(buffer.baseAddress)
            try writeSafetensors(
                tensors.map { .init(name: $0.0, shape: $0.1, pointer: start) }, metadata: metadata, to: path)
        }
    }

    private static let gru: [(String, [Int])] = [
        ("dense.bias", [5]), ("dense.kernel", [3, 5]), ("embedding.embeddings", [5, 2]), ("gru.bias", [2, 9]),
        ("gru.kernel", [2, 9]), ("gru.recurrent_kernel", [3, 9]),
    ]

    @Test func modelSizesFollowFromTensorShapesInAnyOrder() throws {
        try write(Self.gru)
        let weights = try InitialWeights(path: path)
        #expect(
            weights.configuration
                == ModelConfiguration(cell: .gru, layers: 1, embeddingDim: 2, rnnUnits: 3, vocabularySize: 5))
        #expect(weights.vocabulary == nil)
        var loaded = [Float](repeating: -1, count: 10 + 18 + 27 + 18 + 15 + 5)
        try weights.load(into: &loaded)
        #expect(loaded == [10, 18, 27, 18, 15, 5].flatMap { (0..<$0).map(Float.init) })
    }

    @Test func aVocabularyInTheMetadataIsReadAndChecked() throws {
        try write(Self.gru, metadata: ["vocabulary": #"["[UNK]","a","b","c","a"]"#])
        _ = try requireError(.badData) { _ = try InitialWeights(path: path) }
        try write(Self.gru, metadata: ["vocabulary": #"["[UNK]","a","b","c","\n"]"#])
        #expect(try InitialWeights(path: path).vocabulary == ["[UNK]", "a", "b", "c", "\n"])
        try write(Self.gru, metadata: ["vocabulary": #"["[UNK]","\n","a","b","c"]"#])
        #expect(try InitialWeights(path: path).vocabulary == ["[UNK]", "\n", "a", "b", "c"])
    }

    @Test func aCheckpointGivesInitialWeights() throws {
        let model = SampleModel(cell: .lstm, layers: 2)
        try model.write(to: path)
        let weights = try InitialWeights(path: path)
        #expect(weights.configuration == model.layout.configuration)
        #expect(weights.vocabulary == model.metadata.vocabulary)
        var loaded = [Float](repeating: 0, count: model.layout.count)
        try weights.load(into: &loaded)
        #expect(loaded == model.parameters)
    }

    @Test(arguments: Self.gru.map(\.0)) func aMissingTensorIsNamed(name: String) throws {
        try write(Self.gru.filter { $0.0 != name })
        let error = try requireError(.badData) { _ = try InitialWeights(path: path) }
        #expect(error.message.contains("'\(name)'"))
    }

    @Test(arguments: [
        ("gru.bias", [18]), ("gru.kernel", [3, 9]), ("gru.recurrent_kernel", [3, 12]), ("dense.kernel", [5, 3]),
        ("dense.bias", [5, 1]), ("embedding.embeddings", [10]), ("embedding.embeddings", [0, 2]),
        ("embedding.embeddings", [0, Int.max]), ("gru.recurrent_kernel", [Int.max, 0]),
    ]) func aTensorOfTheWrongShapeIsNamed(name: String, shape: [Int]) throws {
        try write(Self.gru.map { $0.0 == name ? (name, shape) : $0 })
        let error = try requireError(.badData) { _ = try InitialWeights(path: path) }
        #expect(error.message.contains("'\(name)'") && error.message.contains("\(shape)"))
    }

    @Test(arguments: ["lstm.recurrent_kernel", "gru_2.kernel", "gru_1.bias"])
    func tensorsOfUnexpectedLayersAreRejected(name: String) throws {
        try write(Self.gru + [(name, [3, 9])])
        _ = try requireError(.badData) { _ = try InitialWeights(path: path) }
    }

    @Test func otherTensorsAreNamedAndIgnored() throws {
        try write(Self.gru + [("adam.m.dense.bias", [5])] + (1...6).map { ("other\($0)", [$0]) })
        let weights = try InitialWeights(path: path)
        let remarks = weights.remarks.joined(separator: "\n")
        #expect(remarks.contains("not sealed by dtrain"), "\(remarks)")
        #expect(
            remarks.hasSuffix("ignored: 'adam.m.dense.bias', 'other1', 'other2', 'other3', 'other4' and 2 more"),
            "\(remarks)")
        var loaded = [Float](repeating: -1, count: ParameterLayout(weights.configuration).count)
        try weights.load(into: &loaded)
        #expect(!loaded.contains(-1))
    }

    /// Non-finite float64 values, and a finite one that overflows float32.
    @Test(arguments: [Double.infinity, -.nan, 1e39]) func nonFiniteWeightsAreRejected(value: Double) throws {
        try write(Self.gru)
        let file = try Safetensors(path: path)
        let tensors = file.names.map { name in
            (name, "F64", file.tensors[name]?.shape ?? [], name == "gru.bias" ? value : 0.5)
        }
        try writeForeign(tensors, to: path)
        let weights = try InitialWeights(path: path)
        #expect(weights.remarks.contains("'\(path)' holds weights of type F64: converted to F32"))
        var loaded = [Float](repeating: -1, count: ParameterLayout(weights.configuration).count)
        let error = try requireError(.badData) { try weights.load(into: &loaded) }
        #expect(error.message.contains("'\(path)' holds a weight in 'gru.bias'"), "\(error)")
    }

    @Test func missingRecurrentLayersAreNamedForEveryCell() throws {
        try write(Self.gru.filter { !$0.0.hasPrefix("gru.") })
        let error = try requireError(.badData) { _ = try InitialWeights(path: path) }
        let names = "'gru.recurrent_kernel', 'lstm.recurrent_kernel' or 'simple_rnn.recurrent_kernel'"
        #expect(error.message.contains("has no tensor \(names)"), "\(error.message)")
    }

    @Test func mixedCellTypesAreRejected() throws {
        try write(Self.gru + [("lstm.recurrent_kernel", [3, 12]), ("simple_rnn.recurrent_kernel", [3, 3])])
        let error = try requireError(.badData) { _ = try InitialWeights(path: path) }
        #expect(error.message.contains("holds GRU, LSTM and SimpleRNN layers"), "\(error.message)")
    }

    /// Without checksums a changed value can't be detected, but sizes are always checked.
    @Test func mutationsOfAForeignFileNeverCrash() throws {
        try write(Self.gru, metadata: ["vocabulary": #"["[UNK]","\n","a","b","c"]"#])
        let intact = try readBytes(path)
        let header = Int(intact[0]) + 256 * Int(intact[1]) + 8
        for _ in 0..<2_000 {
            var bytes = intact
            for _ in 0..<Int.random(in: 1...3) {
                let replacements = [0x22, 0x2C, 0x30, 0x39, 0x5B, 0x7D, UInt8.random(in: 0...255)]
                bytes[.random(in: 0..<header)] = replacements.randomElement() ?? 0
            }
            try writeBytes(bytes, to: path)
            do {
                let weights = try InitialWeights(path: path)
                var loaded = [Float](repeating: 0, count: ParameterLayout(weights.configuration).count)
                #expect(loaded.count * 4 <= bytes.count - header)
                try weights.load(into: &loaded)
            } catch let error as DTrainError {
                #expect(error.category == .badData, "\(error.message)")
            }
        }
    }
}
