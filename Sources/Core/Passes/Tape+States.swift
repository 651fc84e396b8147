extension Tape {
    /// The masks of each layer in the current pass; nil if no units are dropped.
    var layerMasks: [LayerMasks]? { isDropping ? masks.map { layers.indices.map($0.layer) } : nil }

    /// Sets the states before the first token.
    ///
    /// - Parameter states: the states of the tape's rows; nil for zeros.
    func start(from states: CarriedStates?) {
        guard states != nil || continues else { return }
        continues = states != nil
        for (index, layer) in layers.enumerated() {
            let (from, width) = (states?.layers[index], cell.memoryUnits(units))
            for row in 0..<rankBatch.rows {
                let offsets = rankBatch.offsets(of: row)
                let first = offsets.firstState + offsets.token(0)
                Self.copy(from?.hidden, row: row, to: layer.hidden.pointer + first * units, count: units)
                Self.copy(from?.memory, row: row, to: layer.memory.pointer + first * width, count: width)
            }
        }
    }

    /// Copies the states after the last token.
    func copyLastStates(to states: CarriedStates) {
        for (index, kept) in states.layers.enumerated() {
            let (layer, width) = (layer(index), cell.memoryUnits(units))
            for row in 0..<rankBatch.rows {
                let offsets = rankBatch.offsets(of: row)
                let (hidden, memory) = (
                    layer.hidden(offsets, rankBatch.sequenceLength), layer.memory(offsets, rankBatch.sequenceLength)
                )
                (kept.hidden.pointer + row * units).update(from: hidden, count: units)
                (kept.memory.pointer + row * width).update(from: memory, count: width)
            }
        }
    }

    private static func copy(
        _ states: AlignedBuffer<Float>?, row: Int, to target: UnsafeMutablePointer<Float>, count: Int
    ) {
        guard let states else { return target.update(repeating: 0, count: count) }
        target.update(from: states.pointer + row * count, count: count)
    }
}
