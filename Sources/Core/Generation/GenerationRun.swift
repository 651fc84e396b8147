/// A group of prompts and the team of workers that continues them; each member computes a part of
/// the units.
final class GenerationRun: @unchecked Sendable {
    /// The most characters to reserve memory for; a longer text grows, since it may be stopped early.
    private static let reservedCharacters = 1 << 16

    private let prompts: [[UInt16]]
    private let firstPrompt: Int
    private let length: Int
    private let sampler: Sampler
    private let forward: [ForwardPass]
    private let bias: UnsafePointer<Float>
    private let vocabularySize: Int
    /// The next input of each row; written by member 0.
    private let ids: AlignedBuffer<UInt16>
    private(set) var generated: [[UInt16]]

    init(
        prompts: [[UInt16]], firstPrompt: Int, length: Int, sampler: Sampler, forward: [ForwardPass],
        bias: UnsafePointer<Float>, vocabularySize: Int
    ) throws {
        self.prompts = prompts
        self.firstPrompt = firstPrompt
        self.length = length
        self.sampler = sampler
        self.forward = forward
        self.bias = bias
        self.vocabularySize = vocabularySize
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
    func run(member: Int) throws {
        guard length > 0 else { return }
        let (forward, barrier) = (forward[member], forward[member].barrier)
        let steps = (prompts.map(\.count).max() ?? 0) + length - 1
        do {
            for step in 0..<steps {
                try forward.advance(ids.pointer)
                if member == 0 { choose(after: step) }
                guard barrier.meet() else { return }
            }
        } catch {
            barrier.abandon()
            throw error
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
            forward[0].logits.pointer + row * vocabularySize, bias: bias, count: vocabularySize, position: position,
            prompt: firstPrompt + row)
        generated[row].append(chosen)
        return chosen
    }
}
