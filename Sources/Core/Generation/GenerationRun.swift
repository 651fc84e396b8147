/// A group of prompts and the team of workers that continues them.
final class GenerationRun: @unchecked Sendable {
    /// The most characters to reserve memory for; a longer text grows, since it may be stopped early.
    private static let reservedCharacters = 1 << 16

    private let prompts: [[UInt16]]
    private let firstPrompt: Int
    private let length: Int
    private let sampler: Sampler
    private let reading: ReadingTeam
    /// The next input of each row; written by member 0.
    private let ids: AlignedBuffer<UInt16>
    private(set) var generated: [[UInt16]]

    init(
        _ team: Team, prompts: [[UInt16]], length: Int, sampler: Sampler, weights: PackedWeights,
        parameters: UnsafePointer<Float>
    ) throws {
        reading = try ReadingTeam(team, weights: weights, parameters: parameters)
        self.prompts = prompts
        self.length = length
        self.sampler = sampler
        firstPrompt = team.rows.lowerBound
        ids = try AlignedBuffer(count: prompts.count)
        for (row, prompt) in prompts.enumerated() { ids[row] = prompt[0] }
        generated = prompts.map { _ in
            var ids: [UInt16] = []
            ids.reserveCapacity(min(length, Self.reservedCharacters))
            return ids
        }
    }

    /// The number of workers that the run takes.
    var members: Int { reading.team.count }

    /// Feeds each row its prompt and then its own output; shorter prompts begin to generate earlier.
    ///
    /// Called by all members at the same time, each on its own worker.
    func run(member: Int) {
        guard length > 0 else { return }
        let steps = (prompts.map(\.count).max() ?? 0) + length - 1
        for step in 0..<steps {
            reading.advance(ids.pointer, member: member)
            if member == 0 { choose(after: step) }
            reading.meet(member)
        }
    }

    private func choose(after step: Int) {
        for row in prompts.indices { ids[row] = next(row, after: step) }
    }

    /// Returns the input of a row after `step`.
    private func next(_ row: Int, after step: Int) -> UInt16 {
        let position = step + 1 - prompts[row].count
        guard position >= 0 else { return prompts[row][step + 1] }
        guard position < length else { return 0 }
        let chosen = sampler.choose(
            reading.logits.pointer + row * reading.vocabularySize, bias: reading.bias, count: reading.vocabularySize,
            position: position, prompt: firstPrompt + row)
        generated[row].append(chosen)
        return chosen
    }
}
