import CKernels

/// What becomes of one target's sums over a micro-batch: they are added to those of the tree's siblings that wait for them, and go to
/// a slot or, from the last micro-batch of a node, to where the node's sums lie.
struct FoldDestination {
    /// Room for the sums of this micro-batch alone, [rows][width].
    let scratch: UnsafeMutablePointer<Float>
    /// Left siblings' sums, [rows][width] each, in the order of the additions.
    let addends: UnsafeBufferPointer<UnsafePointer<Float>?>
    /// Where the sums go, [rows][width]; may be one of the others.
    let out: UnsafeMutablePointer<Float>
    /// What the worker will read next; the kernels fetch it meanwhile.
    var upcoming: UnsafeBufferPointer<Float>?

    /// Calls `body` with these as the kernels take them.
    func withFold(_ body: (UnsafePointer<dtrain_fold>) -> Void) {
        var fold = dtrain_fold(
            addends: addends.baseAddress, count: Int64(addends.count), out: out,
            upcoming: upcoming?.baseAddress ?? UnsafePointer(out), upcoming_count: Int64(upcoming?.count ?? 0))
        body(&fold)
    }

    /// Does it to sums that are in `scratch`.
    func fold(rows: Int, width: Int) {
        for case let addend? in addends { dtrain_add(Int64(rows * width), addend, scratch) }
        guard out != scratch else { return }
        out.update(from: scratch, count: rows * width)
    }
}
