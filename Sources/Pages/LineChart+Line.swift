extension LineChart {
    /// One curve or one set of points.
    package struct Line: Sendable {
        /// How it is drawn.
        package enum Style: String, Sendable { case solid, dashed, dotted, dots, rings }

        package let name: String
        let color: Int
        package let style: Style
        package let points: [(x: Double, y: Double)]
        package let intervals: [(low: Double, high: Double)]

        /// Describes a line.
        ///
        /// - Parameters:
        ///   - name: what the legend calls it.
        ///   - color: a number of the palette, from 1.
        ///   - style: how it is drawn.
        ///   - points: what is drawn, from left to right.
        ///   - intervals: the ends of each point's interval, where there is one.
        package init(
            name: String, color: Int, style: Style, points: [(x: Double, y: Double)],
            intervals: [(low: Double, high: Double)] = []
        ) {
            (self.name, self.color, self.style) = (name, color, style)
            (self.points, self.intervals) = (points, intervals)
        }
    }
}
