import Glibc
import Pages

/// What perfect scaling would give: a dotted line in a chart.
enum IdealLine {
    private static let pieces = 32

    /// The line as far as it lies within the chart.
    ///
    /// - Parameters:
    ///   - range: the numbers of workers from which to which it is drawn.
    ///   - axis: the chart's vertical axis.
    ///   - value: what is ideal for a number of workers.
    static func line(
        _ name: String, color: Int, over range: ClosedRange<Double>, within axis: Axis, _ value: (Double) -> Double
    ) -> LineChart.Line {
        let ratio = range.upperBound / range.lowerBound
        let points = (0...pieces).map { piece -> (x: Double, y: Double) in
            let workers = range.lowerBound * pow(ratio, Double(piece) / Double(pieces))
            return (workers, value(workers))
        }
        let shown = ratio > 1 ? points.filter { $0.y >= axis.lowest && $0.y <= axis.highest * (1 + 1e-9) } : []
        return LineChart.Line(name: name, color: color, style: .dotted, points: shown)
    }
}
