extension Cell {
    /// One of a layer's three tensors, with its Keras name.
    package enum Tensor: String, Hashable, Sendable {
        /// W: [in, G·H].
        case kernel
        /// U: [H, G·H].
        case recurrentKernel = "recurrent_kernel"
        /// One or several rows of [G·H].
        case bias
    }

    /// Returns Keras's name of a layer; layers after the first are numbered, as in `gru_1`.
    package func layerName(_ index: Int) -> String { index == 0 ? layerName : "\(layerName)_\(index)" }

    /// Returns the name of a layer's tensor in a checkpoint.
    package func name(of tensor: Tensor, layer: Int) -> String { "\(layerName(layer)).\(tensor.rawValue)" }

    /// Returns the shape of a layer's tensor.
    package func shape(of tensor: Tensor, inputDim: Int, units: Int) -> [Int] {
        let columns = gates * units
        return switch tensor {
        case .kernel: [inputDim, columns]
        case .recurrentKernel: [units, columns]
        case .bias: initialBias.count == 1 ? [columns] : [initialBias.count, columns]
        }
    }
}
