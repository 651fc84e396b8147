/// A benchmark of one team member's recurrent layers, run alone.
///
/// The member's share of the weights stays in its core's cache, and it never waits for others. The
/// result predicts step times on more cores than the machine has. The states of the units that
/// other members would compute stay zero.
package final class MemberBenchmark {
    private let worker: TrainingWorker
    // The memory that the worker reads.
    private let weights: PackedWeights
    private let parameters: AlignedBuffer<Float>

    /// Prepares the first member of one team that has all rows of the batch.
    ///
    /// - Parameters:
    ///   - configuration: the step's sizes and arithmetic; its thread count is ignored.
    ///   - members: the size of the team.
    /// - Throws: `DTrainError` with `usage` when the units can't be divided among that many
    ///   members, `internal` when memory runs out.
    package init(_ configuration: Replica.Configuration, members: Int) throws {
        let (model, batch) = (configuration.model, configuration.rankBatch)
        try TeamGrid.check(members: members, threads: members, units: model.rnnUnits)
        let layout = ParameterLayout(model)
        let pool = try WorkerPool(count: 1)
        parameters = try AlignedBuffer(count: layout.count)
        try InitialValues.fill(parameters, layout: layout, seed: 1, pool: pool, heartbeat: Heartbeat())
        let characters = try BatchCharacters(
            vocabularySize: model.vocabularySize, batchSize: batch.batchSize, sequenceLength: batch.sequenceLength)
        let tape = try Tape(model, rankBatch: batch, logits: .recomputed, heartbeat: Heartbeat())
        for row in 0..<batch.rows {
            // All characters, in an order that gives caches no pattern to exploit.
            let text = (0...batch.sequenceLength).map { UInt16(($0 * 31 + row * 17) % model.vocabularySize) }
            text.dropLast().withUnsafeBufferPointer(characters.insert)
            tape.store(text, row: row)
        }
        try characters.number()
        characters.replaceByRows(tape.inputs.elements)
        weights = try PackedWeights(
            layout: layout, parameters: parameters.pointer,
            products: configuration.arithmetic.operands.weightProducts(),
            use: .training(characters), pool: pool)
        try weights.pack()
        let all = TeamGrid(teams: 1, members: members).divide(rows: batch.rows, units: model.rnnUnits)[0]
        let own = Team(rows: all.rows, units: [all.units[0]])
        worker = try TrainingWorker.all(own, weights: weights, parameters: parameters.pointer, tape: tape)[0]
    }

    /// Runs one forward and one backward pass.
    ///
    /// - Returns: the duration of each in seconds.
    package func run() -> (forward: Double, backward: Double) {
        withFlushedDenormals {
            worker.forward()
            worker.backward()
        }
        return worker.seconds
    }

    /// The share of the weight gradient's time that one of several workers takes, rounded up to a
    /// whole number of pieces.
    package static func weightGradientShare(
        _ model: ModelConfiguration, arithmetic: Arithmetic, workers: Int
    ) throws -> Double {
        let tasks = PanelTask.all(GradientLayout(ParameterLayout(model), tableRows: model.vocabularySize))
            .count { $0.targets.contains(where: \.factor.isHidden) }
        let pieces = PanelPieces(
            tasks: tasks, units: model.rnnUnits, workers: workers,
            rowStep: try arithmetic.operands.panelProducts().rowStep)
        let all = tasks * pieces.perTask
        return Double(all.groups(of: workers)) / Double(all)
    }

    /// The duration in seconds of one barrier of several threads; needs a core for each.
    package static func barrierSeconds(members: Int, rounds: Int = 20_000) throws -> Double {
        let cores = ProcessorSet(ProcessorSet.current.numbers.sorted().prefix(members))
        let pool = try WorkerPool(count: members, placement: WorkerPlacement(workers: members, on: cores))
        let barrier = WorkerBarrier(count: members)
        let start = Clock.seconds
        try pool.run { member in for _ in 0..<rounds { barrier.arriveAndWait(member) } }
        return (Clock.seconds - start) / Double(rounds)
    }
}
