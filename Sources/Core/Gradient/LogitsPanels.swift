import CKernels

/// Panels of d(loss)/d(logits) that are computed again from the states on the tape, as the head has computed them.
///
/// Logits are products of the same operands, each a sum in the same order, and what follows them is the same arithmetic, element
/// by element. So the bits are those of a tape that keeps the gradient.
///
/// H units, V vocabulary.
final class LogitsPanels: @unchecked Sendable {
    private let tape: Tape
    private let dense: PackedMatrix
    private let bias: UnsafePointer<Float>
    private let format: OperandFormat
    /// The top layer's h after each token, by micro-batch: [tokens, H] in the products' format; nil where the tape has them so.
    private let operands: AlignedBuffer<UInt16>?
    /// Bytes of a micro-batch's operand.
    private let operandBytes: Int

    /// Prepares for a tape.
    ///
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    init(_ tape: Tape, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
        self.tape = tape
        dense = weights.dense
        bias = parameters + weights.layout.denseBias
        format = weights.products.format
        let batch = tape.rankBatch
        operandBytes = format.bytes(rows: batch.microBatchSize * batch.sequenceLength, depth: tape.units)
        operands =
            format == .fp32
            ? nil : try AlignedBuffer(count: batch.count * operandBytes / MemoryLayout<UInt16>.stride)
    }

    /// Prepares the states of a micro-batch; all must be prepared before a panel is computed.
    func prepare(_ microBatch: Int) {
        guard let operands else { return }
        format.store(
            tape.topStates(of: microBatch), rows: tape.rankBatch.tokens(of: microBatch).count, depth: tape.units,
            to: UnsafeMutableRawPointer(operands.pointer) + microBatch * operandBytes)
    }

    /// Makes a worker's room for panels.
    func makeWorker() throws -> Worker { try Worker(self) }

    /// The top layer's h after each token of a micro-batch, as the products read it.
    private func operand(_ microBatch: Int) -> UnsafeRawPointer {
        guard let operands else { return UnsafeRawPointer(tape.topStates(of: microBatch)) }
        return UnsafeRawPointer(operands.pointer) + microBatch * operandBytes
    }

    /// One worker's panel at a time.
    final class Worker {
        private struct Shape: Hashable {
            let tokens: Int
            let width: Int
        }

        private let panels: LogitsPanels
        /// [tokens of a micro-batch][width].
        private let values: AlignedBuffer<Float>
        private let products: [Shape: any WeightProduct]

        fileprivate init(_ panels: LogitsPanels) throws {
            self.panels = panels
            let (tape, dense) = (panels.tape, panels.dense)
            let batch = tape.rankBatch
            let columns = Panels(units: tape.vocabularySize)
            var products: [Shape: any WeightProduct] = [:]
            for tokens in Set((0..<batch.count).map { batch.tokens(of: $0).count }) {
                for width in Set((0..<columns.count).map { columns.columns($0).count }) {
                    products[Shape(tokens: tokens, width: width)] = try dense.product(rows: tokens, width: width)
                }
            }
            self.products = products
            let tokens = products.keys.reduce(0) { max($0, $1.tokens) }
            values = try AlignedBuffer(count: tokens * Panels.widest, behind: TapePanel.behind)
        }

        /// Computes a panel, which is valid until the next one is.
        func panel(_ panel: Int, microBatch: Int) throws -> TapePanel {
            let tape = panels.tape
            let columns = Panels(units: tape.vocabularySize).columns(panel)
            let tokens = tape.rankBatch.tokens(of: microBatch)
            guard let product = products[Shape(tokens: tokens.count, width: columns.count)] else {
                throw DTrainError(.internal, "no product for \(tokens.count) tokens and \(columns.count) columns")
            }
            product(
                panels.operand(microBatch), panels.dense.bytes(fromColumn: columns.lowerBound), values.pointer)
            let scale = tape.rankBatch.lossScale
            for index in 0..<tokens.count {
                let token = tokens.before + index
                dtrain_softmax_gradient(
                    values.pointer + index * columns.count, panels.bias + columns.lowerBound, Int64(columns.count),
                    Int64(tape.targets[token]) - Int64(columns.lowerBound), scale, tape.softmax[token])
            }
            return TapePanel(
                tokens: values.pointer, rows: tokens.count, sequences: tape.rankBatch.rows(of: microBatch).count,
                width: columns.count)
        }
    }
}
