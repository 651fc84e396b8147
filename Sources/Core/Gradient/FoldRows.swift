/// Some rows of a matrix, in ascending order.
struct RowList {
    let rows: UnsafePointer<UInt16>
    let count: Int

    var elements: UnsafeBufferPointer<UInt16> { UnsafeBufferPointer(start: rows, count: count) }
}

/// The rows of the first layer's table in each sum of a fold, which are the characters of the sum's
/// micro-batches.
///
/// Computed once per step for all panels and workers.
final class FoldRows: @unchecked Sendable {
    /// The place of a list in the storage.
    private struct Place {
        let start: Int
        var count = 0
    }

    /// An addition of a step, with the lists of its operands and its result.
    private struct Addition {
        let left: Int
        let right: Int
        let sum: Int
    }

    private let fold: ReductionTree.FoldPlan
    private let rankBatch: RankBatch
    private let storage: AlignedBuffer<UInt16>
    private var lists: [Place] = []
    /// The list of each leaf.
    private var leaves: [Int] = []
    /// The additions of each step, in order.
    private var additions: [[Addition]] = []
    /// Whether each row occurs in a micro-batch.
    private let occurs: AlignedBuffer<Bool>

    /// Allocates the lists, large enough for any step.
    ///
    /// - Parameter tableRows: R; all rows are below it.
    /// - Throws: `DTrainError` with `internal` if memory runs out.
    init(_ fold: ReductionTree.FoldPlan, rankBatch: RankBatch, tableRows: Int) throws {
        self.fold = fold
        self.rankBatch = rankBatch
        var capacity = 0
        var places: [Place] = []
        var tokens: [Int] = []
        func append(_ count: Int) -> Int {
            places.append(Place(start: capacity))
            tokens.append(count)
            capacity += min(tableRows, count)
            return places.count - 1
        }
        var slots = [Int](repeating: 0, count: fold.slotCount)
        for step in fold.steps {
            let leaf = append(rankBatch.tokens(of: step.leaf).count)
            leaves.append(leaf)
            var sum = leaf
            var ofStep: [Addition] = []
            for addend in step.addends {
                let (left, right) = (sum, slots[addend])
                sum = append(tokens[left] + tokens[right])
                ofStep.append(Addition(left: left, right: right, sum: sum))
            }
            additions.append(ofStep)
            slots[step.target] = sum
        }
        lists = places
        storage = try AlignedBuffer(count: capacity)
        occurs = try AlignedBuffer(count: tableRows)
    }

    /// Computes the lists of a step.
    /// - Parameter inputs: the table row of each of the rank's tokens.
    func update(_ inputs: UnsafePointer<UInt16>) {
        for (index, step) in fold.steps.enumerated() {
            let tokens = rankBatch.tokens(of: step.leaf)
            collect(UnsafeBufferPointer(start: inputs + tokens.before, count: tokens.count), into: leaves[index])
            for addition in additions[index] { merge(addition) }
        }
    }

    /// Returns the rows of a fold step's micro-batch.
    func leaf(ofStep step: Int) -> RowList { list(leaves[step]) }

    /// Returns the rows of an addend of a fold step.
    func addend(_ index: Int, ofStep step: Int) -> RowList { list(additions[step][index].right) }

    /// Returns the rows of a fold step's sum after the first `addends` additions.
    func sum(ofStep step: Int, addends: Int) -> RowList {
        addends == 0 ? leaf(ofStep: step) : list(additions[step][addends - 1].sum)
    }

    private func list(_ index: Int) -> RowList {
        RowList(rows: UnsafePointer(storage.pointer + lists[index].start), count: lists[index].count)
    }

    private func collect(_ inputs: UnsafeBufferPointer<UInt16>, into index: Int) {
        let target = storage.pointer + lists[index].start
        for row in inputs { occurs[Int(row)] = true }
        var count = 0
        for row in 0..<occurs.count where occurs[row] {
            target[count] = UInt16(truncatingIfNeeded: row)
            count += 1
            occurs[row] = false
        }
        lists[index].count = count
    }

    private func merge(_ addition: Addition) {
        let (left, right) = (list(addition.left), list(addition.right))
        let target = storage.pointer + lists[addition.sum].start
        var (i, k, count) = (0, 0, 0)
        while i < left.count || k < right.count {
            // An exhausted list counts as larger than all rows.
            let (a, b) = (i < left.count ? Int(left.rows[i]) : Int.max, k < right.count ? Int(right.rows[k]) : Int.max)
            target[count] = UInt16(truncatingIfNeeded: min(a, b))
            count += 1
            if a <= b { i += 1 }
            if b <= a { k += 1 }
        }
        lists[addition.sum].count = count
    }
}
