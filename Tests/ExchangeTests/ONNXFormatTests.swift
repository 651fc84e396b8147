import DTrainCore
import Foundation
import Testing

@testable import Exchange

/// The exported ONNX graph; `make test-exchange` runs it.
@Suite struct ONNXFormatTests {
    private func dimensions(_ value: ONNXValueInfoProto) -> [String] {
        value.type.tensorType.shape.dim.map { $0.dimParam.isEmpty ? "\($0.dimValue)" : $0.dimParam }
    }

    private func floats(_ tensor: ONNXTensorProto) -> [Float] {
        stride(from: 0, to: tensor.rawData.count, by: 4).map { start in
            let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(tensor.rawData[start + $1]) << (8 * UInt32($1)) }
            return Float(bitPattern: bits)
        }
    }

    @Test(arguments: Cell.allCases, 1...3)
    func inputsAndOutputsHaveTheExpectedNamesAndShapes(cell: Cell, layers: Int) throws {
        let scratch = try Scratch()
        let path = try ExchangeFormat.onnx.write(sampleModel(cell, layers: layers), to: scratch.file("m.onnx"))
        let file = try ONNXModelProto(serializedBytes: [UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
        let states = (0..<layers).flatMap { cell == .lstm ? ["h_\($0)", "c_\($0)"] : ["h_\($0)"] }
        #expect(file.graph.input.map(\.name) == ["ids"] + states)
        #expect(file.graph.output.map(\.name) == ["logits"] + states.map { "\($0)_out" })
        #expect(dimensions(file.graph.input[0]) == ["batch", "time"])
        #expect(file.graph.input[0].type.tensorType.elemType == 7)
        #expect(dimensions(file.graph.output[0]) == ["batch", "time", "5"])
        for state in file.graph.input.dropFirst() + file.graph.output.dropFirst() {
            #expect(dimensions(state) == ["batch", "3"] && state.type.tensorType.elemType == 1)
        }
        #expect(file.opsetImport.map(\.version) == [14] && file.opsetImport[0].domain.isEmpty)
        #expect(file.metadataProps.map(\.key) == ["vocabulary"])
        #expect(file.metadataProps[0].value == #"["[UNK]","\n","a","é","😀"]"#)
        // Each node's inputs are defined before it.
        var known = Set(file.graph.input.map(\.name) + file.graph.initializer.map(\.name) + [""])
        for node in file.graph.node {
            #expect(known.isSuperset(of: node.input), "\(node.name)")
            known.formUnion(node.output)
        }
        #expect(known.isSuperset(of: file.graph.output.map(\.name)))
        #expect(Set(file.graph.node.map(\.name)).count == file.graph.node.count)
    }

    /// With one unit and one input, a kernel has one letter per gate.
    @Test(arguments: [
        (Cell.gru, [0, 1, 2], [0, 1, 2], "GRU"), (.lstm, [0, 1, 2, 3], [0, 3, 1, 2], "LSTM"),
        (.simpleRNN, [0], [0], "RNN"),
    ])
    func gatesAreInTheOrderOfONNX(cell: Cell, own: [Float], theirs: [Float], name: String) throws {
        let sizes = ModelConfiguration(cell: cell, layers: 1, embeddingDim: 1, rnnUnits: 1, vocabularySize: 2)
        let model = try ExchangeModel(sizes, vocabulary: Vocabulary(tokens: ["[UNK]", "a"])) { tensor in
            switch tensor.role {
            case .recurrent(.kernel, _): own
            case .recurrent(.recurrentKernel, _): own.map { $0 + 10 }
            case .recurrent(.bias, _): own.map { $0 + 20 } + (cell == .gru ? own.map { $0 + 30 } : [])
            default: [Float](repeating: 0, count: tensor.count)
            }
        }
        let graph = try ONNXFormat.model(model).graph
        let tensors = Dictionary(uniqueKeysWithValues: graph.initializer.map { ($0.name, $0) })
        let node = try #require(graph.node.first { $0.opType == name })
        let (w, r, b) = try (
            #require(tensors[node.input[1]]), #require(tensors[node.input[2]]), #require(tensors[node.input[3]])
        )
        let gates = Int64(own.count)
        #expect(floats(w) == theirs && w.dims == [1, gates, 1])
        #expect(floats(r) == theirs.map { $0 + 10 } && r.dims == [1, gates, 1])
        let second = cell == .gru ? theirs.map { $0 + 30 } : theirs.map { _ in 0 }
        #expect(floats(b) == theirs.map { $0 + 20 } + second && b.dims == [1, 2 * gates])
        let reset = node.attribute.first { $0.name == "linear_before_reset" }
        #expect(reset?.i == (cell == .gru ? 1 : nil))
    }

    /// 2 GiB are 536,870,912 floats.
    @Test(arguments: [(ids: 1, units: 13_000, fits: true), (1, 14_000, false)])
    func modelsBeyondTheSizeLimitAreDetected(ids: Int, units: Int, fits: Bool) {
        // A GRU has about 3·H·(H + 1) weights.
        let sizes = ModelConfiguration(embeddingDim: 1, rnnUnits: units, vocabularySize: ids)
        #expect(ONNXFormat.fits(ParameterLayout(sizes)) == fits)
    }

    @Test func existingFilesAreReplacedOnlyWithOverwrite() throws {
        let scratch = try Scratch()
        let model = try sampleModel(.gru)
        for format in [ExchangeFormat.pytorch, .keras, .onnx] {
            let path = try format.write(model, to: scratch.file("new/\(format)"))
            try expectRejected(.usage, "'\(path)' exists already", "`overwrite`") { try format.write(model, to: path) }
            try format.write(model, to: path, overwrite: true)
            try expectRejected(.usage, "is a folder", "name a file") { try format.write(model, to: scratch.path) }
        }
    }
}
