extension Trainer {
    /// Gathers the states of all ranks' sequences after the last applied batch; nil unless the
    /// trainer is stateful.
    ///
    /// Collective: every rank gets all states.
    package func gatherStates() throws -> StreamStates? {
        guard let carried = replica.states else { return nil }
        let own = carried.tensors(model.cell).flatMap { Array($0.elements) }
        let all = try ranks.allGather(own.withUnsafeBytes { Array($0) })
        var states = StreamStates(model, batchSize: shape.batchSize)
        var first = 0
        for bytes in all {
            let values = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
            let rows = values.count / max(1, states.tensors.count * states.units)
            states.copy(values, to: first..<first + rows)
            first += rows
        }
        return states
    }

    /// Sets each rank's states to its part of rank 0's states.
    ///
    /// Collective; does nothing unless the trainer is stateful.
    ///
    /// - Parameter states: the states of all sequences, used on rank 0 only; nil stands for zeros.
    package func scatter(_ states: StreamStates?) throws {
        guard let carried = replica.states else { return }
        var all = states ?? StreamStates(model, batchSize: shape.batchSize)
        try all.values.withUnsafeMutableBytes { try ranks.broadcast($0) }
        let sequences = replica.configuration.rankBatch.sequences
        for (index, target) in carried.tensors(model.cell).enumerated() {
            for (place, element) in all.range(tensor: index, sequences: sequences).enumerated() {
                target[place] = all.values[element]
            }
        }
    }
}

extension CarriedStates {
    /// The tensors in the order of `StreamStates`: layer by layer, h before the cell state.
    fileprivate func tensors(_ cell: Cell) -> [AlignedBuffer<Float>] {
        layers.flatMap { cell.hasMemory ? [$0.hidden, $0.memory] : [$0.hidden] }
    }
}

extension StreamStates {
    /// Copies the states of some sequences, given tensor by tensor.
    fileprivate mutating func copy(_ part: [Float], to sequences: Range<Int>) {
        let size = sequences.count * units
        for index in tensors.indices {
            values.replaceSubrange(
                range(tensor: index, sequences: sequences), with: part[index * size..<(index + 1) * size])
        }
    }
}
