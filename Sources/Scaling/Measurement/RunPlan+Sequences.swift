import DTrainCore

extension RunPlan.Choice {
    /// Checks before the first run that the text has enough sequences for every batch.
    ///
    /// - Parameters:
    ///   - paths: the files and folders of the text.
    ///   - length: characters or bytes per sequence.
    ///   - tokens: whether the text is read as characters or bytes.
    /// - Throws: the errors of `Corpus`; `DTrainError` with `usage` for too many ranks, naming the
    ///   largest number that works.
    public func requireSequences(of paths: [String], length: Int, tokens: Tokenization) throws {
        let corpus = try Corpus(
            paths: paths, vocabulary: tokens == .bytes ? .bytes : nil,
            pipes: .refuse("which only the first of many runs could read"))
        try requireSequences(length < corpus.count ? corpus.count / (length + 1) : 0, of: corpus.name)
    }

    /// The first run reports a text too short for a single batch.
    func requireSequences(_ count: Int, of path: String) throws {
        let isWeak = modes.contains(.weak)
        // Without weak scaling, only the batches of the exchange series grow with the ranks.
        let each = isWeak ? batchSize : microBatchSize
        guard let most = ranks.max(), most > 1, count >= batchSize, most > count / each else { return }
        let possible = count / each == 1 ? "1 rank is" : "\(count / each) ranks are"
        throw DTrainError(
            .usage,
            "\(isWeak ? "weak scaling on " : "")\(most) ranks of \(each) sequences each take more than the \(count) sequences "
                + "of '\(path)': at most \(possible) possible; lower --ranks or "
                + (isWeak ? "--batch-size, or measure --mode strong alone" : "--micro-batch-size"))
    }
}
