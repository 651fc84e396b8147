import CKernels

/// How a matrix of [rows, units] is cut into column panels, each a contiguous [rows, width] matrix.
///
/// A panel is the unit of work of the weight gradients: a worker takes a panel through all micro-batches, its partial sums
/// stay in the cache, and the products get a contiguous operand.
struct Panels: Hashable, Sendable {
    /// The widest panel.
    ///
    /// 128 columns × 1024 units of partial sums are half a megabyte.
    static let widest = Int(DTRAIN_PANEL)

    let units: Int

    var count: Int { (units + Self.widest - 1) / Self.widest }

    /// The columns of a panel.
    func columns(_ panel: Int) -> Range<Int> {
        panel * Self.widest..<min(units, (panel + 1) * Self.widest)
    }

    /// Where a panel starts, in elements from the start of the matrix.
    func offset(_ panel: Int, rows: Int) -> Int {
        panel * Self.widest * rows
    }
}
