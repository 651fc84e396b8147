import DTrainCore
import Testing

@testable import Exchange

/// Export to and import from PyTorch's modules.
@Suite struct PyTorchFormatTests {
    private let scratch: Scratch
    private let vocabulary: String

    init() throws {
        scratch = try Scratch()
        vocabulary = try scratch.write(#"["[UNK]","\n","a","é","😀"]"#, to: "list.json")
    }

    private func read(_ tensors: Tensors, map: [String] = []) throws -> ImportedModel {
        try ImportFormat.pytorch.read(scratch.write(tensors), vocabulary: vocabulary, names: NameMap(map))
    }

    /// PyTorch tensors of a model with V = 5, E = 2, H = 3.
    private func state(rows: Int, layers: Int = 1) -> Tensors {
        let own = (0..<layers).flatMap { layer -> Tensors in
            [
                .counted("rnn.weight_ih_l\(layer)", [rows, layer == 0 ? 2 : 3]),
                .counted("rnn.weight_hh_l\(layer)", [rows, 3], from: 100), .counted("rnn.bias_ih_l\(layer)", [rows]),
                .counted("rnn.bias_hh_l\(layer)", [rows], from: 200),
            ]
        }
        return [.counted("embedding.weight", [5, 2])] + own
            + [.counted("head.weight", [5, 3]), .counted("head.bias", [5], from: 300)]
    }

    @Test(arguments: [(Cell.gru, 9), (.lstm, 12), (.simpleRNN, 3)], 1...3)
    func exportAndImportKeepTheBits(cell: (Cell, Int), layers: Int) throws {
        let model = try sampleModel(cell.0, layers: layers)
        let path = try ExchangeFormat.pytorch.write(model, to: scratch.file("m.safetensors"))
        let file = try Safetensors(path: path)
        let expected = state(rows: cell.1, layers: layers)
        #expect(Set(file.names) == Set(expected.map(\.name)))
        for tensor in expected { #expect(file.tensors[tensor.name]?.shape == tensor.shape) }
        // The vocabulary is in the file.
        let back = try ImportFormat.pytorch.read(path, vocabulary: nil)
        #expect(try back.model.bits == model.bits && back.model.vocabulary == model.vocabulary)
        #expect(back.model.configuration == model.configuration && back.remarks.isEmpty && back.warnings.isEmpty)
    }

    /// With one unit and one input, a kernel has one letter per gate.
    @Test(arguments: [
        (Cell.gru, [0, 1, 2], [1, 0, 2]),
        (.lstm, [0, 1, 2, 3], [0, 1, 2, 3]), (.simpleRNN, [0], [0]),
    ])
    func gatesAreInTheOrderOfPyTorch(cell: Cell, own: [Float], theirs: [Float]) throws {
        let sizes = ModelConfiguration(cell: cell, layers: 1, embeddingDim: 1, rnnUnits: 1, vocabularySize: 2)
        let model = try ExchangeModel(sizes, vocabulary: Vocabulary(tokens: ["[UNK]", "a"])) { tensor in
            switch tensor.role {
            case .recurrent(.kernel, _): own
            case .recurrent(.recurrentKernel, _): own.map { $0 + 10 }
            case .recurrent(.bias, _): own.map { $0 + 20 } + (cell == .gru ? own.map { $0 + 30 } : [])
            default: [Float](repeating: 0, count: tensor.count)
            }
        }
        let tensors = Dictionary(
            uniqueKeysWithValues: try PyTorchFormat.tensors(of: model).map { ($0.name, $0.values) })
        #expect(tensors["rnn.weight_ih_l0"] == theirs)
        #expect(tensors["rnn.weight_hh_l0"] == theirs.map { $0 + 10 })
        #expect(tensors["rnn.bias_ih_l0"] == theirs.map { $0 + 20 })
        #expect(tensors["rnn.bias_hh_l0"] == (cell == .gru ? theirs.map { $0 + 30 } : theirs.map { _ in 0 }))
    }

    @Test func linearLayersAreTransposed() throws {
        let model = try read(state(rows: 3)).model
        #expect(try model.matrix("dense.kernel").values == [1, 4, 7, 10, 13, 2, 5, 8, 11, 14, 3, 6, 9, 12, 15])
        #expect(try model.matrix("simple_rnn.kernel").values == [1, 3, 5, 2, 4, 6])
        #expect(try model.matrix("embedding.embeddings").values == (1...10).map(Float.init))
        #expect(try model.matrix("dense.bias").values == (300...304).map(Float.init))
    }

    @Test func twoBiasesAreSummedWhereDtrainHasOne() throws {
        #expect(try read(state(rows: 3)).model.matrix("simple_rnn.bias").values == [201, 203, 205])
        #expect(try read(state(rows: 12)).model.matrix("lstm.bias").values == (0..<12).map { Float(201 + 2 * $0) })
        let gru = try read(state(rows: 9)).model.matrix("gru.bias").values
        #expect(gru == [4, 5, 6, 1, 2, 3, 7, 8, 9, 203, 204, 205, 200, 201, 202, 206, 207, 208])
    }

    @Test(arguments: [(3, "rnn.bias_ih_l0"), (12, "rnn.bias_ih_l1")])
    func biasesWithANonFiniteSumAreRejected(rows: Int, name: String) throws {
        let (large, other) = (Float.greatestFiniteMagnitude, name.replacing("ih", with: "hh"))
        func tensors(_ second: Float) -> Tensors {
            let values = [name: large, other: second]
            return state(rows: rows, layers: 2).map { tensor in
                guard let value = values[tensor.name] else { return tensor }
                return TensorFile.Tensor(tensor.name, vector: [Float](repeating: value, count: rows))
            }
        }
        #expect(throws: Never.self) { try read(tensors(-1)) }
        try expectRejected(.badData, "'\(name)' and '\(other)'", "sum is not a finite") {
            _ = try read(tensors(large))
        }
    }

    @Test func missingBiasesAreNamed() throws {
        let remarks = try read(state(rows: 9).filter { $0.name != "head.bias" }).remarks
        #expect(remarks.count == 1 && remarks[0].hasSuffix("has no 'head.bias': zeros are used"), "\(remarks)")
        let without = try read(state(rows: 9).filter { !$0.name.contains("bias") }).remarks
        #expect(
            without.first?.hasSuffix("no 'head.bias', 'rnn.bias_hh_l0', 'rnn.bias_ih_l0': zeros are used") == true,
            "\(without)")
    }

    @Test func missingBiasesAreZeros() throws {
        func model(rows: Int, without parts: String...) throws -> ExchangeModel {
            try read(state(rows: rows).filter { tensor in !parts.contains { tensor.name.contains($0) } }).model
        }
        #expect(try model(rows: 3, without: "bias").bits.suffix(5) == [0, 0, 0, 0, 0])
        #expect(try model(rows: 3, without: "bias").matrix("simple_rnn.bias").values == [0, 0, 0])
        #expect(try model(rows: 3, without: "bias_hh").matrix("simple_rnn.bias").values == [1, 2, 3])
        #expect(
            try model(rows: 9, without: "bias_ih").matrix("gru.bias").values.prefix(9) == [0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test(arguments: ["embedding.weight", "rnn.weight_ih_l0", "rnn.weight_hh_l0", "head.weight", "rnn.weight_ih_l1"])
    func missingTensorsAreNamed(name: String) throws {
        try expectRejected(.badData, "has no tensor '\(name)'", "`map`") {
            _ = try read(state(rows: 9, layers: 2).filter { $0.name != name })
        }
    }

    @Test(arguments: [
        ("embedding.weight", [4, 2]), ("embedding.weight", [10]), ("rnn.weight_ih_l0", [9, 4]),
        ("rnn.weight_hh_l0", [10, 3]), ("rnn.bias_ih_l0", [3]), ("rnn.bias_hh_l0", [9, 1]), ("head.weight", [3, 5]),
        ("head.bias", [6]), ("rnn.weight_hh_l1", [12, 3]),
    ])
    func misshapenTensorsAreNamed(name: String, shape: [Int]) throws {
        // A different number of ids in one tensor makes the other's shape wrong.
        let named = name == "embedding.weight" && shape.count == 2 ? "head.weight" : name
        try expectRejected(.badData, "'\(named)' ", "in ") {
            _ = try read(state(rows: 9, layers: 2).map { $0.name == name ? .counted(name, shape) : $0 })
        }
    }

    @Test func unsupportedContentIsRejectedByName() throws {
        let gru = state(rows: 9)
        try expectRejected(.badData, "'rnn.weight_ih_l0_reverse'", "train a model that reads forward only") {
            _ = try read(gru + [.counted("rnn.weight_ih_l0_reverse", [9, 2])])
        }
        try expectRejected(.badData, "'rnn.weight_hr_l0'", "projections") {
            _ = try read(state(rows: 12) + [.counted("rnn.weight_hr_l0", [2, 3])])
        }
        // The file has a third layer but no second.
        try expectRejected(.badData, "'rnn.weight_hh_l2'", "which follows a missing layer") {
            _ = try read(gru + [.counted("rnn.weight_hh_l2", [9, 3])])
        }
        let pickle = try scratch.write("PK\u{3}\u{4}................archive/data.pkl....", to: "m.pt")
        try expectRejected(.badData, "'\(pickle)' is a PyTorch file (a zip archive with a pickle)") {
            _ = try ImportFormat.pytorch.read(pickle, vocabulary: vocabulary)
        }
        try expectRejected(.badData, "'head.bias'", "not a finite") {
            _ = try read(gru.dropLast() + [.init("head.bias", vector: [0, 0, .nan, 0, 0])])
        }
    }

    @Test func customNamesAreMapped() throws {
        let own: Tensors = state(rows: 9).map { tensor in
            let name = tensor.name.replacing("rnn.", with: "module.gru.").replacing("head.weight", with: "out")
            return .counted(name, tensor.shape)
        }
        let same = state(rows: 9).map { TensorFile.Tensor.counted($0.name, $0.shape) }
        let imported = try read(own, map: ["module.gru=rnn", "out=head.weight"])
        let model = imported.model
        #expect(try model.bits == read(same).model.bits && imported.remarks.isEmpty && imported.warnings.isEmpty)
        // A rule for a tensor takes precedence over its module's.
        let special = same.map {
            TensorFile.Tensor.counted($0.name.replacing("rnn.weight_ih_l0", with: "rnn.x"), $0.shape)
        }
        #expect(try read(special, map: ["rnn=rnn", "rnn.x=rnn.weight_ih_l0"]).model.bits == model.bits)
        try expectRejected(.usage, "`map` names 'gpu'", "'embedding.weight'") { _ = try read(same, map: ["gpu=rnn"]) }
        for rule in ["rnn", "=rnn", "rnn=", "a=b=c"] {
            try expectRejected(.usage, "THEIRS=OURS") { _ = try NameMap([rule]) }
        }
    }

    @Test func aMappingRuleOverridesATensorOfThatName() throws {
        let imported = try read(state(rows: 9) + [.counted("other", [5], from: 50)], map: ["other=head.bias"])
        #expect(try imported.model.matrix("dense.bias").values == (50...54).map(Float.init))
        #expect(imported.warnings.first?.hasSuffix("ignored: 'head.bias'") == true, "\(imported.warnings)")
        try expectRejected(.usage, "'a' and 'b'", "both map to 'head.bias'; rename one of them with `map`") {
            _ = try read(
                state(rows: 9) + [.counted("a", [5]), .counted("b", [5])], map: ["a=head.bias", "b=head.bias"])
        }
    }

    /// A bias is optional, so a mistyped rule would silently give zeros.
    @Test(arguments: ["out_bias=head.bais", "out_bias=heads.bias", "out_bias=head"])
    func mappingRulesMustNameTensorsOfTheFormat(rule: String) throws {
        let own = state(rows: 9).map {
            $0.name == "head.bias" ? TensorFile.Tensor("out_bias", vector: $0.values) : $0
        }
        #expect(try read(own, map: ["out_bias=head.bias"]).remarks.isEmpty)
        try expectRejected(.usage, "`map` '\(rule)' names no tensor of pytorch; use embedding, rnn or head") {
            _ = try read(own, map: [rule])
        }
    }

    /// Tied weights: one tensor serves as embedding and head.
    @Test func oneTensorMayBeEmbeddingAndHead() throws {
        let tensors: Tensors = [
            .counted("shared", [5, 3]), .counted("rnn.weight_ih_l0", [3, 3]), .counted("rnn.weight_hh_l0", [3, 3]),
        ]
        let model = try read(tensors, map: ["shared=embedding.weight", "shared=head.weight"]).model
        #expect(try model.matrix("dense.kernel").transposed == model.matrix("embedding.embeddings"))
    }

    @Test func unknownTensorsAreNamedAndIgnored() throws {
        let imported = try read(state(rows: 9) + [.counted("norm.weight", [3])])
        #expect(imported.remarks.isEmpty && imported.warnings.count == 1, "\(imported)")
        #expect(imported.warnings[0].contains("ignored: 'norm.weight'"), "\(imported.warnings)")
    }
}
