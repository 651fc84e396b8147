import Glibc

/// An axis of a chart, which maps values to positions.
package struct Axis: Sendable {
    /// The scale: equal lengths for equal differences (linear) or equal ratios (logarithmic).
    package enum Scale: Sendable { case linear, logarithmic }

    package let scale: Scale
    package let lowest: Double
    package let highest: Double
    package let ticks: [Double]

    /// An axis from 0 to a round number above all values, with four to six ticks.
    package static func linear(_ values: [Double], atLeast: Double = 0) -> Axis {
        let most = max(values.filter(isUsable).max() ?? 1, atLeast, 1e-12) * 1.02
        let magnitude = pow(10, floor(log10(most / 4)))
        let step = [1.0, 2, 2.5, 5, 10].map { $0 * magnitude }.first { $0 * 5 >= most } ?? most
        let count = Int((most / step).rounded(.up))
        let ticks = (0...count).map { Double($0) * step }
        return Axis(scale: .linear, lowest: 0, highest: ticks.last ?? most, ticks: ticks)
    }

    /// An axis between round numbers around all values, with three to eight ticks.
    package static func range(_ values: [Double]) -> Axis {
        let (low, high) = ends(values)
        let step = roundStep((high - low) / 6)
        let (first, last) = (floor(low / step + 1e-9), ceil(high / step - 1e-9))
        let ticks = (0...min(maximumIntervals, Int(last - first))).map { (first + Double($0)) * step }
        return Axis(scale: .linear, lowest: first * step, highest: last * step, ticks: ticks)
    }

    /// An axis from the least to the largest of some whole numbers, with ticks at round numbers.
    package static func counts(_ values: [Double]) -> Axis {
        let (low, high) = ends(values)
        let step = max(1, roundStep((high - low) / 5))
        let start = ceil(low / step) * step
        let count = min(maximumIntervals, Int(floor((high - start) / step + 1e-9)))
        var ticks = count < 0 ? [] : (0...count).map { start + Double($0) * step }
        if let first = ticks.first, first - low > step * 0.4 { ticks.insert(low, at: 0) }
        return Axis(scale: .linear, lowest: low, highest: high, ticks: ticks)
    }

    /// A logarithmic axis with at most seven ticks at powers of two.
    package static func ranks(_ values: [Double]) -> Axis {
        let usable = values.filter(isUsable)
        let (low, high) = (max(1, usable.min() ?? 1), max(2, usable.max() ?? 2))
        let (first, last) = (Int(floor(log2(low))), Int(ceil(log2(high))))
        let stride = max(1, (last - first + 5) / 6)
        let ticks = Swift.stride(from: first, through: last, by: stride).map { pow(2, Double($0)) }
        // Leaves room beside the outermost points.
        return Axis(scale: .logarithmic, lowest: low / 1.1, highest: high * 1.1, ticks: ticks)
    }

    /// A logarithmic axis between powers of ten around all values, with at most seven ticks.
    package static func decades(_ values: [Double]) -> Axis {
        let usable = values.filter { $0 >= smallest && isUsable($0) }
        let (first, last) = (floor(log10(usable.min() ?? 1)), ceil(log10(usable.max() ?? 10)))
        let end = max(last, first + 1)
        let step = max(1, Int(ceil((end - first) / 6)))
        let ticks = Swift.stride(from: Int(first), through: Int(end), by: step).map { pow(10, Double($0)) }
        return Axis(scale: .logarithmic, lowest: pow(10, first), highest: pow(10, end), ticks: ticks)
    }

    /// The text of a tick, with the decimals that distinguish all ticks.
    package func text(_ tick: Double) -> String {
        // Two ticks must not have the same text.
        let tolerance = 1e-4 * (zip(ticks, ticks.dropFirst()).map { $1 - $0 }.min() ?? abs(tick))
        let decimals = (0..<6).first { count in
            let unit = pow(10, -Double(count))
            return ticks.allSatisfy { abs(($0 / unit).rounded() * unit - $0) <= tolerance }
        }
        return decimals.map { decimal(tick, $0) } ?? scientific(tick)
    }

    /// The position of a value, from 0 at the lowest to 1 at the highest.
    package func position(_ value: Double) -> Double {
        switch scale {
        case .linear: (value - lowest) / (highest - lowest)
        case .logarithmic: log(max(value, lowest * 1e-3) / lowest) / log(highest / lowest)
        }
    }

    /// The range of usable magnitudes: larger numbers overflow, smaller differences vanish.
    private static let (largest, smallest) = (1e100, 1e-100)
    /// A bound on the intervals between ticks, above any axis's need.
    private static let maximumIntervals = 20

    private static func isUsable(_ value: Double) -> Bool { abs(value) <= largest }

    /// Two distinct numbers that enclose all values.
    private static func ends(_ values: [Double]) -> (Double, Double) {
        let usable = values.filter(isUsable)
        let (low, high) = (usable.min() ?? 0, usable.max() ?? 1)
        let size = max(abs(low), abs(high))
        guard high - low <= max(size * 1e-9, smallest) else { return (low, high) }
        let room = size <= smallest ? 1 : size * 0.1
        return (low - room, high + room)
    }

    /// The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that isn't below `least`.
    private static func roundStep(_ least: Double) -> Double {
        let magnitude = pow(10, floor(log10(least)))
        return [1.0, 2, 2.5, 5, 10].map { $0 * magnitude }.first { $0 >= least * (1 - 1e-9) } ?? least
    }
}
