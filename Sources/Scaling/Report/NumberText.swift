import Glibc

/// Decimal notation with a fixed number of decimals.
func decimal(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return "–" }
    var buffer = [CChar](repeating: 0, count: 400)
    let count = withVaList([decimals, value]) { vsnprintf(&buffer, buffer.count, "%.*f", $0) }
    guard count > 0, count < buffer.count else { return "\(value)" }
    let text = String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.hasPrefix("-") && text.allSatisfy({ "-0.".contains($0) }) ? String(text.dropFirst()) : text
}

/// With as many decimals as three digits take.
func threeDigits(_ value: Double) -> String {
    let size = abs(value)
    return decimal(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2)
}

/// A number without needless decimals.
func plain(_ value: Double) -> String { value.rounded() == value ? decimal(value, 0) : threeDigits(value) }

/// Seconds in a unit that suits them.
func seconds(_ value: Double) -> String {
    let size = abs(value)
    if size == 0 { return "0 s" }
    if size >= 0.1 { return "\(threeDigits(value)) s" }
    if size >= 1e-4 { return "\(threeDigits(value * 1e3)) ms" }
    return "\(threeDigits(value * 1e6)) µs"
}

/// A share in per cent.
func percent(_ value: Double, signed: Bool = false) -> String {
    let sign = signed && value > 0 ? "+" : ""
    return sign + decimal(value * 100, abs(value) < 0.0995 ? 1 : 0) + " %"
}

/// A number with k, M, G.
func compact(_ value: Double) -> String {
    let size = abs(value)
    if size >= 0.9995e9 { return threeDigits(value / 1e9) + " G" }
    if size >= 0.9995e6 { return threeDigits(value / 1e6) + " M" }
    if size >= 0.9995e3 { return threeDigits(value / 1e3) + " k" }
    return threeDigits(value)
}

/// Bytes.
func bytes(_ value: Double) -> String { compact(value) + (abs(value) >= 0.9995e3 ? "B" : " B") }
