import CKernels

/// One worker's products and partial sums for the weight gradients.
final class PanelWorker {
    /// The shapes a product of hᵀ with a panel comes in.
    private struct Shape: Hashable {
        let sequences: Int
        let width: Int
    }

    private let tape: Tape
    private let slots: AlignedBuffer<Float>
    private let slotSize: Int
    private let products: [Shape: PanelProduct]

    init(tape: Tape, precision: Precision, slots: Int, slotSize: Int) throws {
        self.tape = tape
        self.slotSize = slotSize
        self.slots = try AlignedBuffer(count: slots * slotSize)
        let sizes = Set((0..<tape.shard.count).map { tape.shard.rows(of: $0).count })
        let widths = Set(
            [Panels(units: tape.units), Panels(units: tape.vocabularySize)].flatMap { panels in
                (0..<panels.count).map { panels.columns($0).count }
            })
        var products: [Shape: PanelProduct] = [:]
        for sequences in sizes {
            for width in widths {
                products[Shape(sequences: sequences, width: width)] = try PanelProduct(
                    units: tape.units, width: width, states: sequences * (tape.shard.sequenceLength + 1),
                    precision: precision)
            }
        }
        self.products = products
    }

    /// The partial sums in a slot: the task's targets one after another, each [rows][width].
    func slot(_ index: Int) -> UnsafeMutablePointer<Float> { slots.pointer + index * slotSize }

    /// Computes a task's sums over the tokens of one micro-batch.
    func leaf(_ task: PanelTask, microBatch: Int, slot: Int, transposed: [TransposedHidden]) throws {
        let product = try product(microBatch, width: task.width)
        let tokens = tape.shard.tokens(of: microBatch)
        let panel = tape.panel(task.source, microBatch: microBatch, panel: task.panel)
        let firstState = tape.shard.rows(of: microBatch).lowerBound * (tape.shard.sequenceLength + 1) * tape.units
        var sums = self.slot(slot)
        for target in task.targets {
            let count = target.rows * task.width
            switch target.factor {
            case .hiddenBefore(let layer):
                try product(transposed[layer].bytes(from: firstState), panel.byStateBefore, into: sums)
            case .hiddenAfter(let layer):
                try product(transposed[layer].bytes(from: firstState), panel.byStateAfter, into: sums)
            case .characters:
                sums.update(repeating: 0, count: count)
                dtrain_scatter_add(
                    Int64(tokens.count), Int64(task.width), panel.tokens, tape.inputs.pointer + tokens.before, sums)
            case .ones:
                sums.update(repeating: 0, count: count)
                dtrain_column_sums(Int64(tokens.count), Int64(task.width), panel.tokens, sums)
            }
            sums += count
        }
    }

    private func product(_ microBatch: Int, width: Int) throws -> PanelProduct {
        let sequences = tape.shard.rows(of: microBatch).count
        guard let product = products[Shape(sequences: sequences, width: width)] else {
            throw DTrainError(.internal, "no product for \(sequences) sequences and \(width) columns")
        }
        return product
    }
}
