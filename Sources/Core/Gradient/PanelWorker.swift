import CKernels

/// A layer's packed states.
struct LayerStates {
    /// The states before each token; nil if those before the first token are zero.
    ///
    /// The others are in `after`.
    let before: PackedStates?
    /// The states after each token.
    let after: PackedStates
}

/// One worker's products and partial sums for the weight gradients.
final class PanelWorker {
    /// The shape of a product of hᵀ with a panel.
    private struct Shape: Hashable {
        let units: Int
        let sequences: Int
        /// The number of summed tokens per sequence.
        let tokens: Int
        let width: Int
    }

    private let tape: Tape
    private let layers: [LayerStates]
    private let slots: AlignedBuffer<Float>
    private let slotSize: Int
    private let products: [Shape: any PanelProduct]
    private let panelProducts: any PanelProducts
    private let pieces: PanelPieces
    private let addends: AlignedBuffer<UnsafePointer<Float>?>
    /// The rows of sums per character.
    private let foldRows: FoldRows
    /// Recomputes the panels that the tape doesn't store.
    private let logitsPanels: LogitsPanels.Worker?
    /// Whether rows that don't occur in a node's sum are stored as zeros.
    private let fillsRows: Bool

    /// Prepares a worker.
    ///
    /// - Parameters:
    ///   - layers: the states of each recurrent layer, from the input up.
    ///   - pieces: the division of tasks into pieces.
    ///   - slots: the number of slots for partial sums.
    ///   - slotSize: the largest number of sums of a task.
    ///   - foldRows: the rows of sums per character.
    ///   - fillsRows: whether rows that don't occur in a node's sum are stored as zeros.
    ///   - logitsPanels: recomputes the panels that the tape doesn't store.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(
        tape: Tape, layers: [LayerStates], products panelProducts: any PanelProducts, pieces: PanelPieces, slots: Int,
        slotSize: Int, foldRows: FoldRows, fillsRows: Bool, logitsPanels: LogitsPanels?
    ) throws {
        (self.foldRows, self.fillsRows) = (foldRows, fillsRows)
        self.pieces = pieces
        self.logitsPanels = try logitsPanels?.makeWorker()
        self.tape = tape
        self.layers = layers
        self.slotSize = slotSize
        self.slots = try AlignedBuffer(count: slots * slotSize)
        addends = try AlignedBuffer(count: slots)
        let sizes = Set((0..<tape.rankBatch.count).map { tape.rankBatch.rows(of: $0).count })
        let widths = Set(
            [Panels(units: tape.units), Panels(units: tape.vocabularySize)].flatMap { panels in
                (0..<panels.count).map { panels.columns($0).count }
            })
        var products: [Shape: any PanelProduct] = [:]
        let parts = Set((0..<pieces.perTask).map { pieces.rows($0, of: tape.units).count })
        for (units, sequences) in parts.flatMap({ units in sizes.map { (units, $0) } }) {
            for (width, skipped) in widths.flatMap({ [($0, 0), ($0, 1)] }) {
                let tokens = tape.rankBatch.sequenceLength - skipped
                let shape = Shape(units: units, sequences: sequences, tokens: tokens, width: width)
                products[shape] = try panelProducts.product(
                    units: units, width: width, states: sequences * tokens,
                    of: sequences * tape.rankBatch.sequenceLength)
            }
        }
        self.products = products
        self.panelProducts = panelProducts
    }

    /// Computes the sums of a task's piece over the tokens of one micro-batch and folds them.
    ///
    /// A slot holds the task's targets one after another, each [rows][width].
    ///
    /// - Parameters:
    ///   - number: the index of the fold step.
    ///   - step: the micro-batch's fold step.
    ///   - task: the task.
    ///   - piece: the piece's index in the task.
    ///   - out: receives the sums, laid out as a slot.
    ///   - upcoming: the panel that this worker will read next.
    func run(
        _ number: Int, _ step: FoldStep, of task: PanelTask, piece: Int, out: UnsafeMutablePointer<Float>,
        upcoming: UnsafeBufferPointer<Float>?
    ) throws {
        let panel = try panel(task, microBatch: step.leaf)
        var offset = 0
        let firstProduct = task.targets.firstIndex { $0.factor.isHidden }
        for (index, target) in task.targets.enumerated() {
            defer { offset += target.rows * task.width }
            let rows = pieces.rows(of: target, piece)
            guard !rows.isEmpty else { continue }
            var sums = sums(step, offset + rows.lowerBound * task.width, out)
            if index == task.targets.count - 1 { sums.upcoming = upcoming }
            if index == firstProduct {
                // In place: the panel has no later reader.
                panelProducts.preparePanel(UnsafeMutableBufferPointer(start: panel.tokens, count: panel.all.count))
            }
            if target.factor == .characters {
                addCharacters(target, panel, number, step, sums)
            } else {
                try add(target, rows, panel, microBatch: step.leaf, sums)
            }
        }
    }

    /// Returns the partial sums in a slot.
    func slot(_ index: Int) -> UnsafeMutablePointer<Float> { slots.pointer + index * slotSize }

    private func sums(_ step: FoldStep, _ offset: Int, _ out: UnsafeMutablePointer<Float>) -> FoldDestination {
        for (index, addend) in step.addends.enumerated() { addends[index] = UnsafePointer(slot(addend) + offset) }
        return FoldDestination(
            scratch: slot(step.slot) + offset,
            addends: UnsafeBufferPointer(start: addends.pointer, count: step.addends.count), out: out + offset)
    }

    private func panel(_ task: PanelTask, microBatch: Int) throws -> TapePanel {
        if let kept = tape.panel(task.source, microBatch: microBatch, panel: task.panel) { return kept }
        guard let logitsPanels else {
            throw DTrainError(.internal, "the tape has no panels of \(task.source); please report this")
        }
        return try logitsPanels.panel(task.panel, microBatch: microBatch)
    }

    private func add(
        _ target: PanelTask.Target, _ rows: Range<Int>, _ panel: TapePanel, microBatch: Int, _ sums: FoldDestination
    ) throws {
        let width = panel.width
        switch target.factor {
        case .hiddenBefore(let layer):
            if let before = layers[layer].before {
                let product = try self.product(rows.count, microBatch, width: width, skipped: 0)
                return product(before.bytes(microBatch, from: rows.lowerBound), panel.tokens, sums)
            }
            // The state before a token is the state after the previous token.
            let product = try self.product(rows.count, microBatch, width: width, skipped: 1)
            return product(layers[layer].after.bytes(microBatch, from: rows.lowerBound), panel.afterFirst, sums)
        case .hiddenAfter(let layer):
            let product = try self.product(rows.count, microBatch, width: width, skipped: 0)
            return product(layers[layer].after.bytes(microBatch, from: rows.lowerBound), panel.tokens, sums)
        case .ones:
            sums.scratch.update(repeating: 0, count: width)
            dtrain_column_sums(Int64(panel.rows), Int64(width), panel.tokens, sums.scratch)
            sums.fold(rows: 1, width: width)
        case .characters: break
        }
    }

    /// Computes the sums per character of a micro-batch and folds them, for the rows that occur.
    ///
    /// A row in only one of two sums is added to zero. So the bits equal those of dense sums, which
    /// other ranks may compute.
    private func addCharacters(
        _ target: PanelTask.Target, _ panel: TapePanel, _ number: Int, _ step: FoldStep, _ sums: FoldDestination
    ) {
        let tokens = tape.rankBatch.tokens(of: step.leaf)
        let width = panel.width
        let own = sums.addends.isEmpty ? sums.out : sums.scratch
        for row in foldRows.leaf(ofStep: number).elements {
            (own + Int(row) * width).update(repeating: 0, count: width)
        }
        dtrain_scatter_add(
            Int64(tokens.count), Int64(width), panel.tokens, tape.inputs.pointer + tokens.before, own)
        for (index, addend) in sums.addends.enumerated() {
            let (left, right) = (
                foldRows.sum(ofStep: number, addends: index), foldRows.addend(index, ofStep: number)
            )
            dtrain_add_rows(
                Int64(width), own, left.rows, Int64(left.count), addend, right.rows, Int64(right.count),
                index + 1 == sums.addends.count ? sums.out : own)
        }
        if fillsRows, step.completedNode != nil {
            let rows = foldRows.sum(ofStep: number, addends: sums.addends.count)
            clearOthers(than: rows, of: target.rows, width: width, in: sums.out)
        }
    }

    /// Zeroes the rows of [count][width] that are not in a list.
    private func clearOthers(than rows: RowList, of count: Int, width: Int, in matrix: UnsafeMutablePointer<Float>) {
        var next = 0
        for row in rows.elements {
            (matrix + next * width).update(repeating: 0, count: (Int(row) - next) * width)
            next = Int(row) + 1
        }
        (matrix + next * width).update(repeating: 0, count: (count - next) * width)
    }

    private func product(_ units: Int, _ microBatch: Int, width: Int, skipped: Int) throws -> any PanelProduct {
        let sequences = tape.rankBatch.rows(of: microBatch).count
        let tokens = tape.rankBatch.sequenceLength - skipped
        let shape = Shape(units: units, sequences: sequences, tokens: tokens, width: width)
        guard let product = products[shape] else {
            throw DTrainError(
                .internal,
                "no product for \(units) units, \(sequences) sequences and \(width) columns; please report this")
        }
        return product
    }
}
