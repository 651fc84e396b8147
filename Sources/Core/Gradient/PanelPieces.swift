/// The division of panel tasks into pieces for many workers: by units of hᵀ, the rows of a
/// product's result.
///
/// A task's sums per character and over all tokens are cheap, and its first piece computes them. No
/// sum is divided, so no bits change.
struct PanelPieces {
    /// A piece of a task.
    struct Piece: Hashable {
        let task: Int
        let index: Int
    }

    /// The number of pieces per task.
    let perTask: Int
    private let rowStep: Int

    /// Chooses a number of pieces that balances the workers.
    ///
    /// - Parameters:
    ///   - tasks: the number of tasks that are products.
    ///   - units: the rows of a product's result.
    ///   - rowStep: the unit in which a product's rows can be divided; nil if one worker computes
    ///     all rows.
    init(tasks: Int, units: Int, workers: Int, rowStep: Int?) {
        self.rowStep = rowStep ?? max(1, units)
        let most = min(Self.most, units.groups(of: self.rowStep))
        // Returns the fraction of time that the workers are busy, if all pieces take equally long.
        func utilization(_ pieces: Int) -> Double {
            let all = max(1, tasks) * pieces
            return Double(all) / Double(all.groups(of: workers) * workers)
        }
        perTask =
            (1...max(1, most)).first { utilization($0) >= Self.enough }
            ?? (1...max(1, most)).max { utilization($0) < utilization($1) } ?? 1
    }

    private static let (most, enough) = (8, 0.9)

    /// Returns a piece by its index among all pieces of all tasks.
    func piece(_ index: Int) -> Piece { Piece(task: index / perTask, index: index % perTask) }

    /// Returns the rows of a product's result in a piece.
    func rows(_ index: Int, of count: Int) -> Range<Int> {
        let steps = Partition.part(index, of: perTask, count: count.groups(of: rowStep))
        return min(count, steps.lowerBound * rowStep)..<min(count, steps.upperBound * rowStep)
    }

    /// Returns the ranges of a piece's sums within its task's, one for each target.
    func sums(_ piece: Piece, of task: PanelTask) -> [Range<Int>] {
        var offset = 0
        return task.targets.compactMap { target in
            defer { offset += target.rows * task.width }
            let rows = rows(of: target, piece.index)
            guard !rows.isEmpty else { return nil }
            return offset + rows.lowerBound * task.width..<offset + rows.upperBound * task.width
        }
    }

    /// Returns the rows of a target that a piece computes.
    func rows(of target: PanelTask.Target, _ index: Int) -> Range<Int> {
        if target.factor.isHidden { return rows(index, of: target.rows) }
        return index == 0 ? 0..<target.rows : 0..<0
    }
}
