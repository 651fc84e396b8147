extension ParameterLayout {
    /// The largest vocabulary, embedding or layer size that a file may have; products of a few
    /// sizes can't overflow.
    private static let maximumSize = 1 << 22

    /// Deduces a model from the names and shapes of a file's tensors, and checks that none is
    /// missing.
    ///
    /// - Returns: the model's layout, and the names of tensors that are neither parameters nor
    ///   optimizer slots nor stream states.
    /// - Throws: `DTrainError` with `badData` that names the tensor that is missing, has a wrong
    ///   shape or belongs to an impossible layer.
    static func deduced(from file: Safetensors) throws -> (layout: ParameterLayout, ignored: [String]) {
        let configuration = try configuration(of: file)
        let layout = ParameterLayout(configuration)
        for tensor in layout.tensors { try file.require(tensor.name, shape: tensor.shape) }
        var known = Set(layout.tensors.map(\.name))
        for slot in file.slotNames(layout) {
            let names = layout.tensors.map { SlotTensor.name(slot: slot, parameter: $0.name) }
            if zip(names, layout.tensors).allSatisfy({ file.tensors[$0]?.shape == $1.shape }) {
                known.formUnion(names)
            }
        }
        known.formUnion(file.stateNames(of: configuration))
        let ignored = file.names.filter { !known.contains($0) }
        // A layer above a gap would silently be left out of the model.
        if let unexpected = ignored.first(where: { isRecurrent($0, of: configuration.cell) }) {
            throw file.unfit("holds tensor \(unexpected.quotedForMessage), but not all of the layers below it")
        }
        return (layout, ignored)
    }

    /// Whether a tensor has the name of an upper recurrent layer of the given cell.
    private static func isRecurrent(_ name: String, of cell: Cell) -> Bool {
        let words = name.split(separator: ".", omittingEmptySubsequences: false)
        guard words.count == 2, Cell.Tensor(rawValue: String(words[1])) != nil else { return false }
        return words[0].hasPrefix("\(cell.layerName(0))_")
            && Int(words[0].dropFirst(cell.layerName(0).count + 1)) != nil
    }

    /// The model's sizes, from the shapes of the embedding and of the recurrent kernels.
    private static func configuration(of file: Safetensors) throws -> ModelConfiguration {
        func matrix(_ name: String) throws -> (rows: Int, columns: Int) {
            guard let view = file.tensors[name] else { throw file.unfit("has no tensor '\(name)'") }
            guard view.shape.count == 2, view.shape.allSatisfy({ (1...maximumSize).contains($0) }) else {
                throw file.unfit("holds tensor '\(name)' in the invalid shape \(view.shape)")
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

    /// The cell whose recurrent kernel the file holds; throws if there is none or more than one.
    private static func cell(of file: Safetensors) throws -> Cell {
        func name(_ cell: Cell) -> String { cell.name(of: .recurrentKernel, layer: 0) }
        let cells = Cell.allCases.filter { file.tensors[name($0)] != nil }
        guard let cell = cells.first else {
            throw file.unfit("has no tensor \(list(Cell.allCases.map { "'\(name($0))'" }, "or"))")
        }
        guard cells.count == 1 else {
            throw file.unfit("holds \(list(cells.map(\.layerClass), "and")) layers; a dtrain model has one kind")
        }
        return cell
    }

    /// The words separated by commas, with a conjunction before the last.
    private static func list(_ words: [String], _ conjunction: String) -> String {
        let head = words.dropLast().joined(separator: ", ")
        return [head, words.last ?? ""].filter { !$0.isEmpty }.joined(separator: " \(conjunction) ")
    }
}
