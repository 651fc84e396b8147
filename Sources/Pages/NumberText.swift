import Glibc

/// A number with a fixed number of decimals.
package func decimal(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return "–" }
    let text = formatted("%.*f", [decimals, value]) ?? "\(value)"
    return text.hasPrefix("-") && text.allSatisfy({ "-0.".contains($0) }) ? String(text.dropFirst()) : text
}

/// The output of `printf`; nil if it has more than 399 characters.
private func formatted(_ format: String, _ arguments: [any CVarArg]) -> String? {
    var buffer = [CChar](repeating: 0, count: 400)
    let count = withVaList(arguments) { vsnprintf(&buffer, buffer.count, format, $0) }
    guard count > 0, count < buffer.count else { return nil }
    return String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Removes trailing zeros of the decimals, and a trailing decimal point.
private func trimmed(_ text: some StringProtocol) -> String {
    guard text.contains(".") else { return String(text) }
    return String(text.reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed())
}

/// A number with two decimals below 10, one below 100 and none above.
package func threeDigits(_ value: Double) -> String { decimal(value, decimalsOfThreeDigits(value)) }

private func decimalsOfThreeDigits(_ value: Double) -> Int {
    let size = abs(value)
    return size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2
}

/// A whole number without decimals, any other with three digits.
package func plain(_ value: Double) -> String { value.rounded() == value ? decimal(value, 0) : threeDigits(value) }

/// Three significant digits, whole numbers below 100,000 in full.
///
/// Numbers below 0.01 and from 100,000 on are written with a power of ten.
package func scientific(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    // The power is that of the rounded number: 9.996 is 1e1.
    let parts = (formatted("%.2e", [value]) ?? "").split(separator: "e")
    guard parts.count == 2, let power = Int(parts[1]) else { return "\(value)" }
    let isPlain = power >= -2 && abs(value) < 99_999.5
    return isPlain ? trimmed(decimal(value, max(0, 2 - power))) : "\(trimmed(parts[0]))e\(power)"
}

/// A whole number with commas between groups of three digits.
package func grouped(_ value: Int) -> String {
    var digits = String(value.magnitude)
    var groups: [String] = []
    while digits.count > 3 {
        groups.insert(String(digits.suffix(3)), at: 0)
        digits.removeLast(3)
    }
    return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
}

/// Seconds with a suitable unit: s, ms or µs.
package func seconds(_ value: Double) -> String {
    let size = abs(value)
    if size == 0 { return "0 s" }
    if size >= 0.1 { return "\(threeDigits(value)) s" }
    if size >= 1e-4 { return "\(threeDigits(value * 1e3)) ms" }
    return "\(threeDigits(value * 1e6)) µs"
}

/// A fraction as a percentage.
package func percent(_ value: Double, signed: Bool = false) -> String {
    let sign = signed && value > 0 ? "+" : ""
    return sign + decimal(value * 100, abs(value) < 0.0995 ? 1 : 0) + " %"
}

/// A number with the suffix k, M or G.
package func compact(_ value: Double) -> String {
    let size = abs(value)
    if size >= 0.9995e9 { return threeDigits(value / 1e9) + " G" }
    if size >= 0.9995e6 { return threeDigits(value / 1e6) + " M" }
    if size >= 0.9995e3 { return threeDigits(value / 1e3) + " k" }
    return threeDigits(value)
}

/// A number of bytes with the suffix B, kB, MB or GB.
package func bytes(_ value: Double) -> String { compact(value) + (abs(value) >= 0.9995e3 ? "B" : " B") }

/// Shortens a text to a number of characters by leaving out its middle.
func shortened(_ text: String, to length: Int) -> String {
    guard text.count > length else { return text }
    return "\(text.prefix(length / 2))…\(text.suffix(length - length / 2 - 1))"
}

/// A number with its noun: "1 thread", "2 threads".
package func count(_ number: Int, _ noun: String) -> String { "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")" }

/// A common unit for the numbers of a row or column.
package struct NumberUnit: Hashable, Sendable {
    /// The unit's name; empty for none.
    package let name: String
    /// The size of the unit in base units.
    package let size: Double

    /// The unit in which the median of durations, in seconds, has one to three digits before the point.
    package static func duration(of values: [Double]) -> NumberUnit {
        suited(values, [("µs", 1e-6), ("ms", 1e-3), ("s", 1), ("min", 60), ("h", 3600)], limit: 0.9)
    }

    /// The suffix (none, k, M or G) for the median of some numbers.
    package static func large(of values: [Double]) -> NumberUnit {
        suited(values, [("", 1), ("k", 1e3), ("M", 1e6), ("G", 1e9)], limit: 0.9995)
    }

    private static func suited(_ values: [Double], _ units: [(String, Double)], limit: Double) -> NumberUnit {
        let sorted = values.filter { $0.isFinite && $0 != 0 }.map(abs).sorted()
        let middle = sorted.isEmpty ? 1 : sorted[sorted.count / 2]
        let found = units.last { middle >= $0.1 * limit } ?? units[0]
        return NumberUnit(name: found.0, size: found.1)
    }

    /// A number in this unit with three digits.
    package func text(_ value: Double) -> String { threeDigits(value / size) }
}
