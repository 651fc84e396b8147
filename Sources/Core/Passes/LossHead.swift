import CKernels

/// The part of a worker's pass behind the logits: the loss, and its gradients by the logits and by the top layer's h.
///
/// The gradient by the logits is needed twice: here, and for the dense layer's weights. Where the tape has no room for that of all
/// tokens it is computed again from what the tape keeps of each softmax (see `LogitsPanels`).
///
/// N rows, H units, V vocabulary.
final class LossHead {
    private let rows: Range<Int>
    private let places: [RowPlace]
    private let tape: Tape
    private let weights: PackedWeights
    private let bias: UnsafePointer<Float>
    /// d(loss)/d(logits): [N, V].
    private let gradient: OperandBuffer
    /// gradient · denseᵀ.
    private let product: any WeightProduct

    /// Prepares the head for some rows of the rank; the weights must be packed for training.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(rows: Range<Int>, weights: PackedWeights, parameters: UnsafePointer<Float>, tape: Tape) throws {
        guard let transposed = weights.denseTransposed else {
            throw DTrainError(.internal, "the weights aren't packed for training")
        }
        self.rows = rows
        self.weights = weights
        self.tape = tape
        places = rows.map(tape.rankBatch.place)
        bias = parameters + weights.layout.denseBias
        gradient = try OperandBuffer(
            rows: rows.count, columns: tape.vocabularySize, format: weights.products.format)
        product = try transposed.product(rows: rows.count)
    }

    /// Computes the loss of each row at a time step, and its gradients, scaled to the mean over the global batch.
    ///
    /// - Parameter logits: [N, V] without bias; scratch afterwards.
    func run(_ time: Int, logits: UnsafeMutablePointer<Float>, _ loss: RowLoss) throws {
        let (vocabularySize, scale) = (tape.vocabularySize, tape.rankBatch.lossScale)
        for (row, place) in places.enumerated() {
            let token = place.firstToken + place.token(time)
            let ofRow = gradient.pointer + row * vocabularySize
            tape.losses[token] = loss(
                logits + row * vocabularySize, bias: bias, count: vocabularySize, target: Int(tape.targets[token]),
                scale: scale, gradient: ofRow, softmax: tape.softmax.pointer + token)
            tape.storeLogitsGradient(place, time, from: ofRow)
            gradient.round(row: row, columns: 0..<vocabularySize)
        }
        guard let transposed = weights.denseTransposed else { return }
        try product(gradient.bytes, transposed.bytes, tape.outputGradient(rows, time))
    }
}
