import CKernels

/// A reader that predicts texts character by character.
///
/// In shapes, N is the number of texts read side by side and V the size of the vocabulary.
public final class PredictionReader {
    private let layout: ParameterLayout
    private let parameters: AlignedBuffer<Float>
    private let pool: WorkerPool
    private let weights: PackedWeights

    /// Prepares a checkpoint's model.
    ///
    /// - Parameters:
    ///   - checkpoint: a checkpoint of any kind; its weights are copied.
    ///   - threads: the number of worker threads; nil uses all processors available to the process
    ///     within its CPU quota.
    /// - Throws: `DTrainError` with `usage` when `DTRAIN_MAX_ISA` names an instruction set that
    ///   this CPU lacks, with `internal` when memory or threads run out.
    public convenience init(checkpoint: Checkpoint, threads: Int? = nil) throws {
        try self.init(
            layout: checkpoint.layout, parameters: checkpoint.parameters(),
            threads: threads ?? ProcessorSet.defaultThreads)
    }

    /// Prepares a model with flat parameters.
    ///
    /// - Throws: the errors of `init(checkpoint:threads:)`.
    package init(layout: ParameterLayout, parameters: AlignedBuffer<Float>, threads: Int) throws {
        self.layout = layout
        self.parameters = parameters
        pool = try WorkerPool(count: threads)
        weights = try PackedWeights.forInference(layout, parameters: parameters.pointer, precision: .fp32, pool: pool)
        try weights.pack()
    }

    /// V, the size of the vocabulary.
    package var vocabularySize: Int { layout.configuration.vocabularySize }

    /// Reads texts of equal length side by side, each from a zero state.
    ///
    /// - Parameters:
    ///   - texts: [N], ids of the model's vocabulary; N must be a multiple of `group`.
    ///   - group: the number of consecutive texts that `visit` receives together.
    ///   - first: the first position whose prediction is visited.
    ///   - visit: called once for each group and each position from `first`, by several threads.
    ///     Its arguments are the group's number, the position that was read last, and the
    ///     probabilities of the next character, [group, V].
    /// - Throws: `DTrainError` with `internal` when memory runs out.
    package func read(
        _ texts: [[UInt16]], group: Int = 1, from first: Int = 0,
        visit: @Sendable (_ group: Int, _ place: Int, _ probabilities: UnsafeBufferPointer<Float>) -> Void
    ) throws {
        guard let length = texts.first?.count else { return }
        precondition(
            texts.allSatisfy { $0.count == length } && texts.count.isMultiple(of: group), "texts of one length")
        precondition(texts.allSatisfy { $0.allSatisfy { Int($0) < vocabularySize } }, "ids of the vocabulary")
        let members = min(pool.count, TeamGrid.maxMembers(units: layout.configuration.rnnUnits))
        let teams = TeamGrid(teams: 1, members: members)
            .divide(rows: texts.count, units: layout.configuration.rnnUnits)
        guard let team = teams.first else { return }
        let run = try PredictionRun(team, texts: texts, group: group, weights: weights, parameters: parameters.pointer)
        try pool.run { worker in
            if worker < team.count { run.run(member: worker, from: first, visit) }
        }
    }
}

/// The texts that a team reads side by side.
private final class PredictionRun: @unchecked Sendable {
    private let reading: InferenceTeam
    private let texts: [[UInt16]]
    private let group: Int
    /// The inputs of a time step for all texts, a copy for each member.
    private let ids: [AlignedBuffer<UInt16>]
    /// The probabilities of one group, for each member.
    private let probabilities: [AlignedBuffer<Float>]

    init(
        _ team: Team, texts: [[UInt16]], group: Int, weights: PackedWeights, parameters: UnsafePointer<Float>
    ) throws {
        reading = try InferenceTeam(team, weights: weights, parameters: parameters)
        (self.texts, self.group) = (texts, group)
        ids = try (0..<team.count).map { _ in try AlignedBuffer(count: texts.count) }
        let size = group * reading.vocabularySize
        probabilities = try (0..<team.count).map { _ in try AlignedBuffer(count: size) }
    }

    func run(member: Int, from first: Int, _ visit: (Int, Int, UnsafeBufferPointer<Float>) -> Void) {
        let (ids, probabilities, size) = (ids[member], probabilities[member], reading.vocabularySize)
        let groups = Partition.part(member, of: reading.team.count, count: texts.count / group)
        reading.reset(member: member)
        reading.arriveAndWait(member)
        for place in 0..<(texts.first?.count ?? 0) {
            for row in texts.indices { ids[row] = texts[row][place] }
            reading.advance(ids.pointer, member: member)
            if place >= first {
                for number in groups {
                    for index in 0..<group {
                        softmax(row: number * group + index, into: probabilities.pointer + index * size)
                    }
                    visit(number, place, UnsafeBufferPointer(start: probabilities.pointer, count: group * size))
                }
            }
            // The next product overwrites the logits, which other members may still be reading.
            reading.arriveAndWait(member)
        }
    }

    private func softmax(row: Int, into result: UnsafeMutablePointer<Float>) {
        let size = reading.vocabularySize
        let sum = dtrain_sampling_weights(
            reading.logits.pointer + row * size, reading.bias, Int64(size), 0, 1, result)
        for id in 0..<size { result[id] = Float(Double(result[id]) / Double(sum)) }
    }
}
