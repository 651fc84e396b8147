import CKernels

/// The gradients that are sums over tokens: recurrent and input kernels, biases, the first layer's table, the dense layer.
///
/// Each is computed per micro-batch and added up in the order of the reduction tree. A task is one column panel; the worker that
/// takes it goes through all micro-batches of the rank, folding as it goes, so that the partial sums stay in its cache and
/// no worker waits for another.
final class WeightGradient: @unchecked Sendable {
    private let tape: Tape
    private let layout: GradientLayout
    private let fold: ReductionTree.FoldPlan
    private let tasks: [PanelTask]
    private let transposed: [TransposedHidden]
    private let workers: [PanelWorker]
    private let pool: WorkerPool
    private let nodes: UnsafeMutablePointer<Float>
    private let lossSlots: AlignedBuffer<Float>
    private var transposeWork: WorkerPool.Work = { _ in }
    private var foldWork: WorkerPool.Work = { _ in }

    /// Prepares the sums.
    ///
    /// - Parameters:
    ///   - fold: how the rank's micro-batches are folded into nodes of the tree.
    ///   - nodes: receives a vector of `layout.summed.count` elements for each node of the fold, one after another.
    init(
        tape: Tape, layout: GradientLayout, precision: Precision, fold: ReductionTree.FoldPlan,
        nodes: UnsafeMutablePointer<Float>, pool: WorkerPool
    ) throws {
        self.tape = tape
        self.layout = layout
        self.fold = fold
        self.nodes = nodes
        self.pool = pool
        tasks = PanelTask.all(layout.parameters)
        transposed = try tape.layers.map { try TransposedHidden(count: $0.hidden.count, precision: precision) }
        let scratch = tasks.map(\.scratch).max() ?? 0
        workers = try (0..<pool.count).map { _ in
            try PanelWorker(tape: tape, precision: precision, slots: max(fold.slotCount, 1), slotSize: scratch)
        }
        lossSlots = try AlignedBuffer(count: max(fold.slotCount, 1))
        prepareWork()
    }

    /// Computes all sums from the tape's gradients, on all workers.
    func run() throws {
        try pool.run(transposeWork)
        try pool.run(foldWork)
    }

    private func prepareWork() {
        let transposes = tape.layers.count * tape.shard.count
        transposeWork = { [unowned self] _ in
            while let task = pool.nextTask(below: transposes) {
                transpose(layer: task / tape.shard.count, microBatch: task % tape.shard.count)
            }
        }
        foldWork = { [unowned self] worker in
            while let task = pool.nextTask(below: tasks.count) { try run(tasks[task], on: workers[worker]) }
            if worker == 0 { sumLosses() }
        }
    }

    private func transpose(layer: Int, microBatch: Int) {
        let rows = tape.shard.rows(of: microBatch)
        let states = rows.count * (tape.shard.sequenceLength + 1)
        let offset = rows.lowerBound * (tape.shard.sequenceLength + 1) * tape.units
        transposed[layer].transpose(
            tape.layers[layer].hidden.pointer + offset, states: states, units: tape.units, offset: offset)
    }

    private func run(_ task: PanelTask, on worker: PanelWorker) throws {
        for operation in fold.operations {
            switch operation {
            case .leaf(let index, let slot):
                let leaf = index - tape.shard.microBatches.lowerBound
                try worker.leaf(task, microBatch: leaf, slot: slot, transposed: transposed)
            case .add(let addition):
                dtrain_add(Int64(task.scratch), worker.slot(addition.source), worker.slot(addition.target))
            }
        }
        for node in fold.nodes.indices {
            task.store(worker.slot(node), to: nodes + node * layout.summed.count - layout.summed.lowerBound, layout)
        }
    }

    /// The mean loss: each micro-batch's tokens in order, then the tree.
    private func sumLosses() {
        let slots = lossSlots.pointer
        let scale = 1 / Double(tape.shard.batchSize * tape.shard.sequenceLength)
        for operation in fold.operations {
            switch operation {
            case .leaf(let index, let slot):
                let tokens = tape.shard.tokens(of: index - tape.shard.microBatches.lowerBound)
                var sum = 0.0
                for token in tokens.before..<tokens.before + tokens.count { sum += tape.losses[token] }
                slots[slot] = Float(sum * scale)
            case .add(let addition):
                slots[addition.target] += slots[addition.source]
            }
        }
        for node in fold.nodes.indices {
            (nodes + node * layout.summed.count)[layout.loss - layout.summed.lowerBound] = slots[node]
        }
    }
}
