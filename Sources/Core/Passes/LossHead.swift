import CKernels

/// A worker's part of a step behind the recurrent layers: logits, loss, and the loss's gradients by the logits and by the top layer's h.
///
/// The tokens of a rank are cut into pieces, which workers take as they come: no piece depends on another.
///
/// The gradient by the logits is needed twice: here, and for the dense layer's weights. Where the tape has no room for that of all
/// tokens it is computed again from what the tape keeps of each softmax (see `LogitsPanels`).
///
/// N rows, H units, V vocabulary.
final class LossHead: @unchecked Sendable {
    /// Some tokens of one micro-batch, which lie one after another on the tape.
    struct Piece: Hashable {
        let microBatch: Int
        /// Counted from the micro-batch's first.
        let tokens: Range<Int>
    }

    private struct Products {
        let logits: any WeightProduct
        /// gradient · denseᵀ.
        let back: any WeightProduct
    }

    private let tape: Tape
    private let weights: PackedWeights
    private let transposed: PackedMatrix
    private let bias: UnsafePointer<Float>
    /// Without the dense bias: [N, V].
    private let logits: AlignedBuffer<Float>
    /// The top layer's h in the products' format: [N, H]; nil where the tape has it so.
    private let states: OperandBuffer?
    /// d(loss)/d(logits): [N, V].
    private let gradient: OperandBuffer
    /// By the number of rows.
    private let products: [Int: Products]
    /// The seconds that this worker has spent in a step.
    private(set) var seconds = 0.0

    /// Prepares a worker's head; the weights must be packed for training.
    ///
    /// - Parameter pieces: all pieces that it may have to compute.
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(pieces: [Piece], weights: PackedWeights, parameters: UnsafePointer<Float>, tape: Tape) throws {
        guard let transposed = weights.denseTransposed else {
            throw DTrainError(.internal, "the weights aren't packed for training")
        }
        (self.tape, self.weights, self.transposed) = (tape, weights, transposed)
        bias = parameters + weights.layout.denseBias
        let (sizes, format) = (Set(pieces.map(\.tokens.count)), weights.products.format)
        let rows = sizes.max() ?? 0
        logits = try AlignedBuffer(count: rows * tape.vocabularySize)
        states = format == .fp32 ? nil : try OperandBuffer(rows: rows, columns: tape.units, format: format)
        gradient = try OperandBuffer(rows: rows, columns: tape.vocabularySize, format: format)
        products = try Dictionary(
            uniqueKeysWithValues: sizes.map {
                ($0, Products(logits: try weights.dense.product(rows: $0), back: try transposed.product(rows: $0)))
            })
    }

    /// Cuts a rank's tokens into pieces: enough for the workers to take turns, with rows enough for fast products.
    static func pieces(_ batch: RankBatch, vocabularySize: Int, workers: Int) -> [Piece] {
        let most = max(leastRows, min(mostRows, mostLogits / vocabularySize))
        let rows = min(most, max(leastRows, batch.tokens / (turns * workers)))
        return (0..<batch.count).flatMap { microBatch in
            let tokens = batch.tokens(of: microBatch).count
            return stride(from: 0, to: tokens, by: rows).map {
                Piece(microBatch: microBatch, tokens: $0..<min(tokens, $0 + rows))
            }
        }
    }

    private static let (leastRows, mostRows, turns) = (16, 64, 4)
    /// The most logits of a piece: a worker keeps them and their gradient.
    private static let mostLogits = 1 << 21

    /// Starts a step.
    func begin() { seconds = 0 }

    /// Computes the loss of each token of a piece, and its gradients, scaled to the mean over the global batch.
    ///
    /// - Throws: `DTrainError` with `internal` for a piece that the head wasn't prepared for.
    func run(_ piece: Piece, _ loss: RowLoss) throws {
        let start = Clock.seconds
        defer { seconds += Clock.seconds - start }
        let products = try computeLogits(piece)
        let (vocabularySize, scale) = (tape.vocabularySize, tape.rankBatch.lossScale)
        let before = tape.rankBatch.tokens(of: piece.microBatch).before
        for (row, index) in piece.tokens.enumerated() {
            let (token, ofRow) = (before + index, gradient.pointer + row * vocabularySize)
            tape.losses[token] = loss(
                logits.pointer + row * vocabularySize, bias: bias, count: vocabularySize,
                target: Int(tape.targets[token]), scale: scale, gradient: ofRow,
                softmax: tape.softmax.pointer + token)
            tape.storeLogitsGradient(of: index, microBatch: piece.microBatch, from: ofRow)
            gradient.round(row: row, columns: 0..<vocabularySize)
        }
        products.back(gradient.bytes, transposed.bytes, tape.outputGradient(from: before + piece.tokens.lowerBound))
    }

    /// Computes the cross-entropy of each token of a piece, and no gradient.
    ///
    /// - Throws: `DTrainError` with `internal` for a piece that the head wasn't prepared for.
    func measure(_ piece: Piece) throws {
        _ = try computeLogits(piece)
        let (vocabularySize, before) = (tape.vocabularySize, tape.rankBatch.tokens(of: piece.microBatch).before)
        for (row, index) in piece.tokens.enumerated() {
            tape.losses[before + index] = dtrain_softmax_cross_entropy(
                logits.pointer + row * vocabularySize, bias, Int64(vocabularySize),
                Int64(tape.targets[before + index]), 1, nil, nil)
        }
    }

    private func computeLogits(_ piece: Piece) throws -> Products {
        tape.heartbeat.beat()
        guard let products = products[piece.tokens.count] else {
            throw DTrainError(.internal, "no head for \(piece.tokens.count) tokens; please report this")
        }
        products.logits(operand(piece), weights.dense.bytes, logits.pointer)
        return products
    }

    /// The top layer's h after each of a piece's tokens.
    private func operand(_ piece: Piece) -> UnsafeRawPointer {
        let found = tape.topStates(of: piece.microBatch, from: piece.tokens.lowerBound)
        guard let states else { return UnsafeRawPointer(found) }
        states.pointer.update(from: found, count: piece.tokens.count * tape.units)
        for row in 0..<piece.tokens.count { states.round(row: row, columns: 0..<tape.units) }
        return states.bytes
    }
}
