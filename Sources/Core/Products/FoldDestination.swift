import CKernels

/// Where one target's sums over a micro-batch go: pending left siblings of the tree are added to them, then `out` receives
/// the result.
struct FoldDestination {
    /// Room for the sums of this micro-batch alone, [rows][width].
    let scratch: UnsafeMutablePointer<Float>
    /// The left siblings' sums, [rows][width] each, in the order of the additions.
    let addends: UnsafeBufferPointer<UnsafePointer<Float>?>
    /// Receives the sums, [rows][width]; may be one of the others.
    let out: UnsafeMutablePointer<Float>
    /// The memory that the worker reads next, for the kernels to prefetch.
    var upcoming: UnsafeBufferPointer<Float>?

    /// Calls `body` with the destination in the kernels' form.
    func withFold(_ body: (UnsafePointer<dtrain_fold>) -> Void) {
        var fold = dtrain_fold(
            addends: addends.baseAddress, count: Int64(addends.count), out: out,
            upcoming: upcoming?.baseAddress ?? UnsafePointer(out), upcoming_count: Int64(upcoming?.count ?? 0))
        body(&fold)
    }

    /// Folds sums that are in `scratch`.
    func fold(rows: Int, width: Int) {
        for case let addend? in addends { dtrain_add(Int64(rows * width), addend, scratch) }
        guard out != scratch else { return }
        out.update(from: scratch, count: rows * width)
    }
}
