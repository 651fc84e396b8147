import CKernels

/// Adds `count` elements of one vector to those of another; the two must not overlap.
package func add(_ addend: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>, count: Int) {
    dtrain_add(Int64(count), addend, sum)
}

/// Adds two vectors of `count` elements; the sum may replace one of them.
///
/// Otherwise the three must not overlap.
package func add(
    _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>, into sum: UnsafeMutablePointer<Float>, count: Int
) {
    dtrain_add_into(Int64(count), first, second, sum)
}

/// Vectors of bf16 numbers, which are the upper halves of float32 ones.
package enum BF16Vector {
    /// Rounds the sum of `values` and `residual`; `residual` becomes the rounding error.
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
