import Testing

@testable import DTrainCore

/// The held-out part of a text, and its batches.
@Suite struct HeldOutTextTests {
    /// A text of distinct characters, so each id gives its position.
    private static func corpus(_ count: Int) throws -> (Corpus, TemporaryText) {
        let text = try TemporaryText(
            String(String.UnicodeScalarView((0..<count).map { Unicode.Scalar(0x100 + $0) ?? " " })))
        return (try Corpus(path: text.path), text)
    }

    /// The positions of a sequence's ids, inputs and last target.
    private func positions(_ batch: Batch, _ sequence: Int) -> [Int] {
        var ids = [UInt16](repeating: 0, count: batch.sequenceLength + 1)
        ids.withUnsafeMutableBufferPointer { ids in
            if let base = ids.baseAddress { batch.read(sequence, base) }
        }
        return ids.map { Int($0) - 1 }
    }

    @Test func theLastWindowsAreHeldOutAndNoneIsDropped() throws {
        let (corpus, text) = try Self.corpus(100)
        defer { withExtendedLifetime(text) {} }
        // 25 windows of 4; ⌊0.3 · 25⌋ = 7.
        let data = try SequenceDataset(
            corpus: corpus, sequenceLength: 3, batchSize: 4, shuffle: true, seed: 1, validationSplit: 0.3)
        #expect(data.windowCount == 18 && data.stepsPerEpoch == 4)
        let trained = data.batches(epoch: 0).flatMap { batch in (0..<4).flatMap { positions(batch, $0) } }
        #expect(trained.allSatisfy { $0 < 72 } && Set(trained).count == 64)
        let heldOut = try #require(data.heldOut)
        #expect(heldOut.predictions == 21 && heldOut.batchCount == 2)
        var seen: [Int] = []
        for index in 0..<heldOut.batchCount {
            let (batch, counted) = heldOut.batch(index)
            #expect(batch.count == 4 && !batch.continues)
            for sequence in 0..<4 where counted(sequence) > 0 {
                #expect(counted(sequence) == 3)
                seen += positions(batch, sequence)
            }
        }
        #expect(seen == Array(72..<100))
    }

    @Test func statefulStreamsHaveTheDocumentedBounds() throws {
        let (corpus, text) = try Self.corpus(103)
        defer { withExtendedLifetime(text) {} }
        // ⌊0.2 · 103⌋ = 20 are held out: streams of ⌊82 / 4⌋ = 20 and of ⌊19 / 4⌋ = 4.
        let data = try SequenceDataset(
            corpus: corpus, sequenceLength: 3, batchSize: 4, stateful: true, validationSplit: 0.2)
        #expect(data.stepsPerEpoch == 6 && !data.shuffle)
        for (step, batch) in data.batches(epoch: 2).enumerated() {
            #expect(batch.continues == (step > 0))
            for stream in 0..<4 {
                let first = stream * 20 + step * 3
                #expect(positions(batch, stream) == Array(first...first + 3))
            }
        }
        #expect(data.batches(epoch: 0, from: 2).map(\.continues) == [true, true, true, true])
        let heldOut = try #require(data.heldOut)
        #expect(heldOut.predictions == 16 && heldOut.batchCount == 2 && heldOut.carriesStates)
        for index in 0..<2 {
            let (batch, counted) = heldOut.batch(index)
            #expect(batch.continues == (index > 0))
            for stream in 0..<4 {
                let (first, count) = (83 + stream * 4 + index * 3, index == 0 ? 3 : 1)
                #expect(counted(stream) == count)
                #expect(positions(batch, stream).prefix(count + 1) == Array(first...first + count)[...])
            }
        }
    }

    @Test(arguments: [false, true])
    func aSeparateHeldOutTextIsSplitTheSameWay(stateful: Bool) throws {
        let (corpus, text) = try Self.corpus(60)
        let (other, second) = try Self.corpus(30)
        defer { withExtendedLifetime((text, second)) {} }
        let data = try SequenceDataset(corpus: corpus, sequenceLength: 4, batchSize: 3, stateful: stateful)
        #expect(data.heldOut == nil)
        let heldOut = try HeldOutText(other, as: data)
        #expect(heldOut.predictions == (stateful ? 27 : 24))
        #expect(heldOut.batchCount == (stateful ? 3 : 2))
    }

    @Test(arguments: [false, true])
    func tooLittleTextAndInvalidSplitsAreRejected(stateful: Bool) throws {
        let (corpus, text) = try Self.corpus(60)
        let (tiny, second) = try Self.corpus(3)
        defer { withExtendedLifetime((text, second)) {} }
        func cut(_ split: Double?) throws -> SequenceDataset {
            try SequenceDataset(
                corpus: corpus, sequenceLength: 4, batchSize: 3, stateful: stateful, validationSplit: split)
        }
        let data = try cut(nil)
        for body in [{ _ = try cut(0.02) }, { _ = try cut(0.95) }, { _ = try HeldOutText(tiny, as: data) }] {
            let error = try #require(throws: DTrainError.self) { try body() }
            #expect(error.category == .badData)
        }
        for split in [0, 1, -0.5, Double.nan] {
            let error = try #require(throws: DTrainError.self) { _ = try cut(split) }
            #expect(error.category == .usage)
        }
    }
}
