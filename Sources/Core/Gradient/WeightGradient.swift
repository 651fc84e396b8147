import CKernels
import Synchronization

/// The gradients that are sums over tokens: of recurrent and input kernels, biases, the first
/// layer's table, and the dense layer.
///
/// Each is computed per micro-batch and summed in the order of the reduction tree. A task is one
/// column panel. A worker takes a task through all micro-batches of the rank and folds their sums
/// immediately, so the partial sums stay in its cache and no worker waits for another.
final class WeightGradient: @unchecked Sendable {
    private let tape: Tape
    private let gradient: GradientSums
    private let fold: ReductionTree.FoldPlan
    private let layers: [LayerStates]
    private let workers: [PanelWorker]
    private let pool: WorkerPool
    private let finished: FinishedBlocks
    private let pieces: PanelPieces
    private let lossSlots: AlignedBuffer<Float>
    private let foldRows: FoldRows
    private let logitsPanels: LogitsPanels?
    /// Each worker's buffer for a micro-batch's masked states; empty without recurrent dropout.
    private let maskedStates: [AlignedBuffer<Float>]

    /// Prepares the sums.
    ///
    /// - Parameters:
    ///   - tape: the tape with the states and the gradients of gates and logits.
    ///   - isStateful: whether the states before the first token may differ from zero.
    ///   - samplesInputs: whether inputs may be drawn, so that some numbered characters don't
    ///     occur.
    ///   - dropout: the kinds of dropout of the tape's passes.
    ///   - gradient: the gradient that receives the sums of all nodes of the fold.
    ///   - logitsPanels: recomputes the panels of d(loss)/d(logits) if the tape doesn't store them.
    ///   - products: the products of states with panels.
    ///   - fold: the plan that folds the rank's micro-batches into nodes of the tree.
    ///   - pool: the workers.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(
        tape: Tape, isStateful: Bool = false, samplesInputs: Bool = false,
        dropout: DropoutMasks.Use = DropoutMasks.Use(.none), gradient: GradientSums, logitsPanels: LogitsPanels?,
        products: any PanelProducts, fold: ReductionTree.FoldPlan, pool: WorkerPool
    ) throws {
        self.logitsPanels = logitsPanels
        self.tape = tape
        self.gradient = gradient
        self.fold = fold
        self.pool = pool
        let pieces = PanelPieces(
            tasks: gradient.tasks.count { $0.task.targets.contains(where: \.factor.isHidden) }, units: tape.units,
            workers: pool.count, rowStep: logitsPanels == nil ? products.rowStep : nil)
        self.pieces = pieces
        finished = FinishedBlocks(gradient.blocks, tasks: gradient.tasks.count, pieces: pieces.perTask)
        let layers = try tape.layers.indices.map { index in
            LayerStates(
                before: isStateful || dropout.isAny
                    ? try PackedStates(rankBatch: tape.rankBatch, units: tape.units, products: products) : nil,
                after: try PackedStates(
                    rankBatch: tape.rankBatch, units: tape.units, products: products,
                    reusing: index == tape.layers.count - 1 ? tape.outputGradients : nil))
        }
        let slotSize = gradient.tasks.map(\.task.count).max() ?? 0
        let foldRows = try FoldRows(fold, rankBatch: tape.rankBatch, tableRows: gradient.layout.tableRows)
        workers = try (0..<pool.count).map { _ in
            try PanelWorker(
                tape: tape, layers: layers, products: products, pieces: pieces, slots: max(fold.slotCount, 1),
                slotSize: slotSize, foldRows: foldRows, fillsRows: gradient.arePartial || samplesInputs,
                logitsPanels: logitsPanels)
        }
        self.foldRows = foldRows
        let masked =
            dropout.recurrent
            ? tape.rankBatch.microBatchSize * tape.rankBatch.sequenceLength * tape.units : 0
        maskedStates = try (0..<pool.count).map { _ in try AlignedBuffer(count: masked) }
        lossSlots = try AlignedBuffer(count: max(fold.slotCount, 1))
        self.layers = layers
    }

    /// Computes all sums from the tape's gradients, on all workers.
    ///
    /// - Parameter advance: a callback with the number of leading finished blocks; the calling
    ///   thread calls it after each micro-batch of its tasks.
    func run(_ advance: (Int) throws -> Void) throws {
        finished.reset()
        foldRows.update(tape.inputs.pointer)
        try pool.run(packStates)
        try pool.run { worker in
            try runTasks(on: worker) {}
        } onCallingThread: {
            sumLosses()
            try runTasks(on: 0) { try advance(finished.count) }
        }
    }

    /// Packs the states of all layers and micro-batches, dividing the work with the other workers.
    private func packStates(on worker: Int) {
        let (batch, masks) = (tape.rankBatch, tape.layerMasks)
        while let task = pool.nextTask(below: layers.count * batch.count) {
            let (layer, microBatch) = (task / batch.count, task % batch.count)
            let packed = layers[layer]
            packed.after.fill(microBatch, from: tape.outputs(layer: layer, of: microBatch))
            packed.before?.fill(
                microBatch, from: statesBefore(layer, microBatch, masks?[layer].recurrent, maskedStates[worker]))
            if layer == layers.count - 1 { logitsPanels?.prepare(microBatch) }
        }
    }

    /// Returns a layer's h before each of a micro-batch's tokens, as the recurrent product reads
    /// it: [tokens][H].
    ///
    /// - Parameters:
    ///   - mask: the mask of the recurrent operand; nil if no units are dropped.
    ///   - masked: a buffer for the result, if units are dropped.
    private func statesBefore(
        _ layer: Int, _ microBatch: Int, _ mask: LayerMasks.Mask?, _ masked: AlignedBuffer<Float>
    ) -> UnsafePointer<Float> {
        let (batch, units) = (tape.rankBatch, tape.units)
        let (rows, tokens) = (batch.rows(of: microBatch), batch.tokens(of: microBatch).count)
        let hidden = tape.layers[layer].hidden.pointer + batch.firstState(of: microBatch) * units
        guard let mask else { return UnsafePointer(hidden) }
        // Every time step has the same mask for all sequences.
        let count = rows.count * units
        for first in stride(from: 0, to: tokens * units, by: count) {
            mask.drop(at: rows.lowerBound * units, count: count, hidden + first, to: masked.pointer + first)
        }
        return UnsafePointer(masked.pointer)
    }

    /// Runs tasks until all are taken.
    ///
    /// - Parameters:
    ///   - index: the worker.
    ///   - didMultiply: a callback after each micro-batch of a task.
    private func runTasks(on index: Int, _ didMultiply: () throws -> Void) throws {
        let (worker, tasks) = (workers[index], gradient.tasks)
        let count = tasks.count * pieces.perTask
        while let next = pool.nextTask(below: count) {
            // Pieces take about the same time, so this is probably the worker's next one.
            let following = next + workers.count
            try run(
                pieces.piece(next), on: worker,
                following: following < count ? tasks[pieces.piece(following).task].task : nil, didMultiply)
        }
    }

    private func run(
        _ piece: PanelPieces.Piece, on worker: PanelWorker, following: PanelTask?, _ didMultiply: () throws -> Void
    ) throws {
        let placed = gradient.tasks[piece.task]
        let (task, segment) = (placed.task, placed.segment)
        for (index, step) in fold.steps.enumerated() {
            // A single node is stored in wire order; several are divided among the owners of their
            // parts.
            let isInPlace = step.completedNode != nil && fold.nodeCount == 1
            let out =
                isInPlace ? gradient.sums.pointer + segment.elements.lowerBound : worker.slot(step.target)
            let upcoming =
                index + 1 < fold.steps.count
                ? panel(task, fold.steps[index + 1]) : following.flatMap { panel($0, fold.steps[0]) }
            try worker.run(index, step, of: task, piece: piece.index, out: out, upcoming: upcoming)
            if !isInPlace, let node = step.completedNode { store(out, piece, of: placed, node: node) }
            try didMultiply()
        }
        finished.note(piece.task, segment)
    }

    /// Stores a piece's sums of one node of this rank.
    private func store(_ out: UnsafePointer<Float>, _ piece: PanelPieces.Piece, of placed: PlacedTask, node: Int) {
        let segment = placed.segment
        for run in pieces.sums(piece, of: placed.task) {
            let first = segment.elements.lowerBound + run.lowerBound
            let part = GradientBlocks.Segment(block: segment.block, elements: first..<first + run.count)
            gradient.store(out + run.lowerBound, part, node: node)
        }
    }

    private func panel(_ task: PanelTask, _ step: FoldStep) -> UnsafeBufferPointer<Float>? {
        tape.panel(task.source, microBatch: step.leaf, panel: task.panel)?.all
    }

    /// Computes the mean loss: sums each micro-batch's tokens in order, then along the tree.
    private func sumLosses() {
        let (slots, segment) = (lossSlots.pointer, gradient.blocks.lossSegment)
        let scale = 1 / Double(tape.rankBatch.batchSize * tape.rankBatch.sequenceLength)
        for step in fold.steps {
            let tokens = tape.rankBatch.tokens(of: step.leaf)
            var sum = 0.0
            for token in tokens.before..<tokens.before + tokens.count { sum += tape.losses[token] }
            var folded = Float(sum * scale)
            for addend in step.addends { folded = slots[addend] + folded }
            slots[step.target] = folded
            if let node = step.completedNode { gradient.store(slots + step.target, segment, node: node) }
        }
        finished.note(segment)
    }
}

