/// How the panel tasks are cut where there are many workers: by units of hᵀ, the rows of a product's result.
///
/// A task's sums by character and over all tokens are cheap, and its first piece's. No sum is cut, so no bit changes.
struct PanelPieces {
    /// One of a task's pieces.
    struct Piece: Hashable {
        let task: Int
        let index: Int
    }

    /// The pieces of each task.
    let perTask: Int
    private let rowStep: Int

    /// Cuts tasks so that the workers have about the same number of pieces.
    ///
    /// - Parameters:
    ///   - tasks: the number of tasks that are products.
    ///   - units: the rows of a product's result.
    ///   - rowStep: what the products' parts are multiples of; nil if they compute all rows.
    init(tasks: Int, units: Int, workers: Int, rowStep: Int?) {
        self.rowStep = rowStep ?? max(1, units)
        let most = min(Self.most, units.groups(of: self.rowStep))
        // The part of the workers' time that is work, if all pieces take the same.
        func use(_ pieces: Int) -> Double {
            let all = max(1, tasks) * pieces
            return Double(all) / Double(all.groups(of: workers) * workers)
        }
        perTask =
            (1...max(1, most)).first { use($0) >= Self.enough }
            ?? (1...max(1, most)).max { use($0) < use($1) } ?? 1
    }

    private static let (most, enough) = (8, 0.9)

    /// The index-th of all pieces of all tasks.
    func piece(_ index: Int) -> Piece { Piece(task: index / perTask, index: index % perTask) }

    /// The rows of a product's result that a piece has.
    func rows(_ index: Int, of count: Int) -> Range<Int> {
        let steps = Partition.part(index, of: perTask, count: count.groups(of: rowStep))
        return min(count, steps.lowerBound * rowStep)..<min(count, steps.upperBound * rowStep)
    }

    /// The sums of a piece within those of its task, a run for each target.
    func sums(_ piece: Piece, of task: PanelTask) -> [Range<Int>] {
        var offset = 0
        return task.targets.compactMap { target in
            defer { offset += target.rows * task.width }
            let rows = rows(of: target, piece.index)
            guard !rows.isEmpty else { return nil }
            return offset + rows.lowerBound * task.width..<offset + rows.upperBound * task.width
        }
    }

    /// The rows of a target that a piece computes.
    func rows(of target: PanelTask.Target, _ index: Int) -> Range<Int> {
        if target.factor.isHidden { return rows(index, of: target.rows) }
        return index == 0 ? 0..<target.rows : 0..<0
    }
}
