extension ParameterLayout {
    /// The first tensor of a flat buffer in which an element is infinite or not a number; nil when there is none.
    ///
    /// - Parameter buffer: `count` elements.
    public func firstNonFinite(in buffer: UnsafePointer<Float>) -> String? {
        tensors.first { !isFinite(buffer + $0.offset, count: $0.count) }?.name
    }
}
