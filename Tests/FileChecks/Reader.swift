import DTrainCore
import DTrainDistributed
import Exchange
import Glibc
import Reports
import Scaling

/// A reader of files, with the properties of every input that it accepts.
enum Reader: String, CaseIterable {
    case checkpoint, weights, pytorch, keras, text, metrics, run
    case message, address, profile, ranks, environment

    /// Opens the input as the program does, and uses the result.
    func open(_ scratch: Scratch) throws {
        switch self {
        case .checkpoint: try use(Checkpoint(path: scratch.input))
        case .weights:
            let weights = try InitialWeights(path: scratch.input)
            let parameters = try AlignedBuffer<Float>(count: ParameterLayout(weights.configuration).count)
            try weights.load(into: parameters.pointer)
            if let vocabulary = weights.vocabulary { _ = try Vocabulary(tokens: vocabulary) }
        case .pytorch: try use(ImportFormat.pytorch.read(scratch.input, vocabulary: nil).model)
        case .keras: try use(ImportFormat.keras.read(scratch.input, vocabulary: nil).model)
        case .text: _ = try Corpus(path: scratch.input)
        case .metrics:
            guard let metrics = try EarlierMetrics(path: scratch.input, data: ["/dev/null"]) else {
                throw CheckFailure("no metrics file")
            }
            try metrics.truncate(to: TrainingProgress(epoch: 1, stepInEpoch: 2, step: 5))
        case .run:
            let run = try Run(scratch.input)
            let page = RunReport.html([run], samples: [[]]) + RunTables([run]).text
            guard !page.contains("nan"), !page.contains("inf,"), page.utf8.count < 1 << 20 else {
                throw CheckFailure("a page that can't be shown")
            }
        case .message, .address, .profile, .ranks, .environment: try openForeign(scratch.read(scratch.input))
        }
    }

    /// Opens bytes; returns whether the reader accepts them.
    ///
    /// - Throws: `CheckFailure` if the reader fails with anything but a one-line error, rejects a
    ///   valid input, or accepts an invalid one.
    @discardableResult
    func check(_ bytes: [UInt8], _ original: [UInt8], _ scratch: Scratch) throws -> Bool {
        try scratch.write(bytes)
        do {
            try open(scratch)
        } catch let error as DTrainError {
            guard error.message.utf8.count < 1000, !error.message.contains(where: \.isNewline),
                [.badData, .usage].contains(error.category)
            else { throw CheckFailure("an error of category \(error.category.rawValue): \(error.message)") }
            if bytes == original { throw CheckFailure("a valid file was rejected: \(error.message)") }
            if self == .text, !bytes.isEmpty, String(validating: bytes, as: UTF8.self) != nil {
                throw CheckFailure("a valid text was rejected: \(error.message)")
            }
            return false
        }
        if self == .text { try compare(bytes, scratch) }
        if self == .metrics { try requireWholeLines(try scratch.read(scratch.input)) }
        return true
    }

    private func use(_ model: ExchangeModel) throws {
        guard model.vocabulary.size == model.configuration.vocabularySize else {
            throw CheckFailure("accepted, but inconsistent: \(model.configuration)")
        }
    }

    private func use(_ checkpoint: Checkpoint) throws {
        let count = checkpoint.layout.count
        let parameters = try AlignedBuffer<Float>(count: count)
        try withExtendedLifetime(parameters) { try checkpoint.load(parameters: parameters.pointer) }
        if !checkpoint.optimizerSlots.isEmpty { try checkpoint.load(optimizer: OptimizerState(Adam(), count: count)) }
        let metadata = checkpoint.metadata
        guard try Vocabulary(tokens: metadata.vocabulary).size == metadata.model.vocabularySize,
            metadata.model == checkpoint.layout.configuration,
            metadata.kind == .generator || metadata.settings != nil && metadata.progress != nil,
            metadata.progress.map({ $0.epochLosses.count == $0.epoch && $0.lossSum.isFinite }) ?? true
        else { throw CheckFailure("accepted, but inconsistent: \(metadata)") }
    }

    /// Checks that the corpus holds the text as the standard library decodes it.
    private func compare(_ bytes: [UInt8], _ scratch: Scratch) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CheckFailure("accepted, though it is not UTF-8")
        }
        let corpus = try Corpus(path: scratch.input)
        let scalars = Array(text.unicodeScalars)
        guard corpus.count == scalars.count else {
            throw CheckFailure("\(corpus.count), not \(scalars.count) characters")
        }
        for start in Set([0, scalars.count / 2, max(0, scalars.count - 300)]) {
            let count = min(300, scalars.count - start)
            let ids = [UInt16](unsafeUninitializedCapacity: count) { buffer, initialized in
                if let address = buffer.baseAddress { corpus.read(from: start, count: count, into: address) }
                initialized = count
            }
            guard ids.map({ corpus.vocabulary.scalar(of: $0) }) == scalars[start..<start + count].map({ $0 }) else {
                throw CheckFailure("other characters at \(start) than the text's")
            }
        }
    }

    private func requireWholeLines(_ bytes: [UInt8]) throws {
        guard bytes.isEmpty || bytes.last == 0x0A else { throw CheckFailure("the last line is cut off") }
    }
}
