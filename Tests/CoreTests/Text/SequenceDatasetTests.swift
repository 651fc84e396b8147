import DTrainCore
import Glibc
import Testing

@Suite struct SequenceDatasetTests {
    /// The tutorial's shakespeare.txt, if `DTRAIN_TEST_CORPUS` names it.
    private static let tutorialText: String? = {
        guard let path = getenv("DTRAIN_TEST_CORPUS").map({ String(cString: $0) }),
            let file = try? MappedFile(path: path),
            withExtendedLifetime(file, { Checksum.hexadecimal(of: file.bytes) }) == "ae717de95b0441526572a3fb9fde75d3"
        else { return nil }
        return path
    }()

    private func dataset(
        _ text: String, sequenceLength: Int, batchSize: Int, shuffle: Bool = true, seed: UInt64 = 42
    ) throws -> SequenceDataset {
        // The mapping outlives the file's name.
        let file = try TemporaryText(text)
        let corpus = try Corpus(path: file.path)
        return try SequenceDataset(
            corpus: corpus, sequenceLength: sequenceLength, batchSize: batchSize, shuffle: shuffle, seed: seed)
    }

    private func read(_ dataset: SequenceDataset, window: Int) -> [UInt16] {
        let count = dataset.sequenceLength + 1
        return [UInt16](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let ids = buffer.baseAddress { dataset.read(window: window, into: ids) }
            initialized = count
        }
    }

    @Test func windowsAreConsecutiveAndTheRemainderIsDropped() throws {
        let text = "אבגדהוזחטיabcdefg"
        let dataset = try dataset(text, sequenceLength: 4, batchSize: 2)
        let ids = dataset.corpus.vocabulary.encode(text)
        #expect(dataset.windowCount == 3)
        #expect(dataset.stepsPerEpoch == 1)
        for window in 0..<3 {
            #expect(read(dataset, window: window) == Array(ids[window * 5..<window * 5 + 5]))
        }
    }

    @Test func targetsAreInputsShiftedByOneCharacter() throws {
        let dataset = try dataset("abcdefghijkl", sequenceLength: 3, batchSize: 1)
        let ids = read(dataset, window: 1)
        #expect(dataset.corpus.vocabulary.decode(Array(ids.prefix(3))) == "efg")
        #expect(dataset.corpus.vocabulary.decode(ids.suffix(3)) == "fgh")
    }

    @Test(arguments: [(1000, 9, 7), (999, 9, 99), (64, 1, 32), (65, 3, 1), (12_345, 10, 64)])
    func eachEpochVisitsEveryWindowAtMostOnceInFullBatches(length: Int, sequenceLength: Int, batchSize: Int) throws {
        let text = String(repeating: "ab", count: length / 2 + 1).prefix(length)
        let dataset = try dataset(String(text), sequenceLength: sequenceLength, batchSize: batchSize)
        let windows = length / (sequenceLength + 1)
        #expect(dataset.windowCount == windows)
        #expect(dataset.stepsPerEpoch == windows / batchSize)
        var previous: [Int] = []
        for epoch in 0..<2 {
            let order = dataset.order(epoch: epoch)
            let visited = (0..<dataset.stepsPerEpoch * batchSize).map { order[$0] }
            #expect(Set(visited).count == windows / batchSize * batchSize)
            #expect(visited.allSatisfy { $0 >= 0 && $0 < windows })
            #expect(visited != previous)
            previous = visited
        }
    }

    @Test func withoutShufflingEveryEpochFollowsTheText() throws {
        let dataset = try dataset(
            String(repeating: "abc", count: 40), sequenceLength: 3, batchSize: 5, shuffle: false)
        for epoch in [0, 1, 7] {
            let order = dataset.order(epoch: epoch)
            #expect((0..<30).map { order[$0] } == Array(0..<30))
        }
    }

    @Test func theSeedDeterminesTheOrder() throws {
        let text = String(repeating: "abc", count: 400)
        let orders = try ([1, 1, 2] as [UInt64]).map { seed in
            let order = try dataset(text, sequenceLength: 5, batchSize: 10, seed: seed).order(epoch: 3)
            return (40..<50).map { order[$0] }
        }
        #expect(orders[0] == orders[1])
        #expect(orders[0] != orders[2])
    }

    @Test func theTextMustFillAtLeastOneBatch() throws {
        let text = String(repeating: "é", count: 3 * 8)
        #expect(try dataset(text, sequenceLength: 7, batchSize: 3).stepsPerEpoch == 1)
        let error = #expect(throws: DTrainError.self) {
            try dataset(String(text.dropLast()), sequenceLength: 7, batchSize: 3)
        }
        #expect(error?.category == .badData)
        let message = try #require(error?.description)
        #expect(message.contains("has 23 characters"))
        #expect(message.contains("needs 24; lower `batch-size` or `seq-length`"))
    }

    @Test(arguments: [(Int.max, 1), (1, Int.max), (Int.max, Int.max), (Int.max - 1, 2)])
    func hugeSizesAreTooLargeForTheText(sequenceLength: Int, batchSize: Int) {
        let error = #expect(throws: DTrainError.self) {
            try dataset("some text", sequenceLength: sequenceLength, batchSize: batchSize)
        }
        #expect(error?.category == .badData)
    }

    @Test(arguments: [(0, 1), (1, 0), (-1, 1), (1, -1), (Int.min, 1)])
    func sizesBelowOneAreUsageErrors(sequenceLength: Int, batchSize: Int) {
        let error = #expect(throws: DTrainError.self) {
            try dataset("some text", sequenceLength: sequenceLength, batchSize: batchSize)
        }
        #expect(error?.category == .usage)
    }

    @Test(.enabled(if: tutorialText != nil, "DTRAIN_TEST_CORPUS doesn't name the tutorial's shakespeare.txt"))
    func shakespeareHasTheTutorialsCounts() throws {
        let corpus = try Corpus(path: try #require(Self.tutorialText))
        let dataset = try SequenceDataset(
            corpus: corpus, sequenceLength: 100, batchSize: 64, shuffle: true, seed: 42)
        #expect(corpus.count == 1_115_394)
        #expect(corpus.vocabulary.size == 66)
        #expect(dataset.windowCount == 11_043)
        #expect(dataset.stepsPerEpoch == 172)
        #expect(corpus.vocabulary.decode(read(dataset, window: 0)).hasPrefix("First Citizen:\nBefore we proceed"))
    }
}