/// The counts of unfinished tasks per block.
private final class FinishedBlocks: @unchecked Sendable {
    /// The unfinished tasks of each block.
    private let left: UnsafeMutableBufferPointer<Atomic<Int>>
    /// The unfinished pieces of each task.
    private let piecesLeft: UnsafeMutableBufferPointer<Atomic<Int>>
    private let pieces: Int
    private let blocks: GradientBlocks
    // Used by the calling thread alone.
    private var leading = 0

    init(_ blocks: GradientBlocks, tasks: Int, pieces: Int) {
        (self.blocks, self.pieces) = (blocks, pieces)
        left = .allocate(capacity: blocks.blockCount)
        piecesLeft = .allocate(capacity: tasks)
        for counts in [left, piecesLeft] {
            for index in counts.indices { counts.initializeElement(at: index, to: Atomic(0)) }
        }
    }

    deinit {
        for counts in [left, piecesLeft] {
            counts.deinitialize()
            counts.deallocate()
        }
    }

    /// Starts a step: all tasks are unfinished.
    func reset() {
        leading = 0
        for index in left.indices { left[index].store(blocks.taskCount(of: index), ordering: .relaxed) }
        for index in piecesLeft.indices { piecesLeft[index].store(pieces, ordering: .relaxed) }
    }

    /// Records that the sums of a piece of a task are stored.
    func note(_ task: Int, _ segment: GradientBlocks.Segment) {
        let isLast = piecesLeft[task].subtract(1, ordering: .acquiringAndReleasing).newValue == 0
        if isLast { note(segment) }
    }

    /// Records that a task's sums are stored.
    func note(_ segment: GradientBlocks.Segment) {
        left[segment.block].subtract(1, ordering: .releasing)
    }

    /// The number of leading blocks whose tasks are all finished.
    var count: Int {
        while leading < left.count, left[leading].load(ordering: .acquiring) == 0 { leading += 1 }
        return leading
    }
}
