/// A column of a table.
///
/// Its numbers have three significant digits and one unit, given in the header.
package struct Column: Sendable {
    let head: String
    let cells: [String]
    let isText: Bool

    /// Words.
    package static func text(_ head: String, _ cells: [String]) -> Column {
        Column(head: head, cells: cells, isText: true)
    }

    /// Whole numbers.
    package static func counts(_ head: String, _ numbers: [Int]) -> Column {
        Column(head: head, cells: numbers.map(\.grouped), isText: false)
    }

    /// Numbers in a unit; nil leaves a cell empty.
    ///
    /// - Parameter isSigned: whether positive numbers have a sign, too.
    package static func numbers(
        _ head: String, _ values: [Double?], in unit: NumberUnit = .one, isSigned: Bool = false
    ) -> Column {
        let cells = values.map { value in
            value.map { (isSigned && $0 > 0 ? "+" : "") + unit.text($0) } ?? ""
        }
        return Column(head: unit.behind(head), cells: cells, isText: false)
    }

    /// Intervals in a unit; nil leaves a cell empty.
    package static func intervals(
        _ head: String, _ values: [(low: Double, high: Double)?], in unit: NumberUnit
    ) -> Column {
        let cells = values.map { value in value.map { "\(unit.text($0.low)) – \(unit.text($0.high))" } ?? "" }
        return Column(head: unit.behind(head), cells: cells, isText: false)
    }

    /// Numbers with k, M or G before what they count: `k tokens/s`.
    package static func large(_ noun: String, _ values: [Double?]) -> Column {
        let unit = NumberUnit.large(of: values.compactMap(\.self))
        return Column(head: unit.before(noun), cells: values.map { $0.map(unit.text) ?? "" }, isText: false)
    }
}

extension Table {
    /// Describes a table by its columns, all of one length.
    package init(columns: [Column]) {
        let count = columns.map(\.cells.count).max() ?? 0
        let rows = (0..<count).map { row in
            columns.map { $0.cells.indices.contains(row) ? $0.cells[row] : "" }
        }
        self.init(columns.map(\.head), rows, textColumns: Set(columns.indices.filter { columns[$0].isText }))
    }

    /// Without the columns that have nothing in any cell.
    package init(nonEmpty columns: [Column]) {
        self.init(columns: columns.filter { column in column.cells.contains { !$0.isEmpty } })
    }
}
