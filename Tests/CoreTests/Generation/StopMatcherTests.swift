import Testing

@testable import DTrainCore

/// Matching of stop texts.
@Suite struct StopMatcherTests {
    /// The expected match: the longest stop that ends the text, and the length of its suffix that
    /// may start one.
    private func expectedMatch(_ text: [UInt16], _ stops: [[UInt16]]) -> (stop: Int?, pending: Int) {
        let complete = stops.indices.filter { text.suffix(stops[$0].count) == stops[$0][...] }
        let longest = complete.max { (stops[$0].count, -$0) < (stops[$1].count, -$1) }
        let pending = stops.map { stop in
            (0..<stop.count).last { text.suffix($0) == stop.prefix($0) } ?? 0
        }
        return (longest, pending.max() ?? 0)
    }

    @Test(
        arguments: [
            [], [[1]], [[1, 1, 2]], [[1, 2, 1, 2, 2]], [[1, 2, 1, 1, 2, 1, 2]], [[2, 2, 2, 2]],
            [[1, 1, 2], [1, 2], [2, 2, 1]],
            [[2, 1, 2, 1], [1, 2], [1, 2]], [[3, 1], [1, 1, 1, 3]],
        ] as [[[UInt16]]])
    func matchesEqualThoseOfAPlainSearch(stops: [[UInt16]]) {
        for salt in 0..<40 as Range<UInt32> {
            var matcher = StopMatcher(stops)
            var text: [UInt16] = []
            for id in testText(200, vocabularySize: stops.joined().contains(3) ? 3 : 2, salt: salt) {
                text.append(id + 1)
                let expected = expectedMatch(text, stops)
                let found = matcher.advance(id + 1)
                #expect(found == expected.stop)
                if found != nil { break }
                #expect(matcher.pending == expected.pending)
            }
        }
    }
}
