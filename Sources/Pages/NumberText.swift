import Glibc

extension Double {
    /// Decimal notation with a fixed number of decimals.
    package func fixed(_ decimals: Int) -> String { formatted("%.*f", [decimals, self]) ?? "\(self)" }
}

extension Int {
    /// With commas between groups of three digits.
    package var grouped: String {
        var digits = String(magnitude)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (self < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }
}

/// Decimal notation with a fixed number of decimals, a dash for NaN and infinity, and no negative
/// zero.
package func decimal(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return "–" }
    let text = value.fixed(decimals)
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

/// A finite number rounded to three significant digits, as the digits and the power of ten.
private func rounded(_ value: Double) -> (digits: Substring, power: Int)? {
    // The power is that of the rounded number: 9.996 is 1e1.
    let parts = (formatted("%.2e", [value]) ?? "").split(separator: "e")
    guard parts.count == 2, let power = Int(parts[1]) else { return nil }
    return (parts[0], power)
}

/// Three significant digits, whole numbers from 1,000 on in full.
///
/// Numbers below a ten-thousandth have fewer digits, six decimals at most.
package func threeDigits(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    guard abs(value) >= 5e-7, let power = rounded(value)?.power else { return "0" }
    if power >= 3 { return whole(value) }
    return decimal(value, min(6, max(0, 2 - power)))
}

/// The nearest whole number, with commas between groups of three digits below 10^15.
@Sendable package func whole(_ value: Double) -> String {
    abs(value) < 1e15 ? Int(value.rounded()).grouped : decimal(value, 0)
}

/// A number without needless decimals.
package func plain(_ value: Double) -> String { value.rounded() == value ? decimal(value, 0) : threeDigits(value) }

/// Three significant digits, whole numbers below 100,000 in full.
///
/// Numbers below 0.01 and from 100,000 on are written with a power of ten.
package func scientific(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    guard let (digits, power) = rounded(value) else { return "\(value)" }
    let isPlain = power >= -2 && abs(value) < 99_999.5
    return isPlain ? trimmed(decimal(value, max(0, 2 - power))) : "\(trimmed(digits))e\(power)"
}

/// "1 thread", "2 threads".
package func count(_ number: Int, _ noun: String) -> String { "\(number.grouped) \(noun)\(number == 1 ? "" : "s")" }

/// Shortens a text to a number of characters by leaving out its middle.
func shortened(_ text: String, to length: Int) -> String {
    guard text.count > length else { return text }
    return "\(text.prefix(length / 2))…\(text.suffix(length - length / 2 - 1))"
}
