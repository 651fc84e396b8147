extension Replica {
    /// A copy of one tensor's completed gradient, row-major; nil for an unknown name.
    func gradientTensor(_ name: String) -> [Float]? {
        guard let tensor = layout.tensors.first(where: { $0.name == name }) else { return nil }
        let range = tensor.offset..<tensor.offset + tensor.count
        if range.upperBound <= gradient.inputs.count { return Array(gradient.inputs.elements[range]) }
        var values = [Float](repeating: 0, count: tensor.count)
        values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for place in gradient.blocks.places where range.contains(place.matrix.offset) {
                place.unpack(gradient.sums.pointer, to: base + (place.matrix.offset - tensor.offset))
            }
        }
        return values
    }

    /// Multiplies every element of the completed gradient by `scale` and limits it to [−limit, limit].
    func clipGradient(scale: Float, limit: Float) throws {
        try pool.run { [self] _ in
            while let piece = pool.nextTask(below: gradientNorm.count) {
                gradientNorm.clip(piece: piece, scale: scale, limit: limit)
            }
        }
    }
}
