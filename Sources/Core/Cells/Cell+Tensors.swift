extension Cell {
    /// One of a layer's three tensors, under the name that Keras gives it.
    package enum Tensor: String, Hashable, Sendable {
        /// W: [in, G·H].
        case kernel
        /// U: [H, G·H].
        case recurrentKernel = "recurrent_kernel"
        /// One or several rows of [G·H].
        case bias
    }

    /// Keras's name of a layer; those after the first have a number, as in `gru_1`.
    package func layerName(_ index: Int) -> String { index == 0 ? layerName : "\(layerName)_\(index)" }

    /// The name of a layer's tensor in a checkpoint.
    package func name(of tensor: Tensor, layer: Int) -> String { "\(layerName(layer)).\(tensor.rawValue)" }

    /// The shape of a tensor of a layer.
    package func shape(of tensor: Tensor, inputDim: Int, units: Int) -> [Int] {
        let columns = gates * units
        return switch tensor {
        case .kernel: [inputDim, columns]
        case .recurrentKernel: [units, columns]
        case .bias: initialBias.count == 1 ? [columns] : [initialBias.count, columns]
        }
    }
}
