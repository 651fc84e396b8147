import DTrainCore

// Numbers in human-readable form.

extension Double {
    /// Seconds as minutes and seconds, with hours if needed: `0:07`, `8:46`, `1:02:03`.
    var clock: String {
        guard isFinite, self < 1e9 else { return "?" }
        let seconds = Int(max(0, self).rounded())
        func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (minutes, rest) = (seconds / 60 % 60, padded(seconds % 60))
        return seconds < 3600 ? "\(minutes):\(rest)" : "\(seconds / 3600):\(padded(minutes)):\(rest)"
    }

    /// Three digits, with k, M or G for thousands, millions or billions: `874`, `11.2k`, `1.05M`.
    var short: String {
        guard isFinite else { return "?" }
        var (value, units) = (self, ["", "k", "M", "G"][...])
        // A value that rounds to 1000 moves to the next unit.
        while value.magnitude >= 999.5, units.count > 1 { (value, units) = (value / 1000, units.dropFirst()) }
        let decimals = units.first == "" || value.magnitude >= 99.95 ? 0 : value.magnitude >= 9.995 ? 1 : 2
        return value.fixed(decimals) + (units.first ?? "")
    }
}
