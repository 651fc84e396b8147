extension ParameterLayout {
    /// The first tensor of a flat buffer in which an element is infinite or not a number; nil when there is none.
    ///
    /// - Parameter buffer: `count` elements.
    public func firstNonFinite(in buffer: UnsafePointer<Float>) -> String? {
        tensors.first { tensor in
            // Without the sign, the bits order floats as their values do, infinity and NaN last; no branch in the loop.
            var largest: UInt32 = 0
            for index in tensor.offset..<tensor.offset + tensor.count {
                largest = max(largest, buffer[index].bitPattern & 0x7FFF_FFFF)
            }
            return largest >= Float.infinity.bitPattern
        }?.name
    }
}
