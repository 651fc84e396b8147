import DTrainCore
import Pages

/// The text with each character colored by its surprisal.
struct SurprisalText {
    /// The lower bounds of the colors, in bits.
    static let bounds = [0.0, 1, 2, 3, 4, 6, 8, 12]

    let inspection: Inspection
    /// The positions of characters that are link targets.
    let anchors: Set<Int>

    /// The index of a surprisal's color.
    static func level(_ bits: Double) -> Int { (bounds.lastIndex { bits >= $0 } ?? 0) }

    var html: Markup {
        let characters = inspection.ids.indices.map(character)
        return """
            <p class="soft" id="keys">Hover over a \(inspection.unit) or tap it. With the keyboard: ← → move by \(inspection.units), ↑ ↓ by lines, Home and End to the \
            ends, N and P to the next and the previous \(inspection.unit) of 8 bits or more.</p>
            <div class="card"><pre id="text" tabindex="0" role="application" aria-label="The text, \(inspection.unit) by \(inspection.unit)" \
            data-unit="\(inspection.unit)" \
            aria-describedby="keys">\(characters.joined())</pre></div>
            <p id="detail" class="card" role="status" aria-live="polite">Nothing is selected.</p>
            """
    }

    private func character(_ place: Int) -> Markup {
        let glyph = Glyph(inspection.ids[place], inspection.vocabulary)
        let id: Markup = anchors.contains(place) ? " id=\"c\(place)\"" : ""
        let style: Markup = glyph.style.map { " \($0)" } ?? ""
        guard place > 0 else {
            return
                "<i\(id) class=\"s0\(style)\" title=\"\(glyph.name): the first \(inspection.unit), which has no prediction\">\(glyph.text)</i>"
        }
        let surprisal = inspection.surprisals[place - 1]
        return
            "<i\(id) class=\"s\(Self.level(surprisal.bits))\(style)\" title=\"\(words(glyph, surprisal))\">\(glyph.text)</i>"
    }

    private func words(_ glyph: Glyph, _ surprisal: Surprisal) -> String {
        let likely = surprisal.alternatives.map { alternative in
            "\(Glyph(alternative.id, inspection.vocabulary).name) \(share(alternative.probability))"
        }
        return
            "\(glyph.name): \(share(surprisal.probability)), \(bitsText(surprisal.bits)) bits. Likeliest: \(likely.joined(separator: ", "))"
    }

    private func share(_ probability: Float) -> String { scientific(Double(probability) * 100) + " %" }

    /// The legend: the share of characters and bits of each color.
    var legend: Markup {
        let levels = inspection.surprisals.map { (level: Self.level($0.bits), bits: $0.bits) }
        let all = levels.reduce(0) { $0 + $1.bits }
        let rows = Self.bounds.indices.map { level -> Markup in
            let own = levels.filter { $0.level == level }
            let next = level + 1 < Self.bounds.count ? " – \(decimal(Self.bounds[level + 1], 0))" : " or more"
            return """
                <tr><td class="text"><i class="s\(level) key">\u{2003}\u{2003}</i> \(decimal(Self.bounds[level], 0))\(next)</td>\
                <td>\(decimal(Double(own.count) / Double(levels.count) * 100, 1))</td>\
                <td>\(decimal(all > 0 ? own.reduce(0) { $0 + $1.bits } / all * 100 : 0, 1))</td></tr>
                """
        }
        return """
            <div class="table narrow"><table><thead><tr><th scope="col">bits</th><th scope="col">\(inspection.units), %</th>\
            <th scope="col">bits, %</th></tr></thead><tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></div>
            """
    }
}

/// Bits with two decimals.
func bitsText(_ bits: Double) -> String { decimal(bits, 2) }
