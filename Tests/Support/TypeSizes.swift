/// The font sizes on a page, in screen pixels.
public struct TypeSizes: Sendable {
    /// The font sizes of all text outside charts, with one decimal.
    public let texts: Set<String>
    /// The smallest and the largest font size of chart labels.
    public let labels: ClosedRange<Double>

    /// The font sizes that a page may use.
    public static let scale: Set<String> = ["12.0", "13.4", "15.0", "18.0", "23.2"]

    /// The question about a page that `ReportLayout` must have asked.
    public static let question = """
        (() => {
          const view = frame.contentWindow, sizes = new Set();
          for (const element of page.querySelectorAll("main *:not(svg *)"))
            if ([...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ""))
              sizes.add(parseFloat(view.getComputedStyle(element).fontSize).toFixed(1));
          const labels = [...page.querySelectorAll("svg")].map((svg) =>
            parseFloat(view.getComputedStyle(svg.querySelector("text")).fontSize)
              * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width);
          return [...sizes].join(" ") + "|" + Math.min(...labels) + " " + Math.max(...labels);
        })()
        """

    /// Reads the answer to `question`.
    public init(_ layout: ReportLayout) throws {
        let parts = layout.answer.split(separator: "|")
        guard parts.count == 2, let labels = Self.range(parts[1]) else {
            throw MPIRun.Failure(description: "the page has no sizes: \(layout.answer)")
        }
        texts = Set(parts[0].split(separator: " ").map(String.init))
        self.labels = labels
    }

    private static func range(_ text: Substring) -> ClosedRange<Double>? {
        let ends = text.split(separator: " ").compactMap { Double($0) }
        guard ends.count == 2, ends[0] <= ends[1] else { return nil }
        return ends[0]...ends[1]
    }
}
