import Foundation

/// A headless Chromium, where there is one.
public enum Browser {
    /// Its program; nil where there is none.
    public static let path = ["chromium", "chromium-browser", "google-chrome"].lazy
        .flatMap { name in
            (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":").map { "\($0)/\(name)" }
        }
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Why tests that need it are skipped.
    public static let missing = "there is no chromium or google-chrome"

    /// The argument of a screen that wants dark pages.
    public static let dark = ["--blink-settings=preferredColorScheme=0"]

    /// Runs it for at most a minute; what it wrote to standard output, and what pages wrote to their consoles.
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

/// How a page comes out on a screen of some width.
public struct ReportLayout: Decodable, Sendable {
    /// Whether nobody has to scroll sideways.
    public let fits: Bool
    /// The width that the page had.
    public let width: Int
    /// Elements that stick out.
    public let out: Int
    /// The first of them.
    public let first: String
    /// Height or width of the smallest text in a chart, in pixels.
    public let smallest: Double
    /// Texts of charts that overlap others.
    public let overlaps: Int
    /// Charts in all.
    public let charts: Int
    /// What the script in question answered.
    public let answer: String
    /// What the page wrote to the console: errors, and what its policy has blocked.
    public private(set) var console: [String] = []

    private enum CodingKeys: String, CodingKey { case fits, width, out, first, smallest, overlaps, charts, answer }

    /// Shows a page of a folder in the browser.
    ///
    /// - Parameters:
    ///   - name: the page's file name.
    ///   - question: a JavaScript expression about `page`, the document.
    ///   - isDark: whether the screen is one of those that want dark pages.
    public init(
        _ folder: URL, _ name: String = "report.html", width: Int, question: String = "''", isDark: Bool = false
    ) throws {
        let page = folder.appendingPathComponent("frame.html")
        try Self.frame(name, width: width, height: 800, question).write(to: page, atomically: true, encoding: .utf8)
        let arguments = ["--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom", page.absoluteString]
        let (dom, console) = try Browser.run((isDark ? Browser.dark : []) + arguments, in: folder)
        // The script, which says the same words, comes after the result.
        guard let rest = dom.components(separatedBy: "<pre>RESULT ").dropFirst().first,
            let text = rest.components(separatedBy: " END").first
        else { throw MPIRun.Failure(description: "the page found out nothing: \(dom.suffix(300))") }
        let json = text.replacingOccurrences(of: "&lt;", with: "<").replacingOccurrences(of: "&gt;", with: ">")
            .replacingOccurrences(of: "&amp;", with: "&")
        self = try JSONDecoder().decode(Self.self, from: Data(json.utf8))
        self.console = console
    }

    /// A page around the report, of that width since no window gets as narrow as a phone.
    ///
    /// It writes down what sticks out.
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
