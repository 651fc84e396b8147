/// A series of numbers by step with at most 600 points; neighbors are averaged.
///
/// Its memory doesn't grow with the length of a run.
struct Trace: Hashable {
    /// Consecutive values averaged to one point.
    private struct Bin: Hashable {
        var last: Int
        var weight: Double
        var sum: Double
        var count: Int
    }

    /// The maximum number of points.
    static let maximumPoints = 600

    private var bins: [Bin] = []
    /// The number of values in a full point.
    private(set) var valuesPerPoint = 1
    /// The number of values added.
    private(set) var valueCount = 0
    /// The first value added; nil if there is none.
    private(set) var firstValue: Double?
    /// The last value added; nil if there is none.
    private(set) var lastValue: Double?

    /// Appends a value.
    ///
    /// - Parameters:
    ///   - step: the value's step, after all earlier ones.
    ///   - weight: its weight in the mean of a point.
    mutating func add(_ value: Double, at step: Int, weight: Double = 1) {
        valueCount += 1
        firstValue = firstValue ?? value
        lastValue = value
        if var bin = bins.last, bin.count < valuesPerPoint {
            bin.last = step
            bin.weight += weight
            bin.sum += value * weight
            bin.count += 1
            bins[bins.count - 1] = bin
            return
        }
        if bins.count == Self.maximumPoints { halve() }
        bins.append(Bin(last: step, weight: weight, sum: value * weight, count: 1))
    }

    private mutating func halve() {
        bins = stride(from: 0, to: bins.count - 1, by: 2).map { index in
            let (left, right) = (bins[index], bins[index + 1])
            return Bin(
                last: right.last, weight: left.weight + right.weight, sum: left.sum + right.sum,
                count: left.count + right.count)
        }
        valuesPerPoint *= 2
    }

    /// The mean of each point's values, at the last of their steps.
    var points: [(x: Double, y: Double)] {
        bins.filter { $0.weight > 0 }.map { (x: Double($0.last), y: $0.sum / $0.weight) }
    }

    var isEmpty: Bool { bins.isEmpty }
}
