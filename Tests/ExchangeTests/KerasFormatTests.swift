import DTrainCore
import Foundation
import Testing

@testable import Exchange

/// Export to and import from Keras's layers.
@Suite struct KerasFormatTests {
    private let scratch: Scratch
    private let vocabulary: String

    init() throws {
        scratch = try Scratch()
        vocabulary = try scratch.write(#"["[UNK]","\n","a","é","😀"]"#, to: "list.json")
    }

    private func read(_ tensors: Tensors, map: [String] = []) throws -> ExchangeModel {
        try ImportFormat.keras.read(scratch.write(tensors), vocabulary: vocabulary, names: NameMap(map)).model
    }

    @Test(arguments: Cell.allCases, 1...3)
    func exportAndImportKeepTheBits(cell: Cell, layers: Int) throws {
        let model = try sampleModel(cell, layers: layers)
        let path = try ExchangeFormat.keras.write(model, to: scratch.file("m.safetensors"))
        let file = try Safetensors(path: path)
        #expect(file.names == model.layout.tensors.map(\.name))
        for tensor in model.layout.tensors { #expect(file.tensors[tensor.name]?.shape == tensor.shape) }
        let back = try ImportFormat.keras.read(path, vocabulary: nil)
        #expect(try back.model.bits == model.bits && back.model.vocabulary == model.vocabulary)
        #expect(back.remarks.isEmpty && back.warnings.isEmpty)
    }

    /// Rewriting a damaged checkpoint would make it appear valid.
    @Test func dtrainsOwnCheckpointsAreRejected() throws {
        let model = try sampleModel(.gru)
        let path = try model.save(to: scratch.file("own"))
        func expectOwnFileRejected() throws {
            try expectRejected(.badData, "'\(path)' has dtrain's metadata", "`init` or 'dtrain export'") {
                _ = try ImportFormat.keras.read(path, vocabulary: nil)
            }
        }
        try expectOwnFileRejected()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        try expectOwnFileRejected()
        // Exports aren't sealed.
        let exported = try ExchangeFormat.keras.write(model, to: scratch.file("exported"))
        #expect(try Array(Safetensors(path: exported).metadata.keys) == ["vocabulary"])
    }

    @Test func kerasVariablePathsAreRead() throws {
        let model = try sampleModel(.gru, layers: 2)
        let own = try KerasFormat.tensors(of: model).map { tensor in
            let words = tensor.name.split(separator: ".").map(String.init)
            let cell = words[0].hasPrefix("gru") ? ["gru_cell"] : []
            let path = ["sequential"] + words.prefix(1) + cell + words.dropFirst()
            return TensorFile.Tensor(path.joined(separator: "/"), tensor)
        }
        #expect(own.contains { $0.name == "sequential/gru_1/gru_cell/recurrent_kernel" })
        #expect(try read(own).bits == model.bits)
        let renamed = own.map { TensorFile.Tensor($0.name.replacing("dense/", with: "logits/"), $0) }
        #expect(try read(renamed, map: ["sequential/logits=dense"]).bits == model.bits)
        // Dots aren't path separators, so an optimizer's slot isn't taken for a weight.
        let slot = TensorFile.Tensor.counted("adam.m.gru.bias", [2, 9])
        #expect(try read(KerasFormat.tensors(of: model) + [slot]).bits == model.bits)
    }

    @Test(arguments: [(Cell.gru, "gru.bias", 18), (.lstm, "lstm.bias", 12), (.simpleRNN, "dense.bias", 5)])
    func missingBiasesAreZeros(cell: Cell, name: String, count: Int) throws {
        let model = try sampleModel(cell)
        let back = try read(KerasFormat.tensors(of: model).filter { $0.name != name })
        #expect(try back.matrix(name).values == [Float](repeating: 0, count: count))
        #expect(try back.matrix("dense.kernel") == model.matrix("dense.kernel"))
    }

    @Test func unsupportedContentIsRejectedByName() throws {
        let gru = try KerasFormat.tensors(of: sampleModel(.gru))
        try expectRejected(.badData, "'gru.bias'", "reset_after=False", "train it with reset_after=True") {
            _ = try read(gru.map { $0.name == "gru.bias" ? .counted("gru.bias", [9]) : $0 })
        }
        try expectRejected(.badData, "'sequential/bidirectional/forward_gru/gru_cell/kernel'", "bidirectional") {
            _ = try read(gru + [.counted("sequential/bidirectional/forward_gru/gru_cell/kernel", [2, 9])])
        }
        // Also where a rule maps a single direction to a plain layer.
        let half = gru.map { TensorFile.Tensor($0.name.replacing("gru.", with: "m/bidirectional/forward_gru/"), $0) }
        try expectRejected(.badData, "'m/bidirectional/forward_gru/bias'", "train a model that reads forward only") {
            _ = try read(half, map: ["m/bidirectional/forward_gru=gru"])
        }
        try expectRejected(.badData, "'both/backward_gru/kernel'") {
            _ = try read(gru + [.counted("both/backward_gru/kernel", [2, 9])])
        }
        try expectRejected(.badData, "GRU and LSTM layers") {
            _ = try read(gru + [.counted("lstm.recurrent_kernel", [3, 12])])
        }
        try expectRejected(.badData, "'gru_2.kernel'", "a layer below") {
            _ = try read(gru + [.counted("gru_2.kernel", [3, 9])])
        }
        let hdf5 = try scratch.write("x", to: "m.keras")
        try expectRejected(.badData, "'\(hdf5)'") { _ = try ImportFormat.keras.read(hdf5, vocabulary: vocabulary) }
    }

    @Test func anErrorNamesTheKernelOfEachCell() throws {
        let dense = try KerasFormat.tensors(of: sampleModel(.gru)).filter { !$0.name.hasPrefix("gru.") }
        try expectRejected(
            .badData,
            "has no tensor 'gru.recurrent_kernel', 'lstm.recurrent_kernel' or 'simple_rnn.recurrent_kernel': it holds"
        ) { _ = try read(dense) }
    }

    @Test func duplicateNamesAreRejectedOnlyIfTheModelUsesThem() throws {
        let model = try sampleModel(.gru)
        let gru = try KerasFormat.tensors(of: model)
        let others: Tensors = [.counted("a/norm/gamma", [3]), .counted("b/norm/gamma", [3])]
        let imported = try ImportFormat.keras.read(scratch.write(gru + others), vocabulary: vocabulary)
        #expect(try imported.model.bits == model.bits)
        #expect(imported.warnings.count == 1, "\(imported.warnings)")
        #expect(imported.warnings.first?.hasSuffix("ignored: 'a/norm/gamma', 'b/norm/gamma'") == true)
        try expectRejected(
            .usage, "'dense.bias' and 'head/dense/bias'", "both map to 'dense.bias'; rename one of them with `map`"
        ) {
            _ = try read(gru + [.counted("head/dense/bias", [5])])
        }
    }

    @Test func mappingRulesMustNameTensorsOfTheFormat() throws {
        let model = try sampleModel(.gru, layers: 2)
        let own = try KerasFormat.tensors(of: model).map {
            TensorFile.Tensor($0.name == "dense.bias" ? "out_bias" : $0.name, $0)
        }
        #expect(try read(own, map: ["out_bias=dense.bias"]).bits == model.bits)
        try expectRejected(.usage, "'out_bias=dense.bais' names no tensor of keras", "embedding, gru, gru_1 or dense") {
            _ = try read(own, map: ["out_bias=dense.bais"])
        }
    }

    @Test(arguments: ["embedding.embeddings", "gru.kernel", "gru.recurrent_kernel", "dense.kernel"])
    func missingAndMisshapenTensorsAreNamed(name: String) throws {
        let gru = try KerasFormat.tensors(of: sampleModel(.gru))
        try expectRejected(.badData, "has no tensor '\(name)'") { _ = try read(gru.filter { $0.name != name }) }
        try expectRejected(.badData, "'\(name)' ", "[7]") {
            _ = try read(gru.map { $0.name == name ? .counted(name, [7]) : $0 })
        }
    }
}

extension TensorFile.Tensor {
    /// Creates a copy of a tensor with another name.
    init(_ name: String, _ other: TensorFile.Tensor) {
        self =
            other.shape.count == 1
            ? TensorFile.Tensor(name, vector: other.values)
            : TensorFile.Tensor(name, Matrix(rows: other.shape[0], columns: other.shape[1], values: other.values))
    }
}
