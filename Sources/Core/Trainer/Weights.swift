/// A model's weights by tensor name.
public struct Weights {
    let replica: Replica

    /// A copy of a tensor, row-major in its shape: `trainer.weights["gru.kernel"]`; nil for an
    /// unknown name.
    public subscript(name: String) -> [Float]? {
        guard let tensor = replica.layout.tensors.first(where: { $0.name == name }) else { return nil }
        return Array(replica.parameters.elements[tensor.offset..<tensor.offset + tensor.count])
    }
}
