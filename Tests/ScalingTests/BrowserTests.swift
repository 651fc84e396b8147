import DistributedTesting
import Foundation
import Testing

@testable import Scaling

/// The report in a real browser.
@Suite(.serialized, .enabled(if: Browser.path != nil, "\(Browser.missing)"), .timeLimit(.minutes(10)))
struct BrowserTests {
    /// Nothing overflows or overlaps; all text uses five sizes, and chart labels are between the
    /// smallest and the body size.
    @Test(arguments: [380, 800, 1280])
    func thePageFitsItsWidthAndUsesTheTypeScale(width: Int) throws {
        let folder = try ScratchFolder()
        try ResultFiles.write(try #require(Synthetic().experiment()), to: folder.path)
        let result = try ReportLayout(folder.url, width: width, question: TypeSizes.question)
        #expect(result.width == width)
        #expect(result.fits && result.out == 0, "\(result)")
        #expect(result.overlaps == 0, "\(result)")
        #expect(result.charts == 12, "\(result)")
        #expect(result.console.isEmpty, "\(result)")
        // The smallest allowed text has digits of 10 pixels.
        #expect(result.smallest >= 5, "\(result)")
        let type = try TypeSizes(result)
        #expect(type.texts == TypeSizes.scale, "\(type)")
        #expect(type.labels.lowerBound >= 11 && type.labels.upperBound <= 15, "\(type)")
    }

    /// The background is darker than the text only in dark mode.
    @Test(arguments: [false, true])
    func thePageFollowsTheColorScheme(isDark: Bool) throws {
        let folder = try ScratchFolder()
        try ResultFiles.write(try #require(Synthetic().experiment()), to: folder.path)
        let question = """
            (() => { const style = frame.contentWindow.getComputedStyle(page.body);
              return [style.backgroundColor, style.color].map((color) => color.match(/\\d+/)[0]).join(" "); })()
            """
        let answer = try ReportLayout(folder.url, width: 800, question: question, isDark: isDark).answer
        let reds = answer.split(separator: " ").compactMap { Int($0) }
        #expect(reds.count == 2 && (reds[0] < reds[1]) == isDark, "\(answer)")
    }

    /// The report prints on a few pages.
    @Test func thePagePrintsOnAFewSheets() throws {
        let folder = try ScratchFolder()
        try ResultFiles.write(try #require(Synthetic().experiment()), to: folder.path)
        let file = folder.url.appendingPathComponent("report.pdf")
        _ = try Browser.run(
            [
                "--no-pdf-header-footer", "--print-to-pdf=\(file.path)",
                folder.url.appendingPathComponent("report.html").absoluteString,
            ], in: folder.url)
        let data = try Data(contentsOf: file)
        #expect(data.starts(with: Data("%PDF".utf8)))
        let pages = String(decoding: data, as: UTF8.self).matches(of: /\/Type ?\/Page\b/).count
        #expect((3...30).contains(pages), "\(pages)")
    }

    @Test(arguments: [500, 1280])
    func thePageIsNotBlank(width: Int) throws {
        let folder = try ScratchFolder()
        try ResultFiles.write(try #require(Synthetic().experiment()), to: folder.path)
        let image = folder.url.appendingPathComponent("shot.png")
        _ = try Browser.run(
            [
                "--window-size=\(width),2000", "--screenshot=\(image.path)",
                folder.url.appendingPathComponent("report.html").absoluteString,
            ], in: folder.url)
        let data = try Data(contentsOf: image)
        #expect(data.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        // An empty page of that size has a few thousand bytes.
        #expect(data.count > 40_000, "\(data.count)")
        if let keep = ProcessInfo.processInfo.environment["DTRAIN_TEST_SCREENSHOTS"] {
            try data.write(to: URL(fileURLWithPath: "\(keep)/report-\(width).png"))
        }
    }
}
