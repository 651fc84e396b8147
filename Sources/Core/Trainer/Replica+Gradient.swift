extension Replica {
    /// A copy of one tensor's completed gradient, row-major; nil for an unknown name.
    func gradientTensor(_ name: String) -> [Float]? {
        guard let tensor = layout.tensors.first(where: { $0.name == name }) else { return nil }
        return gradient.values(of: tensor)
    }

    /// Multiplies every element of the completed gradient by `scale` and clips it to [−limit,
    /// limit].
    ///
    /// - Returns: the norm over all parameters that aren't frozen, afterwards.
    func clipGradient(scale: Float, limit: Float) throws -> Double {
        try pool.run { [self] _ in
            while let piece = pool.nextTask(below: gradientNorm.count) {
                gradientNorm.clip(piece: piece, scale: scale, limit: limit)
                gradientNorm.run(piece: piece)
            }
        }
        return gradientNorm.value
    }
}
