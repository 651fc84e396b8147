import DTrainCore

/// A part of a text that costs a model many bits.
struct Passage: Hashable {
    /// Its characters, by their places among the ids.
    let range: Range<Int>
    /// The mean bits of its characters.
    let bits: Double
    /// The line that it begins in, from 1.
    let line: Int

    /// Characters of a passage.
    static let length = 40

    /// The dearest passages that don't overlap, dearest first.
    ///
    /// - Parameter costs: the bits of each character, the first character's included, which costs nothing.
    static func dearest(_ most: Int, of costs: [Double], newlines: [Bool]) -> [Passage] {
        let length = min(Self.length, costs.count)
        guard length > 0 else { return [] }
        var sums = [0.0]
        for cost in costs { sums.append(sums[sums.count - 1] + cost) }
        let totals = (0...costs.count - length).map { sums[$0 + length] - sums[$0] }
        var isTaken = [Bool](repeating: false, count: costs.count)
        var starts: [Int] = []
        for start in totals.indices.sorted(by: { (totals[$1], $0) < (totals[$0], $1) }) {
            guard starts.count < most else { break }
            let range = start..<start + length
            if isTaken[range].contains(true) { continue }
            for index in range { isTaken[index] = true }
            starts.append(start)
        }
        var lines = [1]
        for isNewline in newlines { lines.append(lines[lines.count - 1] + (isNewline ? 1 : 0)) }
        return starts.map { Passage(range: $0..<$0 + length, bits: totals[$0] / Double(length), line: lines[$0]) }
    }
}
