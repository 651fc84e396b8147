/// One unit for all numbers of a row or column.
package struct NumberUnit: Hashable, Sendable {
    /// How it is written; empty for none.
    package let name: String
    /// The value of one unit in the base unit, such as 1e-3 for ms.
    package let size: Double

    /// Plain numbers.
    package static let one = NumberUnit(name: "", size: 1)
    /// Shares, in per cent.
    package static let percent = NumberUnit(name: "%", size: 0.01)

    /// The unit in which the median of some durations, in seconds, has one to three digits before
    /// the point.
    package static func duration(of values: [Double]) -> NumberUnit {
        suited(values, [("µs", 1e-6), ("ms", 1e-3), ("s", 1), ("min", 60), ("h", 3600)], limit: 0.9)
    }

    /// The thousand, million or billion that suits the median of some numbers.
    package static func large(of values: [Double]) -> NumberUnit {
        suited(values, [("", 1), ("k", 1e3), ("M", 1e6), ("G", 1e9)], limit: 0.9995)
    }

    /// The unit of bytes that suits the median of some numbers of them.
    package static func bytes(of values: [Double]) -> NumberUnit {
        suited(values, [("B", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9)], limit: 0.9995)
    }

    private static func suited(_ values: [Double], _ units: [(String, Double)], limit: Double) -> NumberUnit {
        let sorted = values.filter { $0.isFinite && $0 != 0 }.map(abs).sorted()
        let middle = sorted.isEmpty ? 1 : sorted[sorted.count / 2]
        let found = units.last { middle >= $0.1 * limit } ?? units[0]
        return NumberUnit(name: found.0, size: found.1)
    }

    /// A number in this unit, in three digits.
    package func text(_ value: Double) -> String { threeDigits(value / size) }

    /// The same a second: `GB/s`.
    package var perSecond: NumberUnit { NumberUnit(name: "\(name)/s", size: size) }

    /// A column's head or an axis's label with the unit behind the words: `step, ms`.
    package func behind(_ words: String) -> String { name.isEmpty ? words : "\(words), \(name)" }

    /// The same with the unit before the words: `k tokens/s`.
    package func before(_ words: String) -> String { name.isEmpty ? words : "\(name) \(words)" }
}
