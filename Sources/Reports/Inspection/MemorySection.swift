import DTrainCore
import Glibc
import Pages

/// The section about the length of the model's memory.
struct MemorySection {
    let inspection: Inspection

    /// The smallest divergence shown: float32 rounding hides less.
    private static let least = 1e-7

    var html: Markup {
        guard let curve = inspection.memory else {
            return "<p>The text is too short to measure memory, or it repeats one \(inspection.unit).</p>"
        }
        return "<p>\(summary(curve))</p>\n<p class=\"soft\">\(method(curve))</p>\n" + Parts.charts([chart(curve)])
            + Parts.details("The same as a table", table(curve).html)
    }

    private func summary(_ curve: MemoryCurve) -> String {
        let units = inspection.units
        let bounds = [(1, "1 bit"), (0.1, "0.1 bits"), (0.01, "0.01 bits"), (0.001, "0.001 bits")]
        let reached = bounds.compactMap { bits, text in
            curve.reach(bits).map {
                "by \(text) up to \(count($0, inspection.unit)) later"
            }
        }
        let trained =
            inspection.trainedLength.map { " The model was trained on sequences of \($0.grouped) \(units)." } ?? ""
        guard !reached.isEmpty else { return "A changed \(inspection.unit) hardly changes the predictions.\(trained)" }
        let end = curve.points.last?.distance ?? 0
        let bound = curve.reach(0.001) == end ? " (\(end.grouped) is the longest distance measured)" : ""
        return
            "A changed \(inspection.unit) still changes the prediction, on average, \(reached.joined(separator: ", "))\(bound).\(trained)"
    }

    private func method(_ curve: MemoryCurve) -> String {
        "At \(count(curve.places, "place")) one \(inspection.unit) was replaced by another of the text, after \(count(curve.context, inspection.unit)) "
            + "of context from a zero state. Shown is the divergence D(unchanged ‖ changed) of the predictions that follow."
    }

    private func chart(_ curve: MemoryCurve) -> LineChart {
        let points = Self.merged(curve.points)
        func line(
            _ name: String, _ color: Int, _ style: LineChart.Line.Style, _ value: KeyPath<MemoryCurve.Point, Double>
        )
            -> LineChart.Line
        {
            LineChart.Line(
                name: name, color: color, style: style,
                points: points.map { (x: Double($0.distance), y: $0[keyPath: value]) }.filter { $0.y >= Self.least })
        }
        let lines = [line("mean", 1, .solid, \.mean), line("median", 2, .dashed, \.median)]
        return LineChart(
            title: "Memory", xLabel: "\(inspection.units) after the changed one", yLabel: "bits",
            x: .ranks(points.map { Double($0.distance) }), y: .decades(lines.flatMap { $0.points.map(\.y) }),
            yText: scientific, lines: lines)
    }

    /// Averages neighboring points at long distances, which are noisy and drawn close together.
    static func merged(_ points: [MemoryCurve.Point]) -> [MemoryCurve.Point] {
        var result: [MemoryCurve.Point] = []
        var start = 0
        while start < points.count {
            let part = points[start..<min(points.count, start + max(1, start / 10))]
            func mean(_ value: KeyPath<MemoryCurve.Point, Double>) -> Double {
                part.reduce(0) { $0 + $1[keyPath: value] } / Double(part.count)
            }
            result.append(
                MemoryCurve.Point(
                    distance: part[part.startIndex + part.count / 2].distance, mean: mean(\.mean),
                    median: mean(\.median)))
            start = part.endIndex
        }
        return result
    }

    private func table(_ curve: MemoryCurve) -> Table {
        let shown = curve.points.filter { point in
            [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512].contains(point.distance)
        }
        return Table(
            ["\(inspection.units) later", "mean, bits", "median, bits"],
            shown.map { [$0.distance.grouped, scientific($0.mean), scientific($0.median)] })
    }
}
