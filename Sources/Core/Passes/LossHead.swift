import CKernels

/// One worker's computation above the recurrent layers: logits, loss, and the loss's gradients with
/// respect to the logits and the top layer's h.
///
/// The tokens of a rank are divided into independent pieces, which workers take in any order.
///
/// The gradient with respect to the logits is needed twice: here and for the dense layer's weights.
/// If the tape doesn't store it, `LogitsPanels` recomputes it from each token's softmax.
///
/// N rows, H units, V vocabulary size.
final class LossHead: @unchecked Sendable {
    /// A range of tokens of one micro-batch, contiguous on the tape.
    struct Piece: Hashable {
        let microBatch: Int
        /// The tokens, counted from the micro-batch's first.
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
    /// The logits without the dense bias: [N, V].
    private let logits: AlignedBuffer<Float>
    /// The top layer's h in the products' format: [N, H]; nil if the tape's format is the same.
    private let states: OperandBuffer?
    /// d(loss)/d(logits): [N, V].
    private let gradient: OperandBuffer
    /// The products by number of rows.
    private let products: [Int: Products]
    /// The seconds that this worker has spent in the current step.
    private(set) var seconds = 0.0

    /// Prepares a worker's head; the weights must be packed for training.
    ///
    /// - Parameter pieces: all pieces that the worker may compute.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(pieces: [Piece], weights: PackedWeights, parameters: UnsafePointer<Float>, tape: Tape) throws {
        guard let transposed = weights.denseTransposed else {
            throw DTrainError(.internal, "the weights aren't packed for training; please report this")
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

    /// Divides a rank's tokens into pieces: enough pieces to balance the workers, with enough rows
    /// for fast products.
    static func pieces(_ batch: RankBatch, vocabularySize: Int, workers: Int) -> [Piece] {
        let most = max(minRows, min(maxRows, maxLogits / vocabularySize))
        let rows = min(most, max(minRows, batch.tokens / (turns * workers)))
        return (0..<batch.count).flatMap { microBatch in
            let tokens = batch.tokens(of: microBatch).count
            return stride(from: 0, to: tokens, by: rows).map {
                Piece(microBatch: microBatch, tokens: $0..<min(tokens, $0 + rows))
            }
        }
    }

    private static let (minRows, maxRows, turns) = (16, 64, 4)
    /// The most logits of a piece; a worker stores them and their gradient.
    private static let maxLogits = 1 << 21

    /// Starts a step.
    func begin() { seconds = 0 }

    /// Computes the loss of each token of a piece and its gradients, scaled to the mean over the
    /// global batch.
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

    /// Computes the cross-entropy of each token of a piece, without gradients.
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
            throw DTrainError(.internal, "no loss head for \(piece.tokens.count) tokens; please report this")
        }
        products.logits(operand(piece), weights.dense.bytes, logits.pointer)
        return products
    }

    /// Returns the top layer's h after each token of a piece, in the products' format.
    private func operand(_ piece: Piece) -> UnsafeRawPointer {
        let found = tape.topStates(of: piece.microBatch, from: piece.tokens.lowerBound)
        guard let states else { return UnsafeRawPointer(found) }
        states.pointer.update(from: found, count: piece.tokens.count * tape.units)
        for row in 0..<piece.tokens.count { states.round(row: row, columns: 0..<tape.units) }
        return states.bytes
    }
}
