/// The states of the recurrent layers after a step, for all sequences of the batch in order: what streams carry on.
package struct StreamStates: Hashable, Sendable {
    /// The states of one kind in one layer: [B, H].
    struct Tensor: Hashable, Sendable {
        /// `state.gru.h`; `state.lstm.c` for a layer's second state.
        let name: String
        let shape: [Int]
        /// Elements before it.
        let offset: Int
    }

    /// Layer by layer from the input up, h before the second state.
    let tensors: [Tensor]
    /// H.
    let units: Int
    /// B.
    let batchSize: Int
    /// All elements, one tensor after another.
    package var values: [Float]

    /// States of zero.
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

    /// The elements of some sequences in one tensor.
    func range(tensor index: Int, sequences: Range<Int>) -> Range<Int> {
        let offset = tensors[index].offset
        return offset + sequences.lowerBound * units..<offset + sequences.upperBound * units
    }
}

extension Safetensors {
    /// The names of the tensors that are states of a model of these sizes.
    func stateNames(of model: ModelConfiguration) -> [String] {
        StreamStates(model, batchSize: 0).tensors.map(\.name).filter { name in
            tensors[name]?.shape.count == 2 && tensors[name]?.shape.last == model.rnnUnits
        }
    }
}
