import CKernels

/// Panels of d(loss)/d(logits), recomputed from the states on the tape.
///
/// The bits equal those of `LossHead`: the products have the same operands and the same order of
/// summation, and each element's arithmetic is the same.
///
/// H units, V vocabulary size.
final class LogitsPanels: @unchecked Sendable {
    private let tape: Tape
    private let dense: PackedMatrix
    private let bias: UnsafePointer<Float>
    private let format: OperandFormat
    /// The top layer's h after each token, by micro-batch: [tokens, H] in the products' format; nil
    /// if the tape's format is the same.
    private let operands: AlignedBuffer<UInt16>?
    /// The bytes per micro-batch.
    private let operandBytes: Int

    /// Allocates the operands for a tape.
    ///
    /// - Throws: `DTrainError` with `internal` if memory runs out.
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

    /// Converts the states of a micro-batch; must be called for all micro-batches before a panel is
    /// computed.
    func prepare(_ microBatch: Int) {
        guard let operands else { return }
        format.store(
            tape.topStates(of: microBatch), rows: tape.rankBatch.tokens(of: microBatch).count, depth: tape.units,
            to: UnsafeMutableRawPointer(operands.pointer) + microBatch * operandBytes)
    }

    /// Creates a worker's buffers.
    func makeWorker() throws -> Worker { try Worker(self) }

    /// Returns the top layer's h after each token of a micro-batch, in the products' format.
    private func operand(_ microBatch: Int) -> UnsafeRawPointer {
        guard let operands else { return UnsafeRawPointer(tape.topStates(of: microBatch)) }
        return UnsafeRawPointer(operands.pointer) + microBatch * operandBytes
    }

    /// One worker's computation of panels, one at a time.
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
            values = try AlignedBuffer(count: tokens * Panels.maxWidth, padding: TapePanel.padding)
        }

        /// Computes a panel, which is valid until the next call.
        func panel(_ panel: Int, microBatch: Int) throws -> TapePanel {
            let tape = panels.tape
            let columns = Panels(units: tape.vocabularySize).columns(panel)
            let tokens = tape.rankBatch.tokens(of: microBatch)
            guard let product = products[Shape(tokens: tokens.count, width: columns.count)] else {
                throw DTrainError(
                    .internal, "no product for \(tokens.count) tokens and \(columns.count) columns; please report this")
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
