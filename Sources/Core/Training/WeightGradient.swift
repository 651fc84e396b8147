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
    private let leaves: [FoldLeaf]
    private let hidden: [HiddenOperand]
    private let workers: [PanelWorker]
    private let pool: WorkerPool
    private let nodes: UnsafeMutablePointer<Float>
    private let lossSlots: AlignedBuffer<Float>
    private var operandWork: WorkerPool.Work = { _ in }
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
        leaves = FoldLeaf.all(fold, first: tape.shard.microBatches.lowerBound)
        hidden = try tape.layers.map { _ in
            try HiddenOperand(shard: tape.shard, units: tape.units, precision: precision)
        }
        let scratch = tasks.map(\.scratch).max() ?? 0
        workers = try (0..<pool.count).map { _ in
            try PanelWorker(tape: tape, precision: precision, slots: max(fold.slotCount, 1), slotSize: scratch)
        }
        lossSlots = try AlignedBuffer(count: max(fold.slotCount, 1))
        prepareWork()
    }

    /// Computes all sums from the tape's gradients, on all workers.
    func run() throws {
        try pool.run(operandWork)
        try pool.run(foldWork)
    }

    private func prepareWork() {
        let operands = tape.layers.count * tape.shard.count
        operandWork = { [unowned self] _ in
            while let task = pool.nextTask(below: operands) {
                prepareOperand(layer: task / tape.shard.count, microBatch: task % tape.shard.count)
            }
        }
        foldWork = { [unowned self] worker in
            while let task = pool.nextTask(below: tasks.count) { try run(task, on: workers[worker]) }
            if worker == 0 { sumLosses() }
        }
    }

    private func prepareOperand(layer: Int, microBatch: Int) {
        let firstState = tape.shard.rows(of: microBatch).lowerBound * (tape.shard.sequenceLength + 1)
        hidden[layer].fill(microBatch, from: tape.layers[layer].hidden.pointer + firstState * tape.units)
    }

    private func run(_ index: Int, on worker: PanelWorker) throws {
        let task = tasks[index]
        // Tasks take about the same time, so the workers take turns.
        let next = index + workers.count
        for (place, leaf) in leaves.enumerated() {
            let node = leaf.completes.map {
                NodeVector(summed: nodes + $0 * layout.summed.count, first: layout.summed.lowerBound)
            }
            let upcoming =
                place + 1 < leaves.count
                ? panel(task, leaves[place + 1]) : next < tasks.count ? panel(tasks[next], leaves[0]) : nil
            try worker.run(leaf, of: task, hidden: hidden, node: node, upcoming: upcoming)
        }
    }

    private func panel(_ task: PanelTask, _ leaf: FoldLeaf) -> UnsafeBufferPointer<Float> {
        tape.panel(task.source, microBatch: leaf.microBatch, panel: task.panel).all
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

/// The finished sums of one node of the tree, in the order of the gradient.
struct NodeVector {
    /// The elements that are sums over micro-batches.
    let summed: UnsafeMutablePointer<Float>
    /// The first one's place in the gradient.
    let first: Int

    /// Where a target's first row goes.
    func start(of target: PanelTask.Target) -> UnsafeMutablePointer<Float> { summed + (target.offset - first) }
}
