import CKernels

/// A group of texts and the team of workers that generates them.
final class GenerationRun: @unchecked Sendable {
    /// Receives ids of the first text as soon as they are final.
    typealias Receiver = (ArraySlice<UInt16>) throws -> Void

    private let reading: InferenceTeam
    /// The next input of each row; member 0 writes it, and all properties below.
    private let ids: AlignedBuffer<UInt16>
    private var texts: [GeneratedText]
    private var sampler: Sampler
    /// A copy of a row of logits, for log-probabilities; nil unless requested.
    private let logits: AlignedBuffer<Float>?
    private var step = 0
    private var isRunning: Bool
    private var received = 0
    /// The receiver's error that ended the run.
    private(set) var failure: (any Error)?

    init(
        _ team: Team, texts: [GeneratedText], options: GenerationOptions, weights: PackedWeights,
        parameters: UnsafePointer<Float>
    ) throws {
        reading = try InferenceTeam(team, weights: weights, parameters: parameters)
        self.texts = texts
        sampler = Sampler(method: options.method, seed: options.seed)
        logits = options.reportsLogProbabilities ? try AlignedBuffer(count: reading.vocabularySize) : nil
        ids = try AlignedBuffer(count: texts.count)
        for (row, text) in texts.enumerated() { ids[row] = text.prompt[0] }
        isRunning = !texts.allSatisfy(\.isFinished)
    }

    /// The number of workers in the team.
    var members: Int { reading.team.count }

    /// The continuations generated so far.
    var continuations: [Continuation] { texts.map(\.continuation) }

    /// Feeds each row its prompt and then its own output; rows with shorter prompts start to
    /// generate earlier.
    ///
    /// All members must call it at the same time, each on its own worker.
    ///
    /// - Parameter receive: called by member 0; its error ends the run.
    func run(member: Int, receive: Receiver? = nil) {
        while isRunning {
            reading.advance(ids.pointer, member: member)
            if member == 0 { finishStep(receive) }
            // After this barrier, all members read `isRunning`; member 0 changes it only after the
            // next step's first barrier.
            reading.arriveAndWait(member)
        }
    }

    private func finishStep(_ receive: Receiver?) {
        isRunning = false
        for row in texts.indices {
            ids[row] = next(row)
            isRunning = isRunning || !texts[row].isFinished
        }
        step += 1
        guard let receive else { return }
        do { try deliver(to: receive) } catch {
            failure = error
            isRunning = false
        }
    }

    /// Returns the next input of a row.
    private func next(_ row: Int) -> UInt16 {
        let prompt = texts[row].prompt
        guard step + 1 >= prompt.count else { return prompt[step + 1] }
        guard !texts[row].isFinished else { return 0 }
        let size = reading.vocabularySize
        let rowLogits = reading.logits.pointer + row * size
        logits?.pointer.update(from: rowLogits, count: size)
        let chosen = sampler.choose(
            rowLogits, bias: reading.bias, count: size, position: texts[row].count,
            prompt: texts[row].continuation.prompt, sample: texts[row].continuation.sample)
        texts[row].append(chosen, logProbability: logProbability(of: chosen))
        return chosen
    }

    private func logProbability(of id: UInt16) -> Float? {
        guard let logits else { return nil }
        let loss = dtrain_softmax_cross_entropy(
            logits.pointer, reading.bias, Int64(reading.vocabularySize), Int64(id), 1, nil, nil)
        // Not −loss, which may be −0.
        return Float(0 - loss)
    }

    private func deliver(to receive: Receiver) throws {
        let settled = texts[0].settled
        guard settled > received else { return }
        try receive(texts[0].continuation.ids[received..<settled])
        received = settled
    }
}
