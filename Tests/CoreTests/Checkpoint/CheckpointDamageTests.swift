import DistributedTesting
import Testing

@testable import DTrainCore

@Suite struct CheckpointDamageTests {
    private let folder: ScratchFolder
    private let path: String
    private let intact: [UInt8]

    init() throws {
        folder = try ScratchFolder()
        path = folder.file("x")
        try SampleModel().write(to: path)
        intact = try readBytes(path)
    }

    /// Expects that every way to open a checkpoint rejects these bytes.
    private func expectRejected(_ bytes: [UInt8], _ what: String) throws {
        try writeBytes(bytes, to: path)
        for open in [{ _ = try Checkpoint(path: path) }, { _ = try InitialWeights(path: path) }] as [() throws -> Void]
        {
            do {
                try open()
                Issue.record("accepted with \(what)")
            } catch let error as DTrainError {
                #expect(error.category == .badData, "\(what): \(error.message)")
            }
        }
    }

    @Test func anyFlippedBitIsRejected() throws {
        var random = SystemRandomNumberGenerator()
        for index in intact.indices {
            let bit = Int.random(in: 0..<8, using: &random)
            var bytes = intact
            bytes[index] ^= 1 << UInt8(bit)
            try expectRejected(bytes, "bit \(bit) of byte \(index) flipped")
        }
    }

    @Test func anyTruncationIsRejected() throws {
        for count in intact.indices {
            try expectRejected(Array(intact[..<count]), "truncated to \(count) bytes")
        }
    }

    @Test func trailingBytesAreRejected() throws {
        try expectRejected(intact + [0], "one byte appended")
        try expectRejected(intact + intact, "a copy appended")
    }

