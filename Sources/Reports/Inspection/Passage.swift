import DTrainCore

/// A passage of a text that surprises a model.
struct Passage: Hashable {
    /// The range of its characters among the ids.
    let range: Range<Int>
    /// The mean bits of its characters.
    let bits: Double
    /// The line where it starts, from 1.
    let line: Int

    /// The length of a passage in characters.
    static let length = 40

    /// The most surprising passages that don't overlap, in descending order.
    ///
    /// - Parameter bits: the surprisal of each character, 0 for the first.
    static func mostSurprising(_ most: Int, of bits: [Double], newlines: [Bool]) -> [Passage] {
        let length = min(Self.length, bits.count)
        guard length > 0 else { return [] }
        var sums = [0.0]
        for value in bits { sums.append(sums[sums.count - 1] + value) }
        let totals = (0...bits.count - length).map { sums[$0 + length] - sums[$0] }
        var isTaken = [Bool](repeating: false, count: bits.count)
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
