import Glibc
import Pages

/// The dotted line of perfect scaling in a chart.
enum IdealLine {
    private static let pieces = 32

    /// The part of the line inside the chart.
    ///
    /// - Parameters:
    ///   - range: the numbers of workers to draw it for.
    ///   - axis: the chart's vertical axis.
    ///   - value: the ideal value for a number of workers.
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
