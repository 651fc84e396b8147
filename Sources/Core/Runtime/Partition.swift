/// The division of work into contiguous runs.
package enum Partition {
    /// Divides `count` items into `parts` contiguous runs whose lengths differ by at most 1.
    ///
    /// With more parts than items, some runs are empty.
    package static func balanced(count: Int, parts: Int) -> [Range<Int>] {
        (0..<parts).map { part($0, of: parts, count: count) }
    }

    /// The index-th of those runs.
    package static func part(_ index: Int, of parts: Int, count: Int) -> Range<Int> {
        precondition(count >= 0 && parts > 0, "a partition needs a part")
        func start(_ part: Int) -> Int { count / parts * part + count % parts * part / parts }
        return start(index)..<start(index + 1)
    }
}
