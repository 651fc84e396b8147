/// Products of a few rows with packed weights, C = A · B summed in float32, in one operand format.
///
/// An implementation chooses the layout of the packed weights and multiplies by them. Every element
/// of C is a sum over the depth. The order of the sum, and so its bits, depends only on the format
/// and the implementation, not on other rows or columns.
protocol WeightProducts: Sendable {
    /// The format of the operands; A's rows come from an `OperandBuffer` of this format.
    var format: OperandFormat { get }

    /// Returns the layout of packed weights B[depth, columns].
    ///
    /// - Throws: `DTrainError` with `internal` if the implementation fails or memory runs out.
    func packing(depth: Int, columns: Int, source: PackedMatrix.Source) throws -> any WeightPacking
}

/// The layout of one weight matrix B[depth, columns] for an implementation's products.
protocol WeightPacking {
    /// The size of the packed matrix in words of four bytes.
    var words: Int { get }

    /// Packs some columns of the weights; threads may pack different ones at the same time.
    ///
    /// - Parameters:
    ///   - weights: B or its transpose, depending on the packing's source.
    ///   - columns: whole column blocks; the last may end with B.
    ///   - packed: memory for `words` words.
    func pack(_ weights: UnsafePointer<Float>, columns: Range<Int>, to packed: UnsafeMutableRawPointer)

    /// Prepares a product for one worker.
    ///
    /// - Parameters:
    ///   - rows: the rows of A and C.
    ///   - columns: the columns to compute, in multiples of `DTRAIN_LINE`; nil for all.
    ///   - accumulate: whether the product is added to C.
    /// - Throws: `DTrainError` with `internal` if columns can't be divided or memory runs out.
    func product(rows: Int, columns: ColumnGroups?, accumulate: Bool) throws -> any WeightProduct

    /// Prepares a product with `width` adjacent columns, for one worker; its C is [rows, width]
    /// without gaps.
    ///
    /// Its B starts `words(before:)` words after the start of the packed weights.
    func product(rows: Int, width: Int) throws -> any WeightProduct

    /// Returns the number of words before a column that starts a column block.
    func words(before column: Int) -> Int
}

/// A product with packed weights, for one worker; created once and called at every time step.
protocol WeightProduct: AnyObject {
    /// Computes the product; the three matrices must not overlap.
    ///
    /// - Parameters:
    ///   - a: [rows, depth] without gaps, in the operand format.
    ///   - b: the packed weights.
    ///   - c: [rows, columns of all weights] without gaps.
    func callAsFunction(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ c: UnsafeMutablePointer<Float>)
}

/// Columns of a matrix: `count` groups as wide as `first`, each starting `stride` columns after the
/// previous one.
struct ColumnGroups: Hashable, Sendable {
    let first: Range<Int>
    var count = 1
    var stride = 0
}
