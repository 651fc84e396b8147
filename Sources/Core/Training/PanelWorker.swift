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
    private let products: [Shape: MatrixProduct]

    init(tape: Tape, slots: Int, slotSize: Int) throws {
        self.tape = tape
        self.slotSize = slotSize
        self.slots = try AlignedBuffer(count: slots * slotSize)
        let sizes = Set((0..<tape.shard.count).map { tape.shard.rows(of: $0).count })
        let widths = Set(
            [Panels(units: tape.units), Panels(units: tape.vocabularySize)].flatMap { panels in
                (0..<panels.count).map { panels.columns($0).count }
            })
        var products: [Shape: MatrixProduct] = [:]
        for sequences in sizes {
            for width in widths {
                products[Shape(sequences: sequences, width: width)] = try MatrixProduct(
                    rows: tape.units, columns: width, depth: sequences * tape.shard.sequenceLength,
                    a: .rows(stride: sequences * (tape.shard.sequenceLength + 1)), b: .rows(stride: width))
            }
        }
        self.products = products
    }

    /// The partial sums in a slot: the task's targets one after another, each [rows][width].
    func slot(_ index: Int) -> UnsafeMutablePointer<Float> { slots.pointer + index * slotSize }

    /// Computes a task's sums over the tokens of one micro-batch.
    func leaf(_ task: PanelTask, microBatch: Int, slot: Int, transposed: [AlignedBuffer<Float>]) throws {
        let tokens = tape.shard.tokens(of: microBatch)
        let panel =
            switch task.source {
            case .gates(let layer, let group):
                tape.panel(layer, microBatch: microBatch, group: group, panel: task.panel)
            case .logits: tape.logitsPanel(microBatch: microBatch, panel: task.panel)
            }
        var sums = self.slot(slot)
        for target in task.targets {
            let count = target.rows * task.width
            switch target.factor {
            case .hiddenBefore(let layer):
                try multiply(transposed[layer], after: false, microBatch, panel, task.width, into: sums)
            case .hiddenAfter(let layer):
                try multiply(transposed[layer], after: true, microBatch, panel, task.width, into: sums)
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

    /// hᵀ · panel; a sequence has one state more than tokens, so "after" is the same matrix one time step on.
    private func multiply(
        _ transposed: AlignedBuffer<Float>, after: Bool, _ microBatch: Int, _ panel: UnsafePointer<Float>, _ width: Int,
        into sums: UnsafeMutablePointer<Float>
    ) throws {
        let rows = tape.shard.rows(of: microBatch)
        guard let product = products[Shape(sequences: rows.count, width: width)] else {
            throw DTrainError(.internal, "no product for \(rows.count) sequences and \(width) columns")
        }
        let first = rows.lowerBound * (tape.shard.sequenceLength + 1) * tape.units
        try product(transposed.pointer + first + (after ? rows.count : 0), panel, sums)
    }
}
