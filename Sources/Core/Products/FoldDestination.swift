import CKernels

/// The destination of one target's sums over a micro-batch: pending left siblings are added first,
/// then the result goes to `out`.
struct FoldDestination {
    /// Scratch memory for the sums of this micro-batch alone, [rows][width].
    let scratch: UnsafeMutablePointer<Float>
    /// The left siblings' sums, [rows][width] each, in the order of the additions.
    let addends: UnsafeBufferPointer<UnsafePointer<Float>?>
    /// The memory that receives the sums, [rows][width]; may be the scratch memory or an addend.
    let out: UnsafeMutablePointer<Float>
    /// The memory that the worker reads next, which the kernels prefetch.
    var upcoming: UnsafeBufferPointer<Float>?

    /// Calls `body` with the destination in the kernels' form.
    func withFold(_ body: (UnsafePointer<dtrain_fold>) -> Void) {
        var fold = dtrain_fold(
            addends: addends.baseAddress, count: Int64(addends.count), out: out,
            upcoming: upcoming?.baseAddress ?? UnsafePointer(out), upcoming_count: Int64(upcoming?.count ?? 0))
        body(&fold)
    }

    /// Folds the sums in `scratch`.
    func fold(rows: Int, width: Int) {
        for case let addend? in addends { dtrain_add(Int64(rows * width), addend, scratch) }
        guard out != scratch else { return }
        out.update(from: scratch, count: rows * width)
    }
}
