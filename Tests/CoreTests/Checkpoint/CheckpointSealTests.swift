import DistributedTesting
import Testing

@testable import DTrainCore

/// Damage, permitted rewrites by other programs, and foreign files.
@Suite struct CheckpointSealTests {
    private let folder: ScratchFolder
    private let path: String

    init() throws {
        folder = try ScratchFolder()
        path = folder.file("x.safetensors")
    }

    /// The editable content of a file.
    private struct Content {
        var metadata: [String: String]
        var tensors: [(name: String, shape: [Int], values: [Float])]

        init(_ path: String) throws {
            let file = try Safetensors(path: path)
            metadata = file.metadata
            tensors = try file.names.map { name in
                let shape = try #require(file.tensors[name]?.shape)
                var values = [Float](repeating: 0, count: shape.reduce(1, *))
                try file.copy(name, into: &values, expecting: shape)
                return (name, shape, values)
            }
        }

        /// Saves with spaces in the header, keys and tensors sorted by name, and no padding.
        func saveAgain(to path: String) throws {
            func quoted(_ text: String) -> String {
                let inner = text.unicodeScalars.map { scalar in
                    ["\"", "\\"].contains(scalar) ? "\\\(scalar)" : scalar == "\n" ? "\\n" : "\(scalar)"
                }
                return "\"\(inner.joined())\""
            }
            let ordered = tensors.sorted { $0.name < $1.name }
            var offset = 0
            let members = ordered.map { tensor in
                let start = offset
                offset += tensor.values.count * 4
                return "\(quoted(tensor.name)): {\"data_offsets\": [\(start), \(offset)], \"shape\": \(tensor.shape), "
                    + "\"dtype\": \"F32\"}"
            }
            let entries = metadata.sorted { $0.key > $1.key }.map { "\(quoted($0.key)): \(quoted($0.value))" }
            let header = Array(
                "{\(members.joined(separator: ", ")), \"__metadata__\": {\(entries.joined(separator: ", "))}}".utf8)
            let data = ordered.flatMap { $0.values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } } }
            try writeBytes(
                withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + data, to: path)
        }
    }

    private func saveAgain(_ change: (inout Content) -> Void = { _ in }) throws {
        var content = try Content(path)
        change(&content)
        try content.saveAgain(to: path)
    }

    private func expectDamage(_ what: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        for open in [
            { _ = try Checkpoint(path: path) }, { _ = try Checkpoint(weights: path) },
            { _ = try InitialWeights(path: path) },
        ] as [() throws -> Void] {
            #expect("\(what)", sourceLocation: sourceLocation) {
                try open()
            } throws: { error in
                (error as? DTrainError)?.category == .badData
            }
        }
    }

    @Test func aSealAllowsAReformattedHeader() throws {
        let model = SampleModel(cell: .lstm, layers: 2)
        try model.write(to: path)
        #expect(try Checkpoint(path: path).remarks == [])
        let before = try readBytes(path)
        try saveAgain { $0.metadata["note"] = "mine" }
        #expect(try readBytes(path) != before)
        let checkpoint = try Checkpoint(path: path)
        #expect(checkpoint.remarks == [])
        #expect(checkpoint.metadata == model.metadata)
        #expect(checkpoint.optimizerSlots == ["adam.m", "adam.v"])
        let state = try OptimizerState(Adam(), count: model.layout.count)
        try checkpoint.load(optimizer: state)
        #expect(state.slots.map { Array($0.elements) } == [model.m, model.v])
        let parameters = try checkpoint.parameters()
        #expect(Array(parameters.elements) == model.parameters)
    }

    @Test func addedTensorsAreNamedAndIgnored() throws {
        try SampleModel().write(to: path)
        try saveAgain { $0.tensors.append(("extra", [1], [1])) }
        let remarks = try Checkpoint(path: path).remarks
        #expect(remarks == ["'\(path)' holds tensors that its model doesn't have, which are ignored: 'extra'"])
    }

    @Test(arguments: CheckpointKey.allCases.filter { $0 != .metadataChecksum })
    func anyChangeOfMetadataIsRejected(key: CheckpointKey) throws {
        try SampleModel().write(to: path)
        let intact = try readBytes(path)
        try saveAgain { $0.metadata[key.rawValue]?.append(" ") }
        try expectDamage("\(key.rawValue) changed")
        // A file without its seal may be an older one; its header can't be verified.
        guard key != .seal else { return }
        try writeBytes(intact, to: path)
        try saveAgain { $0.metadata[key.rawValue] = nil }
        try expectDamage("\(key.rawValue) removed")
    }

    @Test func anyChangeOfTensorsIsRejected() throws {
        try SampleModel().write(to: path)
        let intact = try readBytes(path)
        let changes: [(String, (inout Content) -> Void)] = [
            ("a value changed", { $0.tensors[0].values[3] = $0.tensors[0].values[3].nextUp }),
            ("a moment negated", { $0.tensors[17].values[0] = -$0.tensors[17].values[0] }),
            ("a shape reversed", { $0.tensors[1].shape.reverse() }), ("a slot removed", { $0.tensors.removeLast(6) }),
            ("a tensor removed", { $0.tensors.remove(at: 7) }),
            (
                "two names swapped",
                { content in
                    let name = content.tensors[6].name
                    content.tensors[6].name = content.tensors[12].name
                    content.tensors[12].name = name
                }
            ),
        ]
        for (what, change) in changes {
            try writeBytes(intact, to: path)
            try saveAgain(change)
            try expectDamage(what)
        }
    }

    @Test func aChangedMetadataChecksumIsRejected() throws {
        try SampleModel().write(to: path)
        var bytes = try readBytes(path)
        let digits = try #require(try Safetensors(path: path).metadataRanges[CheckpointKey.metadataChecksum.rawValue])
        bytes[8 + digits.lowerBound] ^= 1
        try writeBytes(bytes, to: path)
        try expectDamage("a digit of the header's checksum changed")
    }

    @Test func oldCheckpointsWithoutASealOpen() throws {
        try OldCheckpoint.write(to: path)
        let checkpoint = try Checkpoint(path: path)
        #expect(checkpoint.remarks == [])
        #expect(checkpoint.metadata.vocabulary == ["[UNK]", "a", "b", "c"])
        #expect(checkpoint.metadata.progress?.step == 2)
        #expect(checkpoint.optimizerSlots == ["adam.m", "adam.v"])
    }

    @Test func resavedOldCheckpointsAreVerifiedByTheirTensors() throws {
        try OldCheckpoint.write(to: path)
        let weights = try Checkpoint(path: path)["gru.kernel"]
        try saveAgain()
        let checkpoint = try Checkpoint(path: path)
        #expect(
            checkpoint.remarks == [
                "'\(path)' was saved again by another program: its tensors are verified, its header is not"
            ])
        #expect(try checkpoint["gru.kernel"] == weights && checkpoint.metadata.progress?.step == 2)
        #expect(try InitialWeights(path: path).remarks == checkpoint.remarks)
        try saveAgain { $0.tensors[2].values[0] += 1 }
        try expectDamage("a weight changed")
        try OldCheckpoint.write(to: path)
        try saveAgain { $0.metadata[CheckpointKey.tensorChecksum.rawValue] = nil }
        try expectDamage("the checksum removed")
    }

    @Test func anyFlippedBitOfAnOldHeaderIsRejected() throws {
        try OldCheckpoint.write(to: path)
        let intact = try readBytes(path)
        for index in 0..<Int(intact[0]) + 256 * Int(intact[1]) + 8 {
            var bytes = intact
            bytes[index] ^= 1 << UInt8.random(in: 0..<8)
            try writeBytes(bytes, to: path)
            try expectDamage("byte \(index): \(intact[index]) became \(bytes[index])")
        }
    }

    /// Keys that other programs also use don't identify a dtrain file.
    @Test func filesWithoutDTrainKeysAreForeign() throws {
        try SampleModel().write(to: path)
        try saveAgain { content in
            content.metadata = content.metadata.filter { ["vocabulary", "step", "epoch", "kind"].contains($0.key) }
            content.metadata["format"] = "pt"
        }
        _ = try requireError(.badData) { _ = try Checkpoint(path: path) }
        let checkpoint = try Checkpoint(weights: path)
        #expect(checkpoint.remarks == ["'\(path)' is not sealed by dtrain: changes to its weights can't be detected"])
        #expect(
            checkpoint.metadata.kind == .generator
                && checkpoint.metadata.vocabulary == SampleModel().metadata.vocabulary)
        _ = try requireError(.badData) { try checkpoint.load(optimizer: SampleModel().optimizer()) }
        try saveAgain { $0.metadata["dtrain_version"] = "0.1.0" }
        try expectDamage("a key of dtrain without a seal")
    }
}
