/// One line that says how far an epoch is: the count, a bar, and fields behind it.
struct ProgressLine {
    /// Steps done and steps of the epoch.
    let step, steps: Int
    /// What stands behind the bar, the most wanted first.
    let fields: [String]
    /// So many fields are worth more than the bar.
    var neededFields = 2
    /// Whether the needed fields may go on in a second line, as they can where nothing is written in the line's place.
    var mayWrap = false

    /// The bar's cells where there is room, and the fewest that still show something.
    private static let (widestBar, narrowestBar) = (30, 10)

    /// The line, in a window of so many columns; nil where the line may be as long as it likes.
    ///
    /// A narrow window gets a shorter bar, then fewer fields, then no bar.
    func text(columns: Int?) -> String {
        // In the last column a terminal would begin a new line.
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

    /// The count, as wide at every step: ` 17/172`.
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
