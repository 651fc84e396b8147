/// The places of the named tensors in the flat parameter buffer.
///
/// Adam's moments and the flat gradient have the same layout.
public struct ParameterLayout: Hashable, Sendable {
    /// A tensor, row-major, with its name in checkpoints.
    public struct Tensor: Hashable, Sendable {
        /// The role of a tensor in the model.
        package enum Role: Hashable, Sendable {
            case embeddings
            /// A tensor of a recurrent layer, counted from 0.
            case recurrent(Cell.Tensor, layer: Int)
            case denseKernel, denseBias
        }

        /// The tensor's role in the model.
        package let role: Role
        /// The name in a checkpoint, such as `gru.kernel`.
        public let name: String
        /// The numbers of rows and columns, or the length of a vector.
        public let shape: [Int]
        /// The offset of its first element in the flat buffer.
        public let offset: Int
        /// The number of elements.
        public var count: Int { shape.reduce(1, *) }
        /// Whether the tensor has a row, a column or an element for each id of the vocabulary.
        var dependsOnVocabulary: Bool {
            switch role {
            case .embeddings, .denseKernel, .denseBias: true
            case .recurrent: false
            }
        }
    }

    /// The offsets of one recurrent layer's three tensors; G gates, H units.
    package struct RecurrentLayer: Hashable, Sendable {
        /// Keras's name, such as `gru` or `gru_1`.
        package let name: String
        /// The width of the layer's input.
        package let inputDim: Int
        /// The offset of W: [in, G·H].
        package let kernel: Int
        /// The offset of U: [H, G·H].
        package let recurrentKernel: Int
        /// The offset of the bias: one or several rows of [G·H].
        package let bias: Int
    }

    /// The configuration of the model.
    public let configuration: ModelConfiguration
    /// All tensors in the order of the flat buffer.
    public let tensors: [Tensor]
    /// The offset of the embedding: [V, E].
    package let embeddings: Int
    /// The recurrent layers, from the input up.
    package let recurrent: [RecurrentLayer]
    /// The offset of the dense kernel: [H, V].
    package let denseKernel: Int
    /// The offset of the dense bias: [V].
    package let denseBias: Int
    /// The number of elements in the flat buffer, which is the model's parameter count.
    public let count: Int

    /// Lays out the parameters of a model.
    public init(_ configuration: ModelConfiguration) {
        let (cell, units) = (configuration.cell, configuration.rnnUnits)
        var tensors: [Tensor] = []
        var next = 0
        func place(_ role: Tensor.Role, _ name: String, _ shape: [Int]) -> Int {
            let tensor = Tensor(role: role, name: name, shape: shape, offset: next)
            tensors.append(tensor)
            next += tensor.count
            return tensor.offset
        }
        embeddings = place(
            .embeddings, "embedding.embeddings", [configuration.vocabularySize, configuration.embeddingDim])
        recurrent = (0..<configuration.layers).map { index in
            let inputDim = index == 0 ? configuration.embeddingDim : units
            func offset(_ tensor: Cell.Tensor) -> Int {
                place(
                    .recurrent(tensor, layer: index), cell.name(of: tensor, layer: index),
                    cell.shape(of: tensor, inputDim: inputDim, units: units))
            }
            return RecurrentLayer(
                name: cell.layerName(index), inputDim: inputDim, kernel: offset(.kernel),
                recurrentKernel: offset(.recurrentKernel), bias: offset(.bias))
        }
        denseKernel = place(.denseKernel, "dense.kernel", [units, configuration.vocabularySize])
        denseBias = place(.denseBias, "dense.bias", [configuration.vocabularySize])
        self.configuration = configuration
        self.tensors = tensors
        count = next
    }
}
