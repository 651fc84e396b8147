/// A progress line of an epoch: the step count, a bar and fields.
struct ProgressLine {
    /// Finished steps, and steps per epoch.
    let step, steps: Int
    /// The fields after the bar, the most important first.
    let fields: [String]
    /// The number of fields that have priority over the bar.
    var neededFields = 2
    /// Whether the needed fields may wrap to a second line, for a line that isn't overwritten.
    var mayWrap = false

    /// The bar's cells if there is room, and the fewest useful ones.
    private static let (widestBar, narrowestBar) = (30, 10)

    /// The line for a window.
    ///
    /// A narrow window gets a shorter bar, then fewer fields, then no bar.
    ///
    /// - Parameter columns: the window's columns; nil for no limit.
    func text(columns: Int?) -> String {
        // A terminal may wrap after the last column.
        guard let room = columns.map({ max(1, $0 - 1) }) else { return text(bar: Self.widestBar, fields.count) }
        var kept = fields.count
        while kept > min(neededFields, fields.count), length(bar: Self.narrowestBar, kept) > room { kept -= 1 }
        let cells = min(Self.widestBar, Self.narrowestBar + room - length(bar: Self.narrowestBar, kept))
        if cells >= Self.narrowestBar { return text(bar: cells, kept) }
        if mayWrap { return text(bar: 0, kept) }
        while kept > 0, length(bar: 0, kept) > room { kept -= 1 }
        return String(text(bar: 0, kept).prefix(room))
    }

    private func text(bar cells: Int, _ kept: Int) -> String {
        ([count + (cells > 0 ? " [\(bar(cells))]" : "")] + fields.prefix(kept)).joined(separator: " - ")
    }

    private func length(bar cells: Int, _ kept: Int) -> Int {
        count.count + (cells > 0 ? cells + 3 : 0) + fields.prefix(kept).reduce(0) { $0 + $1.count + 3 }
    }

    /// The count with the same width at every step: ` 17/172`.
    private var count: String {
        let (done, all) = ("\(step)", "\(steps)")
        return String(repeating: " ", count: max(0, all.count - done.count)) + "\(done)/\(all)"
    }

    /// The bar: `==>.......`.
    private func bar(_ cells: Int) -> String {
        let done = min(cells, step * cells / max(1, steps))
        guard done < cells else { return String(repeating: "=", count: cells) }
        return String(repeating: "=", count: done) + ">" + String(repeating: ".", count: cells - done - 1)
    }
}
