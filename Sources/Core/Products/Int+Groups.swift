extension Int {
    /// How many groups of `size` elements hold this many elements; the last may be partly filled.
    func groups(of size: Int) -> Int { (self + size - 1) / size }
}
