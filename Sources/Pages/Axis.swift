import Glibc

/// One axis of a chart: from values to a length.
package struct Axis: Sendable {
    /// Equal lengths for equal differences, or for equal ratios.
    package enum Scale: Sendable { case linear, logarithmic }

    package let scale: Scale
    package let lowest: Double
    package let highest: Double
    package let ticks: [Double]

    /// From 0 to a round number above all values, with four to six ticks.
    package static func linear(_ values: [Double], atLeast: Double = 0) -> Axis {
        let most = max(values.filter(isUsable).max() ?? 1, atLeast, 1e-12) * 1.02
        let magnitude = pow(10, floor(log10(most / 4)))
        let step = [1.0, 2, 2.5, 5, 10].map { $0 * magnitude }.first { $0 * 5 >= most } ?? most
        let count = Int((most / step).rounded(.up))
        let ticks = (0...count).map { Double($0) * step }
        return Axis(scale: .linear, lowest: 0, highest: ticks.last ?? most, ticks: ticks)
    }

    /// Between round numbers around all values, with three to eight ticks.
    package static func range(_ values: [Double]) -> Axis {
        let (low, high) = ends(values)
        let step = roundStep((high - low) / 6)
        let (first, last) = (floor(low / step + 1e-9), ceil(high / step - 1e-9))
        let ticks = (0...min(mostIntervals, Int(last - first))).map { (first + Double($0)) * step }
        return Axis(scale: .linear, lowest: first * step, highest: last * step, ticks: ticks)
    }

    /// From the least of some whole numbers to the largest, with ticks at round ones.
    package static func counts(_ values: [Double]) -> Axis {
        let (low, high) = ends(values)
        let step = max(1, roundStep((high - low) / 5))
        let start = ceil(low / step) * step
        let count = min(mostIntervals, Int(floor((high - start) / step + 1e-9)))
        var ticks = count < 0 ? [] : (0...count).map { start + Double($0) * step }
        if let first = ticks.first, first - low > step * 0.4 { ticks.insert(low, at: 0) }
        return Axis(scale: .linear, lowest: low, highest: high, ticks: ticks)
    }

    /// Powers of two around all values, at most seven ticks.
    package static func ranks(_ values: [Double]) -> Axis {
        let usable = values.filter(isUsable)
        let (low, high) = (max(1, usable.min() ?? 1), max(2, usable.max() ?? 2))
        let (first, last) = (Int(floor(log2(low))), Int(ceil(log2(high))))
        let stride = max(1, (last - first + 5) / 6)
        let ticks = Swift.stride(from: first, through: last, by: stride).map { pow(2, Double($0)) }
        // Room beside the outermost points.
        return Axis(scale: .logarithmic, lowest: low / 1.1, highest: high * 1.1, ticks: ticks)
    }

    /// Powers of ten around all values, with at most seven ticks.
    package static func decades(_ values: [Double]) -> Axis {
        let usable = values.filter { $0 >= smallest && isUsable($0) }
        let (first, last) = (floor(log10(usable.min() ?? 1)), ceil(log10(usable.max() ?? 10)))
        let end = max(last, first + 1)
        let step = max(1, Int(ceil((end - first) / 6)))
        let ticks = Swift.stride(from: Int(first), through: Int(end), by: step).map { pow(10, Double($0)) }
        return Axis(scale: .logarithmic, lowest: pow(10, first), highest: pow(10, end), ticks: ticks)
    }

    /// A tick, with as many decimals as all of them need.
    package func text(_ tick: Double) -> String {
        // Ticks that are written alike would be of no use.
        let tolerance = 1e-4 * (zip(ticks, ticks.dropFirst()).map { $1 - $0 }.min() ?? abs(tick))
        let decimals = (0..<6).first { count in
            let unit = pow(10, -Double(count))
            return ticks.allSatisfy { abs(($0 / unit).rounded() * unit - $0) <= tolerance }
        }
        return decimals.map { decimal(tick, $0) } ?? scientific(tick)
    }

    /// Where a value lies, from 0 at the lowest to 1 at the highest.
    package func position(_ value: Double) -> Double {
        switch scale {
        case .linear: (value - lowest) / (highest - lowest)
        case .logarithmic: log(max(value, lowest * 1e-3) / lowest) / log(highest / lowest)
        }
    }

    /// Larger numbers overflow in an axis's arithmetic, and smaller differences vanish in it.
    private static let (largest, smallest) = (1e100, 1e-100)
    /// More intervals between ticks than any axis needs.
    private static let mostIntervals = 20

    private static func isUsable(_ value: Double) -> Bool { abs(value) <= largest }

    /// Two different numbers that enclose all values.
    private static func ends(_ values: [Double]) -> (Double, Double) {
        let usable = values.filter(isUsable)
        let (low, high) = (usable.min() ?? 0, usable.max() ?? 1)
        let size = max(abs(low), abs(high))
        guard high - low <= max(size * 1e-9, smallest) else { return (low, high) }
        let room = size <= smallest ? 1 : size * 0.1
        return (low - room, high + room)
    }

    /// The least of 1, 2, 2.5, 5 and 10 times a power of ten that is no less.
    private static func roundStep(_ least: Double) -> Double {
        let magnitude = pow(10, floor(log10(least)))
        return [1.0, 2, 2.5, 5, 10].map { $0 * magnitude }.first { $0 >= least * (1 - 1e-9) } ?? least
    }
}
