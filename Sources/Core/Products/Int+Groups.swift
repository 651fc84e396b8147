extension Int {
    /// Returns the number of groups of `size` elements that hold this many elements, the last one
    /// possibly partial.
    func groups(of size: Int) -> Int { (self + size - 1) / size }
}
