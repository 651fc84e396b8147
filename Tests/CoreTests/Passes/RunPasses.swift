@testable import DTrainCore

/// Runs forward, head and backward through time for all rows of a tape on one thread.
func runPasses(_ tape: Tape, weights: PackedWeights, parameters: UnsafePointer<Float>) throws {
    let team = Team(rows: 0..<tape.rankBatch.rows, units: [0..<tape.units])
    let workers = try TrainingWorker.all(team, weights: weights, parameters: parameters, tape: tape)
    let pieces = LossHead.pieces(tape.rankBatch, vocabularySize: tape.vocabularySize, workers: 1)
    let head = try LossHead(pieces: pieces, weights: weights, parameters: parameters, tape: tape)
    workers[0].forward()
    for piece in pieces { try head.run(piece, .crossEntropy) }
    workers[0].backward()
}
