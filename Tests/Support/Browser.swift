import Foundation

/// A headless Chromium, if one is installed.
public enum Browser {
    /// The path of the browser; nil if none is installed.
    public static let path = ["chromium", "chromium-browser", "google-chrome"].lazy
        .flatMap { name in
            (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":").map { "\($0)/\(name)" }
        }
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// The reason why tests that need a browser are skipped.
    public static let missing = "there is no chromium or google-chrome"

    /// The argument that makes the browser prefer dark pages.
    public static let dark = ["--blink-settings=preferredColorScheme=0"]

    /// Runs the browser for at most a minute; returns its output and the pages' console lines.
    public static func run(_ arguments: [String], in folder: URL) throws -> (output: String, console: [String]) {
        guard let path else { throw MPIRun.Failure(description: missing) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let common = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
            "--user-data-dir=\(folder.path)/profile", "--allow-file-access-from-files", "--enable-logging=stderr",
            "--v=0",
        ]
        process.arguments = ["timeout", "--kill-after=5", "60", path] + common + arguments
        let files = try ["output.txt", "log.txt"].map { name in
            let file = folder.appendingPathComponent(name)
            try Data().write(to: file)
            return (file: file, handle: try FileHandle(forWritingTo: file))
        }
        process.standardOutput = files[0].handle
        process.standardError = files[1].handle
        try process.run()
        process.waitUntilExit()
        let texts = try files.map { file in
            try file.handle.close()
            return String(decoding: try Data(contentsOf: file.file), as: UTF8.self)
        }
        return (texts[0], texts[1].split(separator: "\n").filter { $0.contains(":CONSOLE") }.map(String.init))
    }
}

/// The layout of a page on a screen of some width.
public struct ReportLayout: Decodable, Sendable {
    /// Whether the page fits without horizontal scrolling.
    public let fits: Bool
    /// The width of the page in pixels.
    public let width: Int
    /// The number of elements that extend past the page's edges.
    public let out: Int
    /// The first of these elements.
    public let first: String
    /// The height or width of the smallest text in a chart, in pixels.
    public let smallest: Double
    /// The number of overlapping pairs of texts within charts.
    public let overlaps: Int
    /// The number of charts.
    public let charts: Int
    /// The value of the JavaScript expression `question`.
    public let answer: String
    /// The lines of the page's console: errors, and resources blocked by its policy.
    public private(set) var console: [String] = []

    private enum CodingKeys: String, CodingKey { case fits, width, out, first, smallest, overlaps, charts, answer }

    /// Loads a page of a folder in the browser and measures its layout.
    ///
    /// - Parameters:
    ///   - folder: the folder of the page.
    ///   - name: the page's file name.
    ///   - width: the width of the page in pixels.
    ///   - question: a JavaScript expression about `page`, the document.
    ///   - isDark: whether the browser prefers dark pages.
    public init(
        _ folder: URL, _ name: String = "report.html", width: Int, question: String = "''", isDark: Bool = false
    ) throws {
        let page = folder.appendingPathComponent("frame.html")
        try Self.frame(name, width: width, height: 800, question).write(to: page, atomically: true, encoding: .utf8)
        let arguments = ["--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom", page.absoluteString]
        let (dom, console) = try Browser.run((isDark ? Browser.dark : []) + arguments, in: folder)
        // The page's own script, which contains the same words, comes after the result.
        guard let rest = dom.components(separatedBy: "<pre>RESULT ").dropFirst().first,
            let text = rest.components(separatedBy: " END").first
        else { throw MPIRun.Failure(description: "the page printed no result: \(dom.suffix(300))") }
        let json = text.replacingOccurrences(of: "&lt;", with: "<").replacingOccurrences(of: "&gt;", with: ">")
            .replacingOccurrences(of: "&amp;", with: "&")
        self = try JSONDecoder().decode(Self.self, from: Data(json.utf8))
        self.console = console
    }

    /// Returns a page that loads the report in a frame and measures it.
    ///
    /// A frame can be as narrow as a phone; a browser window can't.
    private static func frame(_ name: String, width: Int, height: Int, _ question: String) -> String {
        """
        <!DOCTYPE html><html style="color-scheme: light dark"><body style="margin:0"><iframe src="\(name)" width="\(width)" height="\(height)"
        style="border:0"></iframe><pre></pre><script>
        const frame = document.querySelector("iframe");
        frame.onload = () => {
          const page = frame.contentDocument, root = page.documentElement, out = [];
          for (const element of page.querySelectorAll("details")) element.open = true;
          const inside = (element) => element.closest(".table") !== null;
          for (const element of page.querySelectorAll("main *")) {
            const box = element.getBoundingClientRect();
            if (!inside(element) && box.width > 0 && (box.left < -0.5 || box.right > frame.clientWidth + 0.5))
              out.push(element.outerHTML.slice(0, 80));
          }
          const texts = [...page.querySelectorAll("svg text")].map((text) => text.getBoundingClientRect());
          const overlaps = [...page.querySelectorAll("svg")].map((svg) => {
            const boxes = [...svg.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
            return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => a.left < b.right - 1 && b.left < a.right - 1
              && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length;
          }).reduce((a, b) => a + b, 0);
          document.querySelector("pre").textContent = "RESULT " + JSON.stringify({
            fits: root.scrollWidth <= frame.contentWindow.innerWidth, width: frame.contentWindow.innerWidth, out: out.length,
            smallest: Math.min(1000, ...texts.map((box) => Math.min(box.width, box.height))),
            overlaps: overlaps, charts: page.querySelectorAll("svg").length, first: out[0] || "",
            answer: String(\(question)) }) + " END";
        };
        </script></body></html>
        """
    }
}
