/// The states of the recurrent layers after a step, for all sequences of the batch in order, as
/// streams carry them.
package struct StreamStates: Hashable, Sendable {
    /// The states of one kind in one layer, of shape [B, H].
    struct Tensor: Hashable, Sendable {
        /// The name, such as `state.gru.h`, or `state.lstm.c` for a cell state.
        let name: String
        let shape: [Int]
        /// The number of elements before it in `values`.
        let offset: Int
    }

    /// The tensors layer by layer from the input up, h before the cell state.
    let tensors: [Tensor]
    /// H, the number of units.
    let units: Int
    /// B, the number of sequences.
    let batchSize: Int
    /// The elements of all tensors, one tensor after another.
    package var values: [Float]

    /// Creates zero states.
    package init(_ model: ModelConfiguration, batchSize: Int) {
        let kinds = model.cell.hasMemory ? ["h", "c"] : ["h"]
        let names = (0..<model.layers).flatMap { layer in
            kinds.map { "state.\(model.cell.layerName(layer)).\($0)" }
        }
        (units, self.batchSize) = (model.rnnUnits, batchSize)
        let size = batchSize * model.rnnUnits
        tensors = names.enumerated().map { index, name in
            Tensor(name: name, shape: [batchSize, model.rnnUnits], offset: index * size)
        }
        values = [Float](repeating: 0, count: names.count * size)
    }

    /// The range in `values` of some sequences' states in one tensor.
    func range(tensor index: Int, sequences: Range<Int>) -> Range<Int> {
        let offset = tensors[index].offset
        return offset + sequences.lowerBound * units..<offset + sequences.upperBound * units
    }
}

extension Safetensors {
    /// The names of the tensors that hold states of the given model.
    func stateNames(of model: ModelConfiguration) -> [String] {
        StreamStates(model, batchSize: 0).tensors.map(\.name).filter { name in
            tensors[name]?.shape.count == 2 && tensors[name]?.shape.last == model.rnnUnits
        }
    }
}
