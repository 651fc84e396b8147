/// Products of a few rows with packed weights, C = A · B summed in float32, in one operand format.
///
/// An implementation chooses the layout of the packed weights and multiplies by them. Every element
/// of C is a sum over the depth whose order, and so whose bits, depends on the format and
/// implementation alone: not on the other rows nor on the other columns.
protocol WeightProducts: Sendable {
    /// The format of the operands; A's rows come from an `OperandBuffer` of this format.
    var format: OperandFormat { get }

    /// The layout of packed weights B[depth, columns].
    ///
    /// - Throws: `DTrainError` with `internal` when the implementation fails or memory runs out.
    func packing(depth: Int, columns: Int, source: PackedMatrix.Source) throws -> any WeightPacking
}

/// The layout of one weight matrix B[depth, columns] for an implementation's products.
protocol WeightPacking {
    /// The size of the packed matrix in words of four bytes.
    var words: Int { get }

    /// Packs some columns of the weights; threads may pack different ones at the same time.
    ///
    /// - Parameters:
    ///   - weights: B or its transpose, as the packing's source says.
    ///   - columns: whole column blocks, of which the last may end with B.
    ///   - packed: room for `words` words.
    func pack(_ weights: UnsafePointer<Float>, columns: Range<Int>, to packed: UnsafeMutableRawPointer)

    /// Prepares a product for one worker.
    ///
    /// - Parameters:
    ///   - rows: the rows of A and C.
    ///   - columns: the columns to compute, in multiples of `DTRAIN_LINE`; nil for all.
    ///   - accumulate: whether the product is added to C.
    /// - Throws: `DTrainError` with `internal` when columns can't be divided or memory runs out.
    func product(rows: Int, columns: ColumnGroups?, accumulate: Bool) throws -> any WeightProduct

    /// Prepares a product with `width` neighbouring columns, for one worker; its C is [rows, width] without gaps.
    ///
    /// Its B starts `words(before:)` words behind the packed weights' start.
    func product(rows: Int, width: Int) throws -> any WeightProduct

    /// The words before a column, which starts a column block.
    func words(before column: Int) -> Int
}

/// A product with packed weights, for one worker; made once and called at every time step.
protocol WeightProduct: AnyObject {
    /// Computes the product; the three matrices must not overlap.
    ///
    /// - Parameters:
    ///   - a: [rows, depth] without gaps, elements in the operand format.
    ///   - b: the packed weights.
    ///   - c: [rows, columns of all weights] without gaps.
    func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>)
}

/// Some columns of a matrix: `count` groups as wide as `first`, each `stride` columns after the
/// last.
struct ColumnGroups: Hashable, Sendable {
    let first: Range<Int>
    var count = 1
    var stride = 0
}
