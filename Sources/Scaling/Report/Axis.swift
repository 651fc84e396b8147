import Glibc

/// One axis of a chart: from values to a length.
struct Axis {
    /// Equal lengths for equal differences, or for equal ratios.
    enum Scale { case linear, logarithmic }

    let scale: Scale
    let lowest: Double
    let highest: Double
    let ticks: [Double]

    /// From 0 to a round number above all values, with four to six ticks.
    static func linear(_ values: [Double], atLeast: Double = 0) -> Axis {
        let most = max(values.filter(\.isFinite).max() ?? 1, atLeast, 1e-12) * 1.02
        let magnitude = pow(10, floor(log10(most / 4)))
        let step = [1.0, 2, 2.5, 5, 10].map { $0 * magnitude }.first { $0 * 5 >= most } ?? most
        let count = Int((most / step).rounded(.up))
        let ticks = (0...count).map { Double($0) * step }
        return Axis(scale: .linear, lowest: 0, highest: ticks.last ?? most, ticks: ticks)
    }

    /// Powers of two around all values, at most seven ticks.
    static func ranks(_ values: [Double]) -> Axis {
        let (low, high) = (max(1, values.min() ?? 1), max(2, values.max() ?? 2))
        let (first, last) = (Int(floor(log2(low))), Int(ceil(log2(high))))
        let stride = max(1, (last - first + 5) / 6)
        let ticks = Swift.stride(from: first, through: last, by: stride).map { pow(2, Double($0)) }
        // Room beside the outermost points.
        return Axis(scale: .logarithmic, lowest: low / 1.1, highest: high * 1.1, ticks: ticks)
    }

    /// Powers of ten around all values.
    static func decades(_ values: [Double]) -> Axis {
        let usable = values.filter { $0 > 0 && $0.isFinite }
        let (first, last) = (floor(log10(usable.min() ?? 1)), ceil(log10(usable.max() ?? 10)))
        let end = max(last, first + 1)
        let ticks = Swift.stride(from: first, through: end, by: 1).map { pow(10, $0) }
        return Axis(scale: .logarithmic, lowest: pow(10, first), highest: pow(10, end), ticks: ticks)
    }

    /// Where a value lies, from 0 at the lowest to 1 at the highest.
    func position(_ value: Double) -> Double {
        switch scale {
        case .linear: (value - lowest) / (highest - lowest)
        case .logarithmic: log(max(value, lowest * 1e-3) / lowest) / log(highest / lowest)
        }
    }
}
