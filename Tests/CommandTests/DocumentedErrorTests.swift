import Foundation
import Testing

/// The messages explained in `docs/clusters.md` occur in the sources.
@Suite struct DocumentedErrorTests {
    /// The texts between backticks in the first column of the table of dtrain's own errors.
    private static let messages: [String] = {
        let text = (try? TypedPage.text("docs/clusters.md")) ?? ""
        let rows = text.components(separatedBy: "\n")
            .drop { $0 != "| message | meaning | do |" }.dropFirst(2).prefix { $0.hasPrefix("|") }
        return rows.flatMap { row in
            row.split(separator: "|")[0].split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { !$0.offset.isMultiple(of: 2) && !$0.element.hasPrefix("MPI_") }.map { String($0.element) }
        }
    }()

    /// All sources, with string literals joined and `…` for interpolations.
    private static let sources: String = {
        let files = FileManager.default.enumerator(
            at: TypedPage.root.appendingPathComponent("Sources"), includingPropertiesForKeys: nil)
        let all = (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }
            .compactMap { try? String(contentsOf: $0, encoding: .utf8) }.joined(separator: "\n")
        return all.replacing(/"\s*\+\s*"/, with: "")
            .replacing(/\\\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)/, with: "…")
    }()

    /// The parts of a message that can occur in one string literal, split at the interpolations.
    static func fragments(_ message: String) -> [String] {
        message.replacingOccurrences(of: "lost: ", with: "lost…").components(separatedBy: "…")
            .map { $0.trimmingCharacters(in: .whitespaces) }
            .map { $0.hasPrefix("has not ") ? String($0.dropFirst("has ".count)) : $0 }
            .filter { $0.filter(\.isLetter).count > 1 }
    }

    @Test func theErrorTableIsParsed() {
        #expect(Self.messages.count > 25, "\(Self.messages)")
        #expect(Self.messages.contains("… was lost: killed or crashed"))
        #expect(Self.fragments("… was lost: no answer to …") == ["was lost", "no answer to"])
        #expect(Self.messages.allSatisfy { !Self.fragments($0).isEmpty })
    }

    @Test(arguments: messages)
    func documentedMessagesOccurInTheSources(message: String) {
        // Filtered outside the expectation, which would print all sources.
        let missing = Self.fragments(message).filter { !Self.sources.contains($0) }
        #expect(missing == [])
    }
}
