import Testing

@testable import DTrainCore

@Suite struct EvaluationPiecesTests {
    @Test(arguments: [1, 5, 63, 64, 65, 1000, 6401], [false, true])
    func eachCharacterIsPredictedOnce(predictions: Int, carriesState: Bool) {
        let pieces = EvaluationPieces(
            predictions: predictions, length: min(7, predictions), mostRows: 12, carriesState: carriesState)
        var seen: [Int: [Range<Int>]] = [:]
        for round in 0..<pieces.rounds {
            for row in 0..<pieces.rows {
                let piece = pieces.piece(row: row, round: round)
                #expect(piece.count <= pieces.length)
                if !piece.isEmpty { seen[pieces.sum(row: row, round: round), default: []].append(piece) }
            }
        }
        #expect(seen.values.joined().flatMap(Array.init).sorted() == Array(0..<predictions))
        #expect(seen.keys.allSatisfy { (0..<pieces.sums).contains($0) })
        for stream in seen.values {
            // A stream's pieces are contiguous; a window is independent.
            #expect(zip(stream, stream.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
            if !carriesState { #expect(stream.count == 1) }
        }
        if carriesState { #expect(pieces.rows == min(64, predictions)) }
    }
}
