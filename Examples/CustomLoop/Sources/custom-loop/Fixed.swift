/// A number with a fixed count of decimals, rounded.
func fixed(_ value: some BinaryFloatingPoint, _ decimals: Int) -> String {
    guard value.isFinite else { return "\(value)" }
    let power = (0..<decimals).reduce(1.0) { result, _ in result * 10 }
    let digits = String(Int((Double(value).magnitude * power).rounded()))
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return (value < 0 ? "-" : "") + padded.dropLast(decimals) + "." + padded.suffix(decimals)
}
