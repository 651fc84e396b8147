extension ParameterLayout {
    /// The name of the first tensor of a flat buffer with an infinite or NaN element; nil if all
    /// are finite.
    ///
    /// - Parameter buffer: `count` elements.
    package func firstNonFinite(in buffer: UnsafePointer<Float>) -> String? {
        tensors.first { !allFinite(buffer + $0.offset, count: $0.count) }?.name
    }
}

/// Whether all values are finite.
func allFinite(_ values: UnsafePointer<Float>, count: Int) -> Bool {
    // Without the sign bit, bit patterns order like values, with infinity and NaN last. The loop
    // has no branch.
    var largest: UInt32 = 0
    for index in 0..<count { largest = max(largest, values[index].bitPattern & 0x7FFF_FFFF) }
    return largest < Float.infinity.bitPattern
}
