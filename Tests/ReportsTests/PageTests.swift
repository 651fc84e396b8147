import DTrainCore
import DistributedTesting
import Foundation
import Pages
import Testing

@testable import Reports

/// The pages in a real browser, at phone, tablet and desktop widths.
@Suite(.serialized, .enabled(if: Browser.path != nil, "\(Browser.missing)"), .timeLimit(.minutes(10)))
struct PageTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func show(_ page: String, _ name: String, width: Int, question: String = "''") throws -> ReportLayout {
        try scratch.write(page, to: name)
        let result = try ReportLayout(scratch.url, name, width: width, question: question)
        #expect(result.width == width)
        #expect(result.fits && result.out == 0, "\(result)")
        #expect(result.overlaps == 0, "\(result)")
        #expect(result.console.isEmpty, "\(result)")
        // The smallest allowed text has digits of 10 pixels.
        #expect(result.smallest >= 5, "\(result)")
        return result
    }

    /// Shows a page; all text must use the type scale, and chart labels must be between its
    /// smallest and the body size.
    private func showTypeSizes(_ page: String, _ name: String, width: Int) throws -> ReportLayout {
        let result = try show(page, name, width: width, question: TypeSizes.question)
        let type = try TypeSizes(result)
        #expect(type.texts.isSubset(of: TypeSizes.scale), "\(name): \(type)")
        #expect(type.labels.lowerBound >= 11 && type.labels.upperBound <= 15, "\(name): \(type)")
        return result
    }

    private static let sample = SampleText(
        file: "ckpt_1.safetensors", epoch: 1, step: 5, prompt: "\n",
        text: String(repeating: "long", count: 100) + "\n<script>alert(1)</script>")

    @Test(arguments: [380, 800, 1280], [1, 2])
    func aReportFitsItsWidthAndUsesTheTypeScale(width: Int, count: Int) throws {
        let runs = try (0..<count).map { index in
            let path = try scratch.write(
                SampleRun.metrics(epochs: 30, steps: 50, offset: 0.1 * Double(index), profile: true),
                to: "\(index).jsonl"
            )
            return try Run("a training with a rather long name that no picture has room for, number \(index)=\(path)")
        }
        let samples = [[SampleText]](repeating: [Self.sample, Self.sample], count: count)
        let result = try showTypeSizes(RunReport.html(runs, samples: samples), "report.html", width: width)
        #expect(result.charts == 7, "\(result)")
    }

    /// Lines of a play, and C source.
    private static let text = String(
        repeating:
            "First Citizen:\nWe are accounted poor citizens.\n\tif (a < b && *p++ != '\\0') { return \"x\"; } /* é 漢 */\n",
        count: 12)

    private static func inspection() throws -> Inspection {
        let count = text.unicodeScalars.count - 1
        return try SampleInspection.make(text, bits: (0..<count).map { Double($0 * 7 % 15) + 0.5 })
    }

    @Test(arguments: [380, 800, 1280])
    func anInspectionFitsItsWidthAndUsesTheTypeScale(width: Int) throws {
        let result = try showTypeSizes(InspectionPage.html(try Self.inspection()), "inspect.html", width: width)
        #expect(result.charts == 1)
    }

    /// Keys move the selection, and a screen reader can read its text.
    @Test func anInspectionRespondsToKeysAndClicks() throws {
        let question = #"""
            (() => {
              const text = page.getElementById("text"), detail = page.getElementById("detail"), said = [];
              const Event = frame.contentWindow.KeyboardEvent;
              for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "End", "Home", "n", "ArrowLeft", "p"]) {
                text.dispatchEvent(new Event("keydown", { key, bubbles: true, cancelable: true }));
                said.push(detail.textContent.match(/^\w+ [\d,]+(?=, )/)[0]);
              }
              text.children[6].click();
              said.push(detail.textContent);
              said.push([detail.getAttribute("aria-live"), text.tabIndex, text.querySelectorAll(".at").length].join(" "));
              return said.join("|");
            })()
            """#
        let inspection = try Self.inspection()
        let result = try show(InspectionPage.html(inspection), "inspect.html", width: 800, question: question)
        let said = result.answer.components(separatedBy: "|")
        // Bits are 0.5, 7.5, 14.5 …: after the first character, the third and the fifth are the
        // first with 8 bits or more.
        #expect(
            said.prefix(9) == [
                "character 1", "character 2", "character 17", "character 2",
                "character \(inspection.ids.count.grouped)", "character 1", "character 4", "character 3",
                "character 3",
            ], "\(said)")
        #expect(said[9].hasPrefix("character 7, C: "), "\(said)")
        #expect(said[10] == "polite 0 1", "\(said)")
    }

    /// Any key may be the first; arrow keys start at the first character.
    @Test(
        arguments: [("ArrowRight", "1"), ("ArrowUp", "1"), ("Home", "1"), ("n", "4"), ("End", nil)]
            as [(String, String?)])
    func anyNavigationKeyMayBeTheFirst(key: String, character: String?) throws {
        let question = #"""
            (() => {
              const text = page.getElementById("text"), Event = frame.contentWindow.KeyboardEvent;
              text.dispatchEvent(new Event("keydown", { key: "\#(key)", bubbles: true, cancelable: true }));
              return page.getElementById("detail").textContent.match(/^\w+ [\d,]+(?=, )/)[0];
            })()
            """#
        let inspection = try Self.inspection()
        let result = try show(InspectionPage.html(inspection), "inspect.html", width: 800, question: question)
        #expect(result.answer == "character \(character ?? inspection.ids.count.grouped)", "\(key): \(result)")
    }

    /// A picture is a valid standalone file in which names are escaped.
    @Test func aPictureIsValidXML() throws {
        let path = try scratch.write(SampleRun.metrics(), to: "run.jsonl")
        let picture = try RunReport.picture([try Run("<&\"'>\u{1}=\(path)")])
        try scratch.write(picture, to: "picture.svg")
        try scratch.write(
            "<!DOCTYPE html><main><img src=\"picture.svg\" style=\"width: 340px\"></main>", to: "page.html")
        let result = try ReportLayout(
            scratch.url, "page.html", width: 380, question: "page.querySelector('img').naturalWidth")
        // A broken picture has no size in a browser.
        #expect(result.answer == "680", "\(result)")
    }
}
