import DTrainCore
import DistributedTesting
import Foundation
import Testing

@testable import Reports

/// An inspection of a text with given surprisals.
enum SampleInspection {
    static func make(_ text: String, bits: [Double], limit: Int? = nil) throws -> Inspection {
        let vocabulary = try Vocabulary(scalars: text.unicodeScalars)
        let ids = vocabulary.encode(text)
        let surprisals = zip(ids.dropFirst(), bits).map { id, bits in
            Surprisal(
                id: id, probability: Float(exp2(-bits)),
                alternatives: [.init(id: bits < 1 ? id : 1, probability: 0.5), .init(id: 2, probability: 0.25)])
        }
        let points = (1...512).map {
            MemoryCurve.Point(distance: $0, mean: pow(Double($0), -2), median: pow(Double($0), -3))
        }
        return Inspection(
            checkpoint: "run/ckpt_1.safetensors", step: 1234, trainedLength: 1000, vocabulary: vocabulary,
            name: "text.txt",
            count: limit ?? ids.count, ids: ids, surprisals: surprisals,
            memory: MemoryCurve(points: points, places: 48, context: 200))
    }
}

/// Passages, characters and the page of an inspection.
@Suite struct InspectionTests {
    @Test func theMostSurprisingPassagesDontOverlap() {
        var costs = [Double](repeating: 1, count: 200)
        costs[50] = 100
        costs[52] = 90
        costs[150] = 95
        let found = Passage.mostSurprising(3, of: costs, newlines: (0..<200).map { $0 % 10 == 9 })
        #expect(found.count == 3)
        // The earliest passage among equal sums.
        #expect(found[0].range == 13..<53 && found[0].bits == Double(38 + 190) / 40)
        #expect(found[1].range == 111..<151)
        #expect(found[0].line == 2 && found[1].line == 12)
        #expect(zip(found, found.dropFirst()).allSatisfy { !$0.range.overlaps($1.range) })
        #expect(Passage.mostSurprising(3, of: [0, 2], newlines: [false, false]).map(\.range) == [0..<2])
        #expect(Passage.mostSurprising(3, of: [], newlines: []).isEmpty)
    }

    @Test func invisibleCharactersHaveVisibleGlyphs() throws {
        let vocabulary = try Vocabulary(scalars: "\n\t a\u{7}\u{202E}é".unicodeScalars)
        func glyph(_ scalar: Unicode.Scalar) -> Glyph { Glyph(vocabulary.id(of: scalar), vocabulary) }
        #expect(glyph("\n").style == "n" && glyph("\t").style == "t" && glyph(" ").name == "space")
        #expect(glyph("a").text == "a" && glyph("é").style == nil)
        #expect(glyph("\u{7}").text == "0007" && glyph("\u{7}").style == "k")
        // A direction override would affect all following text.
        #expect(glyph("\u{202E}").text == "202e" && glyph("\u{202E}").name == "U+202E")
        #expect(Glyph(0, vocabulary).name == "[UNK]")
        #expect(
            Glyph(0x42, .bytes).text == "A" && Glyph(0x100, .bytes).name == "byte ff"
                && Glyph(0x81, .bytes).text == "80" && Glyph(1, .bytes).text == "00"
                && Glyph(0x80, .bytes).name == "byte 7f")
    }

    @Test func colorLevelsBeginAtTheirThresholds() {
        #expect([0, 0.99, 1, 3.9, 4, 7.9, 12, 126].map(SurprisalText.level) == [0, 0, 1, 3, 4, 5, 7, 7])
    }

    @Test func thePageDescribesEachCharacter() throws {
        let page = InspectionPage.html(
            try SampleInspection.make("a<b\n\"c", bits: [0.5, 2.5, 9, 1, 13], limit: 50_000))
        #expect(
            page.contains("class=\"s2\" title=\"b: 17.7 %, 2.50 bits. Likeliest: ↵ 50 %, &quot; 25 %\">b</i>"),
            "\(page)")
        #expect(page.contains("class=\"s0\" title=\"&lt;: 70.7 %, 0.50 bits."))
        #expect(page.contains("class=\"s6 n\" title=\"↵:") && page.contains(">\n</i>"))
        #expect(page.contains("the first 6 of 50,000 characters (--limit shows more)"))
        #expect(page.contains("<b>5.20 bits</b><span>per character, the mean surprisal"))
        #expect(page.contains("trained on sequences of 1,000 characters"))
        #expect(page.contains("a character of probability ½ carries 1 bit, one of ¼ carries 2."))
        #expect(
            page.contains(
                "by 1 bit up to 1 character later, by 0.1 bits up to 3 characters later, by 0.01 bits up to 10 characters"
            ))
        #expect(page.contains("script-src &#39;sha256-\(InspectionScript.hash)&#39;"))
        #expect(!page.contains("http:") && !page.contains("https:"))
    }

    @Test func theScriptMatchesItsHash() throws {
        let scratch = try ScratchFolder()
        let path = try scratch.write(InspectionScript.source.source, to: "script.js")
        let sum = try MPIRun.shell("sha256sum '\(path)'").stdout.prefix(64)
        let bytes = stride(from: 0, to: 64, by: 2).compactMap { UInt8(sum.dropFirst($0).prefix(2), radix: 16) }
        #expect(Data(bytes).base64EncodedString() == InspectionScript.hash)
    }

    @Test func farDistancesAreMerged() {
        let points = (1...512).map { MemoryCurve.Point(distance: $0, mean: 1, median: Double($0)) }
        let merged = MemorySection.merged(points)
        #expect(merged.prefix(20).map(\.distance) == Array(1...20) && merged.count < 80)
        #expect(merged.allSatisfy { abs($0.mean - 1) < 1e-12 && abs($0.median - Double($0.distance)) <= 1 })
    }
}
