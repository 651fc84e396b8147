import DTrainCore
import FoundationEssentials
import SwiftProtobuf

/// The ONNX graph of a model, for ONNX Runtime and others.
///
/// With V ids, an embedding of E, H units, and i from 0 for the recurrent layers:
///
///     inputs   ids [batch, time] int64; h_i [batch, H], for LSTM also c_i [batch, H]
///     outputs  logits [batch, time, V]; h_i_out, c_i_out [batch, H]
///
/// Inside, time comes first, as the operators GRU, LSTM and RNN expect (`layout` 0). The graph
/// transposes the ids on input, and the top layer's states on output.
enum ONNXFormat {
    /// The operator set version: the oldest with the current GRU, LSTM and RNN.
    static let operatorSet: Int64 = 14
    /// The matching version of the file format.
    private static let formatVersion: Int64 = 7

    /// The operator of each cell, and its order of gates.
    private static let operators: [Cell: (name: String, gates: String)] = [
        .gru: ("GRU", "zrh"), .lstm: ("LSTM", "iofc"), .simpleRNN: ("RNN", "h"),
    ]

    /// Writes a model's graph atomically.
    ///
    /// - Throws: `DTrainError` with `badData` for a model larger than the format's 2 GiB,
    ///   `inputOutput` if writing fails.
    static func write(_ model: ExchangeModel, to path: String, overwrite: Bool) throws {
        guard fits(model.layout) else {
            throw DTrainError(
                .badData,
                "the model's \(model.layout.count) parameters exceed the 2 GiB of an ONNX file; export it in another format"
            )
        }
        let bytes: [UInt8] = try self.model(model).serializedBytes()
        try AtomicFile.write(to: path, replaces: overwrite) { writer in
            try bytes.withUnsafeBytes { try writer.write($0) }
        }
    }

    /// Whether the weights, plus 16 MiB for everything else, stay below the format's 2 GiB.
    static func fits(_ layout: ParameterLayout) -> Bool { 4 * layout.count < 1 << 31 - 1 << 24 }

    /// The contents of the file.
    static func model(_ model: ExchangeModel) throws -> ONNXModelProto {
        var file = ONNXModelProto()
        file.irVersion = formatVersion
        file.producerName = "dtrain"
        file.producerVersion = dtrainVersion
        file.opsetImport = [.with { $0.version = operatorSet }]
        let vocabulary = try TensorFile.list(model.vocabulary)
        file.metadataProps = [.with { ($0.key, $0.value) = ("vocabulary", vocabulary) }]
        file.graph = try graph(model)
        return file
    }

    private static func graph(_ model: ExchangeModel) throws -> ONNXGraphProto {
        let sizes = model.configuration
        var graph = ONNXGraph(name: "character_model")
        graph.input("ids", .int64, [.free("batch"), .free("time")])
        graph.constant("axis_0", integers: [0])
        graph.constant("axis_1", integers: [1])
        graph.constant("embedding.embeddings", try model.matrix("embedding.embeddings"))
        graph.node("Transpose", ["ids"], ["ids_by_time"], [("perm", .list([1, 0]))])
        graph.node("Gather", ["embedding.embeddings", "ids_by_time"], ["layer_0_input"], [("axis", .one(0))])
        graph.output("logits", .float, [.free("batch"), .free("time"), .fixed(sizes.vocabularySize)])
        for layer in 0..<sizes.layers { try add(layer, of: model, to: &graph) }
        let states = "layer_\(sizes.layers)_input"
        graph.constant("dense.kernel", try model.matrix("dense.kernel"))
        graph.constant("dense.bias", vector: try model.matrix("dense.bias").values)
        graph.node("Transpose", [states], ["states"], [("perm", .list([1, 0, 2]))])
        graph.node("MatMul", ["states", "dense.kernel"], ["products"])
        graph.node("Add", ["products", "dense.bias"], ["logits"])
        return graph.proto
    }

    /// Adds a recurrent layer: its input and output states, weights and operator.
    private static func add(_ layer: Int, of model: ExchangeModel, to graph: inout ONNXGraph) throws {
        let sizes = model.configuration
        let name = try GateOrder.require(operators[sizes.cell], of: sizes.cell, in: "ONNX").name
        let states = sizes.cell.hasMemory ? ["h_\(layer)", "c_\(layer)"] : ["h_\(layer)"]
        for state in states {
            graph.input(state, .float, [.free("batch"), .fixed(sizes.rnnUnits)])
            graph.output("\(state)_out", .float, [.free("batch"), .fixed(sizes.rnnUnits)])
            // The operators expect an axis for directions.
            graph.node("Unsqueeze", [state, "axis_0"], ["\(state)_in"])
        }
        let prefix = sizes.cell.layerName(layer)
        let weights = try weights(layer, of: model)
        let names = ["W", "R", "B"].map { "\(prefix).\($0)" }
        for (name, matrix) in zip(names, [weights.input, weights.state]) {
            graph.constant(name, matrix, inOneDirection: true)
        }
        graph.constant(names[2], weights.bias)
        var attributes: [(String, ONNXGraph.Attribute)] = [("hidden_size", .one(Int64(sizes.rnnUnits)))]
        if sizes.cell == .gru { attributes.append(("linear_before_reset", .one(1))) }
        graph.node(
            name, ["layer_\(layer)_input"] + names + [""] + states.map { "\($0)_in" },
            ["\(prefix).Y"] + states.map { "\($0)_last" }, attributes)
        graph.node("Squeeze", ["\(prefix).Y", "axis_1"], ["layer_\(layer + 1)_input"])
        for state in states { graph.node("Squeeze", ["\(state)_last", "axis_0"], ["\(state)_out"]) }
    }

    /// A layer's weights in the operator's layout: gates in rows, and one row with both halves of
    /// the bias.
    private static func weights(
        _ layer: Int, of model: ExchangeModel
    ) throws -> (input: Matrix, state: Matrix, bias: Matrix) {
        let cell = model.configuration.cell
        let (ours, gates) = try (
            GateOrder.dtrainOrder(cell), GateOrder.require(operators[cell], of: cell, in: "ONNX").gates
        )
        func theirs(_ tensor: Cell.Tensor) throws -> Matrix {
            try model.matrix(tensor, layer: layer).regrouped(from: ours, to: gates)
        }
        let bias = try theirs(.bias)
        // An LSTM or SimpleRNN has one bias, the input's half.
        let second = cell.biasRows == 1 ? [Float](repeating: 0, count: bias.columns) : []
        return (
            try theirs(.kernel).transposed, try theirs(.recurrentKernel).transposed,
            Matrix(rows: 1, columns: 2 * bias.columns, values: bias.values + second)
        )
    }
}
