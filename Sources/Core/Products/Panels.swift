import CKernels

/// The column panels of a matrix of [rows, units], each a contiguous [rows, width] matrix.
///
/// A panel is the unit of work of the weight gradients. A worker takes a panel through all
/// micro-batches, so its partial sums stay in the cache and the products' operand is contiguous.
struct Panels: Hashable, Sendable {
    /// The number of columns of a panel; the last one may be narrower.
    ///
    /// The partial sums of 128 columns × 1024 units take half a megabyte.
    static let maxWidth = DTRAIN_PANEL

    let units: Int

    var count: Int { units.groups(of: Self.maxWidth) }

    /// Returns the columns of a panel.
    func columns(_ panel: Int) -> Range<Int> {
        panel * Self.maxWidth..<min(units, (panel + 1) * Self.maxWidth)
    }

    /// Returns the offset of a panel in elements from the start of the matrix.
    func offset(_ panel: Int, rows: Int) -> Int {
        panel * Self.maxWidth * rows
    }
}
