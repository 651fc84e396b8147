/// A group of prompts and the team of workers that continues them.
final class GenerationRun: @unchecked Sendable {
    /// The most characters to reserve memory for; a longer text grows, since it may be stopped early.
    private static let reservedCharacters = 1 << 16

    private let prompts: [[UInt16]]
    private let firstPrompt: Int
    private let length: Int
    private let sampler: Sampler
    let team: Team
    /// Each member's.
    private let forward: [ForwardPass]
    private let logits: TeamLogits
    private let bias: UnsafePointer<Float>
    private let vocabularySize: Int
    /// The next input of each row; written by member 0.
    private let ids: AlignedBuffer<UInt16>
    private(set) var generated: [[UInt16]]

    init(
        _ team: Team, prompts: [[UInt16]], length: Int, sampler: Sampler, weights: PackedWeights,
        parameters: UnsafePointer<Float>
    ) throws {
        self.team = team
        self.prompts = prompts
        self.length = length
        self.sampler = sampler
        firstPrompt = team.rows.lowerBound
        bias = parameters + weights.layout.denseBias
        vocabularySize = weights.layout.configuration.vocabularySize
        let states = try TeamStates(team, weights: weights)
        forward = try (0..<team.count).map {
            try ForwardPass(states, member: $0, weights: weights, parameters: parameters)
        }
        logits = try TeamLogits(team, weights: weights)
        ids = try AlignedBuffer(count: prompts.count)
        for (row, prompt) in prompts.enumerated() { ids[row] = prompt[0] }
        generated = prompts.map { _ in
            var ids: [UInt16] = []
            ids.reserveCapacity(min(length, Self.reservedCharacters))
            return ids
        }
    }

    /// Feeds each row its prompt and then its own output; shorter prompts begin to generate earlier.
    ///
    /// Called by all members at the same time, each on its own worker.
    func run(member: Int) {
        guard length > 0 else { return }
        let forward = forward[member]
        let steps = (prompts.map(\.count).max() ?? 0) + length - 1
        for step in 0..<steps {
            forward.advance(ids.pointer)
            logits.compute(forward, member: member)
            if member == 0 { choose(after: step) }
            team.barrier.meet(member)
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
            logits.values.pointer + row * vocabularySize, bias: bias, count: vocabularySize, position: position,
            prompt: firstPrompt + row)
        generated[row].append(chosen)
        return chosen
    }
}
