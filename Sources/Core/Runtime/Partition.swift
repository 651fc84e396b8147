/// The division of items into contiguous ranges.
package enum Partition {
    /// Divides `count` items into `parts` contiguous ranges whose lengths differ by at most 1.
    ///
    /// With more parts than items, some ranges are empty.
    package static func balanced(count: Int, parts: Int) -> [Range<Int>] {
        (0..<parts).map { part($0, of: parts, count: count) }
    }

    /// Returns the range of one part, as `balanced` divides the items.
    package static func part(_ index: Int, of parts: Int, count: Int) -> Range<Int> {
        precondition(count >= 0 && parts > 0, "a partition needs at least one part")
        func start(_ part: Int) -> Int { count / parts * part + count % parts * part / parts }
        return start(index)..<start(index + 1)
    }
}
