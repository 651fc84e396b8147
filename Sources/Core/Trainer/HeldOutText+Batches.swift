extension HeldOutText {
    /// The number of batches.
    var batchCount: Int {
        switch sequences {
        case .windows(let windows): windows.windows.count.groups(of: batchSize)
        case .streams(let streams): streams.steps
        }
    }

    /// A batch, and the number of tokens per sequence that count; 0 for sequences that only pad the
    /// last batch.
    func batch(_ index: Int) -> (batch: Batch, counted: @Sendable (Int) -> Int) {
        let corpus = corpus
        func batch(continues: Bool, read: @escaping Batch.Reader) -> Batch {
            Batch(
                count: batchSize, sequenceLength: sequenceLength,
                largestID: UInt16(clamping: corpus.vocabulary.size - 1), continues: continues, read: read)
        }
        switch sequences {
        case .windows(let windows):
            let (first, last) = (index * batchSize, windows.windows.count - 1)
            return (
                batch(continues: false) { windows.read(min(first + $0, last), of: corpus, into: $1) },
                { first + $0 <= last ? windows.sequenceLength : 0 }
            )
        case .streams(let streams):
            return (
                batch(continues: index > 0) { streams.read(stream: $0, step: index, of: corpus, into: $1) },
                { _ in streams.tokens(step: index) }
            )
        }
    }
}
