extension ParameterLayout {
    /// The largest size that a file may give to a vocabulary, embedding or layer: products of a few can't overflow.
    private static let maximumSize = 1 << 22

    /// Deduces a model from the names and shapes of a file's tensors, and checks that nothing is missing or left over.
    ///
    /// - Throws: `DTrainError` with `badData` that names the tensor that is missing, misshapen or unknown.
    init(tensorsOf file: Safetensors) throws {
        let layout = ParameterLayout(try Self.configuration(of: file))
        var known: Set<String> = []
        let slots = file.slotNames(layout)
        for tensor in layout.tensors {
            for name in [tensor.name] + slots.map({ SlotTensor.name(slot: $0, parameter: tensor.name) }) {
                try file.require(name, shape: tensor.shape)
                known.insert(name)
            }
        }
        if let stranger = file.names.first(where: { !known.contains($0) }) {
            throw file.unfit("holds tensor \(stranger.quotedForMessage), which such a model doesn't have")
        }
        self = layout
    }

    /// The sizes, from the shapes of the embedding and of the recurrent kernels.
    private static func configuration(of file: Safetensors) throws -> ModelConfiguration {
        func matrix(_ name: String) throws -> (rows: Int, columns: Int) {
            guard let view = file.tensors[name] else { throw file.unfit("has no tensor '\(name)'") }
            guard view.shape.count == 2, view.shape.allSatisfy({ (1...maximumSize).contains($0) }) else {
                throw file.unfit("holds tensor '\(name)' in the impossible shape \(view.shape)")
            }
            return (view.shape[0], view.shape[1])
        }
        let embedding = try matrix("embedding.embeddings")
        let cell = try cell(of: file)
        var layers = 1
        while file.tensors[cell.name(of: .recurrentKernel, layer: layers)] != nil { layers += 1 }
        return ModelConfiguration(
            cell: cell, layers: layers, embeddingDim: embedding.columns,
            rnnUnits: try matrix(cell.name(of: .recurrentKernel, layer: 0)).rows, vocabularySize: embedding.rows)
    }

    /// The one cell whose recurrent kernel the file holds.
    private static func cell(of file: Safetensors) throws -> Cell {
        func name(_ cell: Cell) -> String { cell.name(of: .recurrentKernel, layer: 0) }
        let cells = Cell.allCases.filter { file.tensors[name($0)] != nil }
        guard let cell = cells.first else {
            throw file.unfit("has no tensor \(list(Cell.allCases.map { "'\(name($0))'" }, "or"))")
        }
        guard cells.count == 1 else {
            throw file.unfit("holds \(list(cells.map(\.layerClass), "and")) layers, which dtrain's models don't mix")
        }
        return cell
    }

    /// Words with commas between them, and a conjunction before the last.
    private static func list(_ words: [String], _ conjunction: String) -> String {
        let head = words.dropLast().joined(separator: ", ")
        return [head, words.last ?? ""].filter { !$0.isEmpty }.joined(separator: " \(conjunction) ")
    }
}
