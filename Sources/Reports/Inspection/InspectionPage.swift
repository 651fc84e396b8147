import DTrainCore
import Glibc
import Pages

/// The page about a model's predictions of a text.
public enum InspectionPage {
    /// The maximum number of passages.
    private static let maximumPassages = 10

    /// The HTML of the page.
    public static func html(_ inspection: Inspection) -> String {
        Page(
            title: "dtrain: \(inspection.name) inspected", sheet: sheet, script: InspectionScript.script,
            body: body(inspection)
        ).html
    }

    private static func body(_ inspection: Inspection) -> Markup {
        let passages = Passage.mostSurprising(
            maximumPassages, of: [0] + inspection.surprisals.map(\.bits),
            newlines: inspection.ids.map { Glyph($0, inspection.vocabulary).style == "n" })
        let text = SurprisalText(inspection: inspection, anchors: Set(passages.map(\.range.lowerBound)))
        return """
            <h1>How well the model predicts “\(inspection.name)”</h1>
            <p class="soft">\(subtitle(inspection))</p>
            \(tiles(inspection))
            <h2>The text by surprisal</h2>
            <p>The darker a \(inspection.unit), the less the model expected it: a \(inspection.unit) of probability ½ carries 1 bit, one of ¼ carries 2.</p>
            \(text.html)
            \(text.legend)
            <h2>The most surprising passages</h2>
            \(list(passages, inspection))
            <h2>Memory</h2>
            \(MemorySection(inspection: inspection).html)
            """
    }

    private static func subtitle(_ inspection: Inspection) -> String {
        let step = inspection.step.map { ", step \($0.grouped)" } ?? ""
        let shown =
            inspection.ids.count < inspection.count
            ? "the first \(inspection.ids.count.grouped) of \(inspection.count.grouped) \(inspection.units) (--limit shows more)"
            : "all \(inspection.count.grouped) \(inspection.units)"
        return "Model \(inspection.checkpoint)\(step); \(shown), with the state carried through the text."
    }

    private static func tiles(_ inspection: Inspection) -> Markup {
        Parts.tiles([
            ("\(threeDigits(inspection.bits)) bits", "per \(inspection.unit), the mean surprisal"),
            (
                threeDigits(exp2(inspection.bits)),
                "perplexity: as uncertain as a choice among that many equally likely \(inspection.unit)s"
            ),
            ("\(decimal(inspection.accuracy(1) * 100, 1)) %", "were the model's likeliest prediction"),
            ("\(decimal(inspection.accuracy(5) * 100, 1)) %", "were among its five likeliest"),
        ])
    }

    private static func list(_ passages: [Passage], _ inspection: Inspection) -> Markup {
        let items = passages.map { passage -> Markup in
            let words = passage.range.map { place -> Markup in
                let glyph = Glyph(inspection.ids[place], inspection.vocabulary)
                let bits = place > 0 ? inspection.surprisals[place - 1].bits : 0
                let text = glyph.style == "n" ? "↵" : glyph.style == "t" ? "→" : glyph.text
                return "<i class=\"s\(SurprisalText.level(bits))\">\(text)</i>"
            }
            return """
                <li><a href="#c\(passage.range.lowerBound)">line \(passage.line.grouped), \(inspection.unit) \((passage.range.lowerBound + 1).grouped)</a>: \
                \(bitsText(passage.bits)) bits per \(inspection.unit)<pre>\(words.joined())</pre></li>
                """
        }
        return """
            <p class="soft">Passages of \(Passage.length) \(inspection.unit)s, the most surprising first.</p>
            <ol class="card passages">
            \(items.joined(separator: "\n"))
            </ol>
            """
    }

    private static let sheet: Markup = """
        #text { line-height: 1.6; max-height: 32em; overflow-y: auto; } #text i, .passages i { font-style: normal; border-radius: 2px; }
        #text i.n::before { content: "↵"; opacity: .45; } #text i.t { border-bottom: 1px dotted var(--soft); }
        i.k { font-size: var(--size-1); white-space: nowrap; border: 1px solid var(--line); } #text i.at, #text i:target { outline: 2px solid var(--text); }
        .s1 { background: rgba(196,84,28,.08); } .s2 { background: rgba(196,84,28,.16); } .s3 { background: rgba(196,84,28,.26); }
        .s4 { background: rgba(196,84,28,.36); } .s5 { background: rgba(196,84,28,.48); } .s6 { background: rgba(196,84,28,.62); }
        .s7 { background: rgba(196,84,28,.78); }
        @media (prefers-color-scheme: dark) { .s1 { background: rgba(190,72,24,.14); } .s2 { background: rgba(190,72,24,.24); }
          .s3 { background: rgba(190,72,24,.36); } .s4 { background: rgba(190,72,24,.48); } .s5 { background: rgba(190,72,24,.62); }
          .s6 { background: rgba(190,72,24,.76); } .s7 { background: rgba(190,72,24,.92); } }
        #detail { position: sticky; bottom: 8px; min-height: 3.2em; max-width: none; box-shadow: 0 1px 6px rgba(0,0,0,.25); }
        .narrow { max-width: 24em; } .narrow i.key { font-style: normal; border: 1px solid var(--line); }
        .passages { padding-left: 2.4em; } .passages li { margin: 0 0 .7em; }
        @media print { #text { max-height: none; } #detail, #keys { display: none; } }
        """
}
