import CKernels
import Synchronization

/// The gradients that are sums over tokens: recurrent and input kernels, biases, the first layer's table, the dense layer.
///
/// Each is computed per micro-batch and added up in the order of the reduction tree. A task is one column panel; the worker that
/// takes it goes through all micro-batches of the rank, folding as it goes, so that the partial sums stay in its cache and
/// no worker waits for another.
final class WeightGradient: @unchecked Sendable {
    private let tape: Tape
    private let gradient: GradientSums
    private let fold: ReductionTree.FoldPlan
    private let tasks: [PanelTask]
    private let leaves: [FoldStep]
    private let hidden: [PackedStates]
    private let workers: [PanelWorker]
    private let pool: WorkerPool
    private let finished: FinishedBlocks
    private var advance: (Int) throws -> Void = { _ in }
    private let lossSlots: AlignedBuffer<Float>
    private var operandWork: WorkerPool.Work = { _ in }
    private var foldWork: WorkerPool.Work = { _ in }

    /// Prepares the sums.
    ///
    /// - Parameters:
    ///   - gradient: receives the sums of all nodes of the fold.
    ///   - fold: how the rank's micro-batches are folded into nodes of the tree.
    init(
        tape: Tape, gradient: GradientSums, products: any PanelProducts, fold: ReductionTree.FoldPlan, pool: WorkerPool
    ) throws {
        self.tape = tape
        self.gradient = gradient
        self.fold = fold
        finished = FinishedBlocks(gradient.blocks)
        self.pool = pool
        tasks = PanelTask.all(gradient.layout.parameters)
        leaves = FoldStep.all(fold, first: tape.rankBatch.microBatches.lowerBound)
        hidden = try tape.layers.map { _ in
            try PackedStates(rankBatch: tape.rankBatch, units: tape.units, products: products)
        }
        let scratch = tasks.map(\.scratch).max() ?? 0
        workers = try (0..<pool.count).map { _ in
            try PanelWorker(tape: tape, products: products, slots: max(fold.slotCount, 1), slotSize: scratch)
        }
        lossSlots = try AlignedBuffer(count: max(fold.slotCount, 1))
        prepareWork()
    }

    /// Computes all sums from the tape's gradients, on all workers.
    ///
    /// - Parameter advance: is told by the calling thread, after each of its products, how many blocks are finished.
    func run(_ advance: (Int) throws -> Void) throws {
        finished.reset()
        try pool.run(operandWork)
        try withoutActuallyEscaping(advance) { advance in
            self.advance = advance
            defer { self.advance = { _ in } }
            try pool.run(foldWork)
        }
    }

    private func prepareWork() {
        let operands = tape.layers.count * tape.rankBatch.count
        operandWork = { [unowned self] _ in
            while let task = pool.nextTask(below: operands) {
                prepareOperand(layer: task / tape.rankBatch.count, microBatch: task % tape.rankBatch.count)
            }
        }
        foldWork = { [unowned self] worker in
            if worker == 0 { sumLosses() }
            while let task = pool.nextTask(below: tasks.count) { try run(task, on: worker) }
        }
    }

    private func prepareOperand(layer: Int, microBatch: Int) {
        let sequences = tape.rankBatch.rows(of: microBatch)
        // The states before the first token are zero and add nothing.
        let firstState = sequences.lowerBound * (tape.rankBatch.sequenceLength + 1) + sequences.count
        hidden[layer].fill(microBatch, from: tape.layers[layer].hidden.pointer + firstState * tape.units)
    }

    private func run(_ index: Int, on workerIndex: Int) throws {
        let (task, worker) = (tasks[index], workers[workerIndex])
        // Tasks take about the same time, so the workers take turns.
        let next = index + workers.count
        let (blocks, nodeCount) = (gradient.blocks, gradient.nodeCount)
        for (place, leaf) in leaves.enumerated() {
            // A single node lies in wire order; several are divided among the owners of their parts.
            let isInPlace = leaf.completes != nil && nodeCount == 1
            let out =
                isInPlace ? gradient.sums.pointer + blocks.elements(ofTask: index).lowerBound : worker.slot(leaf.target)
            let upcoming =
                place + 1 < leaves.count
                ? panel(task, leaves[place + 1]) : next < tasks.count ? panel(tasks[next], leaves[0]) : nil
            try worker.run(leaf, of: task, hidden: hidden, out: out, upcoming: upcoming)
            if !isInPlace, let node = leaf.completes {
                blocks.store(out, task: index, node: node, of: nodeCount, to: gradient.sums.pointer)
            }
            // Whoever moves the blocks may use one thread alone.
            if workerIndex == 0 { try advance(finished.count) }
        }
        finished.note(task: index)
    }

    private func panel(_ task: PanelTask, _ leaf: FoldStep) -> UnsafeBufferPointer<Float> {
        tape.panel(task.source, microBatch: leaf.microBatch, panel: task.panel).all
    }

    /// The mean loss: each micro-batch's tokens in order, then the tree.
    private func sumLosses() {
        let slots = lossSlots.pointer
        let scale = 1 / Double(tape.rankBatch.batchSize * tape.rankBatch.sequenceLength)
        for operation in fold.operations {
            switch operation {
            case .leaf(let index, let slot):
                let tokens = tape.rankBatch.tokens(of: index - tape.rankBatch.microBatches.lowerBound)
                var sum = 0.0
                for token in tokens.before..<tokens.before + tokens.count { sum += tape.losses[token] }
                slots[slot] = Float(sum * scale)
            case .add(let addition):
                slots[addition.target] += slots[addition.source]
            }
        }
        for node in fold.nodes.indices {
            gradient.blocks.store(
                slots + node, task: gradient.blocks.lossTask, node: node, of: gradient.nodeCount,
                to: gradient.sums.pointer)
        }
        finished.note(task: gradient.blocks.lossTask)
    }
}

/// Counts the tasks that are done, to know which blocks are.
private final class FinishedBlocks: @unchecked Sendable {
    /// Tasks still to be done, for each block.
    private let left: UnsafeMutableBufferPointer<Atomic<Int>>
    private let blocks: GradientBlocks
    // Of the calling thread alone.
    private var leading = 0

    init(_ blocks: GradientBlocks) {
        self.blocks = blocks
        left = .allocate(capacity: blocks.blockCount)
        for index in left.indices { left.initializeElement(at: index, to: Atomic(0)) }
    }

    deinit {
        left.deinitialize()
        left.deallocate()
    }

    func reset() {
        leading = 0
        for index in left.indices { left[index].store(blocks.tasks(of: index).count, ordering: .relaxed) }
    }

    /// Notes that a task's sums are where they travel from.
    func note(task: Int) {
        left[blocks.block(ofTask: task)].subtract(1, ordering: .releasing)
    }

    /// How many blocks are finished without a gap.
    var count: Int {
        while leading < left.count, left[leading].load(ordering: .acquiring) == 0 { leading += 1 }
        return leading
    }
}
