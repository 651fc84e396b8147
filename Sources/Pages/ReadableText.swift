// Single numbers, each with a suitable unit, for sentences and progress lines. Columns share one
// unit: `NumberUnit`.

/// Formats a duration in µs, ms or s.
package func seconds(_ value: Double) -> String {
    guard value != 0 else { return "0 s" }
    let unit = NumberUnit.duration(of: [min(abs(value), 1)])
    return "\(unit.text(value)) \(unit.name)"
}

/// A share in per cent.
package func percent(_ value: Double) -> String { decimal(value * 100, abs(value) < 0.0995 ? 1 : 0) + " %" }

/// Bytes with k, M or G.
package func bytes(_ value: Double) -> String {
    let unit = NumberUnit.bytes(of: [value])
    return "\(unit.text(value)) \(unit.name)"
}

extension Double {
    /// Seconds as a clock shows them: `0:07`, `8:46`, `1:02:03`.
    package var clock: String {
        guard isFinite, self < 1e9 else { return "?" }
        let seconds = Int(max(0, self).rounded())
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (minutes, rest) = (seconds / 60 % 60, padded(seconds % 60))
        return seconds < 3600 ? "\(minutes):\(rest)" : "\(seconds / 3600):\(padded(minutes)):\(rest)"
    }

    /// Three digits, with k, M or G for thousands, millions or billions: `874`, `11.2k`, `1.05M`.
    package var short: String {
        guard isFinite else { return "?" }
        var (value, units) = (self, ["", "k", "M", "G"][...])
        // What rounds to a thousand is one of the next unit.
        while value.magnitude >= 999.5, units.count > 1 { (value, units) = (value / 1000, units.dropFirst()) }
        let decimals = units.first == "" || value.magnitude >= 99.95 ? 0 : value.magnitude >= 9.995 ? 1 : 2
        return value.fixed(decimals) + (units.first ?? "")
    }

    /// Seconds as people say them: `40 seconds`, `8 minutes`, `2.5 hours`.
    package var spoken: String {
        guard isFinite, self < 1e9 else { return "unknown time" }
        switch self {
        case ..<10: return count(max(1, Int(rounded(.up))), "second")
        case ..<57: return count(5 * Int((self / 5).rounded()), "second")
        case ..<5700: return count(Int((self / 60).rounded()), "minute")
        default:
            let hours = (self / 1800).rounded() / 2
            return "\(hours.fixed(hours.rounded() == hours ? 0 : 1)) hours"
        }
    }
}
