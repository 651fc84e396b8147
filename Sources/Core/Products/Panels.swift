import CKernels

/// The column panels of a matrix of [rows, units], each a contiguous [rows, width] matrix.
///
/// A panel is the unit of work of the weight gradients: a worker takes a panel through all
/// micro-batches, its partial sums stay in the cache, and the products get a contiguous operand.
struct Panels: Hashable, Sendable {
    /// The columns of a panel; the last one may be narrower.
    ///
    /// The partial sums of 128 columns × 1024 units are half a megabyte.
    static let widest = DTRAIN_PANEL

    let units: Int

    var count: Int { units.groups(of: Self.widest) }

    /// The columns of a panel.
    func columns(_ panel: Int) -> Range<Int> {
        panel * Self.widest..<min(units, (panel + 1) * Self.widest)
    }

    /// Where a panel starts, in elements from the start of the matrix.
    func offset(_ panel: Int, rows: Int) -> Int {
        panel * Self.widest * rows
    }
}