    /// Replaces the header's other JSON whitespace with spaces; the seal doesn't cover that
    /// difference.
    private func respaced(_ bytes: [UInt8]) -> [UInt8] {
        let header = 8..<8 + intact[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        return bytes.enumerated().map { index, byte in
            header.contains(index) && [0x09, 0x0A, 0x0D].contains(byte) ? 0x20 : byte
        }
    }

    @Test func randomMutationsAreRejected() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var bytes = intact
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let start = Int.random(in: 0..<bytes.count, using: &random)
                let end = min(bytes.count, start + Int.random(in: 1...16, using: &random))
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[start] = .random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(start..<end)
                case 2: bytes.insert(contentsOf: bytes[start..<end], at: start)
                default: bytes[start] = [0x22, 0x5B, 0x5D, 0x7B, 0x7D, 0x2C, 0x39, 0x5C].randomElement() ?? 0
                }
                if bytes.isEmpty { bytes = [0] }
            }
            guard respaced(bytes) != intact else { continue }
            let first = zip(bytes, intact).enumerated().first { $1.0 != $1.1 }
            try expectRejected(bytes, "a random mutation from byte \(first.map { "\($0)" } ?? "\(bytes.count)")")
        }
    }

    @Test func aNewerFormatVersionIsNamed() throws {
        let error = try openingError { $0[.formatVersion] = "3" }
        #expect(error.message.contains("newer") && error.message.contains("version 3"))
    }

    @Test func settingsAndVocabularyMustUseTheSameTokens() throws {
        let error = try openingError {
            $0[.configuration] = $0[.configuration]?.split(separator: "\"batchSize\"").joined(
                separator: "\"tokens\":\"bytes\",\"batchSize\"")
        }
        #expect(error.message.contains("was trained on bytes"))
    }

    @Test(arguments: [
        (CheckpointKey.format, "pt"), (.formatVersion, "x"), (.formatVersion, "0"), (.kind, "other"), (.epoch, "-1"),
        (.epoch, "1"), (.epoch, "99999999999999999999"), (.step, "two"), (.stepInEpoch, "1.5"), (.lossHistory, "[]"),
        (.vocabulary, "[\"[UNK]\"]"), (.vocabulary, "{}"), (.configuration, "{}"), (.kind, "generator"),
        (.vocabulary, "[\"[UNK]\",\"a\",\"b\",\"c\",\"d\",\"e\"]"),
        (.configuration, String(repeating: "[", count: 100_000)),
        (.lossHistory, String(repeating: "{\"a\":", count: 100_000)),
        (.vocabulary, String(repeating: "[", count: 100_000)),
    ]) func invalidMetadataIsRejectedDespiteAValidSeal(key: CheckpointKey, value: String) throws {
        let error = try openingError { $0[key] = value }
        #expect(error.message.utf8.count < 500)
    }

    @Test func aConfigurationThatContradictsTheTensorsIsRejected() throws {
        let error = try openingError {
            $0[.configuration] = $0[.configuration]?.split(separator: "\"rnnUnits\":3").joined(
                separator: "\"rnnUnits\":4")
        }
        #expect(error.message.contains("4 units") && error.message.contains("3 units"))
    }

    @Test(arguments: ["sequenceLength\":100", "batchSize\":64", "microBatchSize\":8"], [0, 1 << 31, Int.max])
    func sizesOutsideTheirRangesAreRejected(old: String, new: Int) throws {
        let error = try openingError {
            let key = old.prefix { $0 != ":" }
            $0[.configuration] = $0[.configuration]?.split(separator: "\"\(old)").joined(separator: "\"\(key):\(new)")
        }
        #expect(error.message.contains("invalid training settings"))
    }

    @Test(arguments: [0, -1, (1 << 53) + 1, Int.max])
    func impossibleHorizonsAreRejected(horizon: Int) throws {
        let error = try openingError { strings in
            strings[.configuration] = strings[.configuration].map { "{\"horizon\":\(horizon),\($0.dropFirst())" }
        }
        #expect(error.message.contains("has an invalid horizon of \(horizon) steps"))
    }

    @Test(arguments: [
        (["[UNK]", "a", "b", "c", "c"], "twice"), (["[UNK]", "a", "b", "c", "de"], "exactly one character"),
        (["[UN\u{212A}]", "a", "b", "c", "d"], "doesn't start with [UNK]"),
    ])
    func invalidVocabulariesAreRejectedNamingTheFile(tokens: [String], reason: String) throws {
        let list = tokens.map { "\"\($0)\"" }.joined(separator: ",")
        let error = try openingError { $0[.vocabulary] = "[\(list)]" }
        #expect(error.message.contains("'\(path)' has a vocabulary that") && error.message.contains(reason))
    }

    /// Unsorted ids need format version 2.
    @Test func anExtendedVocabularyInFormatVersion1IsRejected() throws {
        let error = try openingError { $0[.vocabulary] = #"["[UNK]","b","c","d","a"]"# }
        #expect(error.message.contains("has a vocabulary that needs format version 2"), "\(error)")
    }

    @Test func foreignFilesAreInitialWeightsAndNotCheckpoints() throws {
        let model = SampleModel()
        try model.parameters.withUnsafeBufferPointer { buffer in
            let start = try #require(buffer.baseAddress)
            let tensors = model.layout.tensors.map {
                SafetensorsWriter.Tensor(name: $0.name, shape: $0.shape, pointer: start + $0.offset)
            }
            try writeSafetensors(tensors, metadata: ["format": "pt"], to: path)
        }
        let error = try requireError(.badData) { _ = try Checkpoint(path: path) }
        #expect(error.message.contains("has no dtrain metadata") && error.hint?.contains("`init`") == true)
        #expect(try InitialWeights(path: path).configuration == model.layout.configuration)
    }

    /// The error of opening a sample with metadata changed before it was sealed.
    private func openingError(changing change: (inout [CheckpointKey: String]) -> Void) throws -> DTrainError {
        let model = SampleModel()
        var metadata = try model.metadata.strings()
        metadata[.format] = "dtrain"
        metadata[.formatVersion] = "1"
        change(&metadata)
        try model.parameters.withUnsafeBufferPointer { buffer in
            let start = try #require(buffer.baseAddress)
            let tensors = ["", "adam.m.", "adam.v."].flatMap { prefix in
                model.layout.tensors.map {
                    SafetensorsWriter.Tensor(name: prefix + $0.name, shape: $0.shape, pointer: start + $0.offset)
                }
            }
            let header = try CheckpointSeal.header(tensors: tensors, metadata: metadata)
            try SafetensorsWriter.write(to: path, header: header, tensors: tensors)
        }
        return try requireError(.badData) { _ = try Checkpoint(path: path) }
    }
}
