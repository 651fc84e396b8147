extension ParameterLayout {
    /// The first tensor of a flat buffer in which an element is infinite or not a number; nil when there is none.
    ///
    /// - Parameter buffer: `count` elements.
    package func firstNonFinite(in buffer: UnsafePointer<Float>) -> String? {
        tensors.first { !allFinite(buffer + $0.offset, count: $0.count) }?.name
    }
}

/// Whether no element is infinite or not a number.
func allFinite(_ values: UnsafePointer<Float>, count: Int) -> Bool {
    // Without the sign, the bits order floats as their values do, infinity and NaN last; no branch in the loop.
    var largest: UInt32 = 0
    for index in 0..<count { largest = max(largest, values[index].bitPattern & 0x7FFF_FFFF) }
    return largest < Float.infinity.bitPattern
}
