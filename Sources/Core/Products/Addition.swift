import CKernels

/// Adds `count` elements of `addend` to `sum`; the two must not overlap.
package func add(_ addend: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>, count: Int) {
    dtrain_add(Int64(count), addend, sum)
}

/// Adds two vectors of `count` elements.
///
/// `sum` may be one of the two; otherwise the three must not overlap.
package func add(
    _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>, into sum: UnsafeMutablePointer<Float>, count: Int
) {
    dtrain_add_into(Int64(count), first, second, sum)
}

/// Vectors of bf16 numbers, each the upper half of a float32 number.
package enum BF16Vector {
    /// Rounds `values` + `residual` to bf16 and stores the rounding error in `residual`.
    package static func round(
        _ values: UnsafePointer<Float>, residual: UnsafeMutablePointer<Float>, to rounded: UnsafeMutablePointer<UInt16>,
        count: Int
    ) {
        dtrain_round_bf16(Int64(count), values, residual, rounded)
    }

    /// Converts bf16 numbers to float32.
    package static func expand(_ values: UnsafePointer<UInt16>, to floats: UnsafeMutablePointer<Float>, count: Int) {
        dtrain_expand_bf16(Int64(count), values, floats)
    }

    /// Adds bf16 numbers to float32 ones.
    package static func add(_ addend: UnsafePointer<UInt16>, to sum: UnsafeMutablePointer<Float>, count: Int) {
        dtrain_add_bf16(Int64(count), addend, sum)
    }
}
