import CKernels

/// Adds `count` elements of one vector to those of another, in loops made for the CPU at hand; the two don't overlap.
public func add(_ addend: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>, count: Int) {
    dtrain_add(Int64(count), addend, sum)
}
