/// Keras's initial values: embedding U(−0.05, 0.05); kernels Glorot uniform; recurrent kernels
/// orthogonal; the biases of recurrent layers the cell's, the dense bias 0.
package struct InitialValues: Sendable {
    /// The elements per task; even, because normal numbers are drawn in pairs.
    private static let pieceSize = 1 << 14

    private let parameters: AlignedBuffer<Float>
    private let pool: WorkerPool
    private let heartbeat: Heartbeat?

    /// Fills the flat parameters with values that depend only on the layout and the seed.
    ///
    /// - Parameters:
    ///   - parameters: the flat parameters, at least `layout.count` elements.
    ///   - layout: the tensors.
    ///   - seed: the random seed.
    ///   - pool: the workers that compute.
    ///   - heartbeat: beats during the computation.
    ///   - isWanted: whether to fill a tensor; its values don't depend on the other tensors.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    package static func fill(
        _ parameters: AlignedBuffer<Float>, layout: ParameterLayout, seed: UInt64, pool: WorkerPool,
        heartbeat: Heartbeat? = nil, where isWanted: (ParameterLayout.Tensor) -> Bool = { _ in true }
    ) throws {
        precondition(parameters.count >= layout.count, "the parameters must hold all tensors")
        let values = InitialValues(parameters: parameters, pool: pool, heartbeat: heartbeat)
        try withFlushedDenormals {
            for (part, tensor) in layout.tensors.enumerated() where isWanted(tensor) {
                try values.fill(tensor, TensorRandom(seed: seed, tensor: part), layout.configuration)
            }
        }
    }

    private func fill(
        _ tensor: ParameterLayout.Tensor, _ random: TensorRandom, _ configuration: ModelConfiguration
    ) throws {
        switch tensor.role {
        case .embeddings: try fillPieces(of: tensor) { random.uniform($0, from: $1, limit: 0.05) }
        case .recurrent(.kernel, _), .denseKernel:
            let limit = (6 / Float(tensor.shape[0] + tensor.shape[1])).squareRoot()
            try fillPieces(of: tensor) { random.uniform($0, from: $1, limit: limit) }
        case .recurrent(.recurrentKernel, _):
            try fillPieces(of: tensor) { random.normal($0, from: $1) }
            try OrthonormalRows(
                buffer: parameters, offset: tensor.offset, rows: tensor.shape[0], columns: tensor.shape[1],
                pool: pool, heartbeat: heartbeat
            ).compute()
        case .recurrent(.bias, _): fillBias(elements(of: tensor), configuration)
        case .denseBias: elements(of: tensor).update(repeating: 0)
        }
    }

    /// Sets each unit's biases to the gates' initial values.
    private func fillBias(_ values: UnsafeMutableBufferPointer<Float>, _ configuration: ModelConfiguration) {
        let units = configuration.rnnUnits
        for (index, value) in configuration.cell.initialBias.joined().enumerated() {
            values[index * units..<(index + 1) * units].update(repeating: value)
        }
    }

    private func elements(of tensor: ParameterLayout.Tensor) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: parameters.pointer + tensor.offset, count: tensor.count)
    }

    /// Calls `fill` on all workers with pieces of a tensor and the index of their first element.
    private func fillPieces(
        of tensor: ParameterLayout.Tensor, _ fill: @Sendable (UnsafeMutableBufferPointer<Float>, Int) -> Void
    ) throws {
        try pool.run { _ in
            while let piece = pool.nextTask(below: tensor.count.groups(of: Self.pieceSize)) {
                heartbeat?.beat()
                let first = piece * Self.pieceSize
                let end = min(first + Self.pieceSize, tensor.count)
                fill(UnsafeMutableBufferPointer(rebasing: elements(of: tensor)[first..<end]), first)
            }
        }
    }
}
