/// A chart of curves and measured points, as SVG with a legend above it.
struct LineChart {
    /// One curve or one set of points.
    struct Line {
        /// How it is drawn.
        enum Style: String { case solid, dashed, dots, rings }

        let name: String
        /// A number of the palette.
        let color: Int
        let style: Style
        let points: [(x: Double, y: Double)]
        /// The ends of each point's interval, where there is one.
        var intervals: [(low: Double, high: Double)] = []
    }

    let title: String
    let xLabel: String
    let yLabel: String
    let x: Axis
    let y: Axis
    let yText: (Double) -> String
    let lines: [Line]

    // The size on a phone's screen, where the text is as large as the page's; larger screens show it larger.
    private let width = 340.0
    private let height = 236.0
    private let left = 64.0
    private let right = 10.0
    private let top = 8.0
    private let bottom = 38.0

    var html: String {
        let drawn = lines.filter { !$0.points.isEmpty }
        let description = "\(title): \(yLabel) by \(xLabel)"
        return """
            <figure class="card"><h3>\(escaped(title))</h3>
            <p class="legend">\(drawn.map(legend).joined(separator: "\n"))</p>
            <svg viewBox="0 0 \(number(width)) \(number(height))" role="img" aria-label="\(escaped(description))">
            \(grid)
            \(drawn.map(draw).joined(separator: "\n"))
            </svg></figure>

            """
    }

    private func legend(_ line: Line) -> String {
        "<span class=\"key \(line.style.rawValue) c\(line.color)\"><i></i>\(escaped(line.name))</span>"
    }

    private var grid: String {
        var parts = y.ticks.map { tick in
            let position = number(placeY(tick))
            return "<line class=\"grid\" x1=\"\(number(left))\" x2=\"\(number(width - right))\" y1=\"\(position)\" "
                + "y2=\"\(position)\"/><text class=\"end\" x=\"\(number(left - 5))\" y=\"\(number(placeY(tick) + 3.5))\">"
                + "\(yText(tick))</text>"
        }
        parts += x.ticks.filter { x.position($0) >= -0.001 && x.position($0) <= 1.001 }.map { tick in
            let position = number(placeX(tick))
            return "<line class=\"tick\" x1=\"\(position)\" x2=\"\(position)\" y1=\"\(number(height - bottom))\" "
                + "y2=\"\(number(height - bottom + 4))\"/><text class=\"middle\" x=\"\(position)\" "
                + "y=\"\(number(height - bottom + 15))\">\(decimal(tick, 0))</text>"
        }
        let center = (top + height - bottom) / 2
        parts.append(
            "<text class=\"middle label\" x=\"\(number((left + width - right) / 2))\" y=\"\(number(height - 5))\">"
                + "\(escaped(xLabel))</text><text class=\"middle label\" transform=\"translate(9 \(number(center))) "
                + "rotate(-90)\">\(escaped(yLabel))</text>")
        return parts.joined(separator: "\n")
    }

    private func draw(_ line: Line) -> String {
        let places = line.points.map { (x: number(placeX($0.x)), y: number(placeY($0.y))) }
        switch line.style {
        case .solid, .dashed:
            let path = places.map { "\($0.x),\($0.y)" }.joined(separator: " ")
            return "<polyline class=\"\(line.style.rawValue) c\(line.color)\" points=\"\(path)\"/>"
        case .dots, .rings:
            let bars = zip(line.points, line.intervals).map { point, interval in
                let position = number(placeX(point.x))
                return "<line class=\"bar c\(line.color)\" x1=\"\(position)\" x2=\"\(position)\" "
                    + "y1=\"\(number(placeY(interval.low)))\" y2=\"\(number(placeY(interval.high)))\"/>"
            }
            let marks = places.map {
                "<circle class=\"\(line.style.rawValue) c\(line.color)\" cx=\"\($0.x)\" cy=\"\($0.y)\" "
                    + "r=\"\(line.style == .dots ? "4" : "6.5")\"/>"
            }
            return (bars + marks).joined(separator: "\n")
        }
    }

    private func placeX(_ value: Double) -> Double { left + x.position(value) * (width - left - right) }

    private func placeY(_ value: Double) -> Double {
        height - bottom - min(1, max(0, y.position(value))) * (height - top - bottom)
    }
}

/// A coordinate.
func number(_ value: Double) -> String { decimal(value, 1) }

/// Text inside of HTML or of an attribute.
func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
        switch character {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        default: result.append(character)
        }
    }
    return result
}
