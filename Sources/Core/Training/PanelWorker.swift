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
                    sequences: sequences, width: width, tape: tape, precision: precision)
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
        let panel =
            switch task.source {
            case .gates(let layer, let group):
                tape.panel(layer, microBatch: microBatch, group: group, panel: task.panel)
            case .logits: tape.logitsPanel(microBatch: microBatch, panel: task.panel)
            }
        try product.prepare(panel)
        var sums = self.slot(slot)
        for target in task.targets {
            let count = target.rows * task.width
            switch target.factor {
            case .hiddenBefore(let layer):
                let hidden = transposed[layer].bytes(from: firstState(microBatch))
                try product(hidden, panel, into: sums)
            case .hiddenAfter(let layer):
                // A sequence has one state more than tokens: "after" is the same matrix one time step on.
                let step = tape.shard.rows(of: microBatch).count
                try product(transposed[layer].bytes(from: firstState(microBatch) + step), panel, into: sums)
            case .characters:
                sums.update(repeating: 0, count: count)
                dtrain_scatter_add(
                    Int64(tokens.count), Int64(task.width), panel, tape.inputs.pointer + tokens.before, sums)
            case .ones:
                sums.update(repeating: 0, count: count)
                dtrain_column_sums(Int64(tokens.count), Int64(task.width), panel, sums)
            }
            sums += count
        }
    }

    private func firstState(_ microBatch: Int) -> Int {
        tape.shard.rows(of: microBatch).lowerBound * (tape.shard.sequenceLength + 1) * tape.units
    }

    private func product(_ microBatch: Int, width: Int) throws -> PanelProduct {
        let sequences = tape.shard.rows(of: microBatch).count
        guard let product = products[Shape(sequences: sequences, width: width)] else {
            throw DTrainError(.internal, "no product for \(sequences) sequences and \(width) columns")
        }
        return product
    }
}
