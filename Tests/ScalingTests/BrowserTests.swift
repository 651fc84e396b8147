import Foundation
import Testing

@testable import Scaling

/// A headless Chromium, where there is one.
private enum Browser {
    static let path = ["chromium", "chromium-browser", "google-chrome"].lazy
        .flatMap { name in
            (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":").map { "\($0)/\(name)" }
        }
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Runs it for at most a minute; what it wrote to standard output.
    static func run(_ arguments: [String], in folder: URL) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let common = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
            "--user-data-dir=\(folder.path)/profile", "--allow-file-access-from-files",
        ]
        process.arguments = ["timeout", "--kill-after=5", "60", try #require(path)] + common + arguments
        let output = folder.appendingPathComponent("output.txt")
        try Data().write(to: output)
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try handle.close()
        return String(decoding: try Data(contentsOf: output), as: UTF8.self)
    }
}

/// The report in a real browser.
@Suite(.serialized, .enabled(if: Browser.path != nil, "there is no chromium or google-chrome"), .timeLimit(.minutes(3)))
struct BrowserTests {
    private final class Folder {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-report-\(UUID().uuidString)")
        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: url) }
    }

    /// A page around the report, of that width since no window gets as narrow as a phone.
    ///
    /// It writes down what sticks out.
    private func frame(width: Int, height: Int) -> String {
        """
        <!DOCTYPE html><html><body style="margin:0"><iframe src="report.html" width="\(width)" height="\(height)"
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
            smallest: Math.min(...texts.map((box) => Math.min(box.width, box.height))),
            overlaps: overlaps, charts: page.querySelectorAll("svg").length, first: out[0] || "" }) + " END";
        };
        </script></body></html>
        """
    }

    private struct Result: Decodable {
        let fits: Bool
        let width: Int
        let out: Int
        let smallest: Double
        let overlaps: Int
        let charts: Int
        let first: String
    }

    @Test(arguments: [375, 1280])
    func nothingOverflowsOrOverlaps(width: Int) throws {
        let folder = try Folder()
        try ResultFiles.write(try #require(Synthetic().experiment()), to: folder.url.path)
        let page = folder.url.appendingPathComponent("frame.html")
        try frame(width: width, height: 800).write(to: page, atomically: true, encoding: .utf8)
        let arguments = ["--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom", page.absoluteString]
        let dom = try Browser.run(arguments, in: folder.url)
        // The script, which says the same words, comes after the result.
        let rest = try #require(dom.components(separatedBy: "<pre>RESULT ").dropFirst().first, "\(dom.suffix(300))")
        let text = try #require(rest.components(separatedBy: " END").first)
        let result = try JSONDecoder().decode(
            Result.self, from: Data(text.replacingOccurrences(of: "&lt;", with: "<").utf8))
        #expect(result.width == width)
        #expect(result.fits && result.out == 0, "\(result)")
        #expect(result.overlaps == 0, "\(result)")
        #expect(result.charts == 10, "\(result)")
        // Digits of 10 pixels are as small as text may be.
        #expect(result.smallest >= 5, "\(result)")
    }

    @Test(arguments: [500, 1280])
    func isPainted(width: Int) throws {
        let folder = try Folder()
        try ResultFiles.write(try #require(Synthetic().experiment()), to: folder.url.path)
        let image = folder.url.appendingPathComponent("shot.png")
        _ = try Browser.run(
            [
                "--window-size=\(width),2000", "--screenshot=\(image.path)",
                folder.url.appendingPathComponent("report.html").absoluteString,
            ], in: folder.url)
        let data = try Data(contentsOf: image)
        #expect(data.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        // An empty page of that size takes a few thousand bytes.
        #expect(data.count > 40_000, "\(data.count)")
        if let keep = ProcessInfo.processInfo.environment["DTRAIN_TEST_SCREENSHOTS"] {
            try data.write(to: URL(fileURLWithPath: "\(keep)/report-\(width).png"))
        }
    }
}
