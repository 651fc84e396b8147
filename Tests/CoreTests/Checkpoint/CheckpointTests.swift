import DistributedTesting
import FoundationEssentials
import Testing

@testable import DTrainCore

@Suite struct CheckpointTests {
    private let folder: ScratchFolder
    private let path: String

    init() throws {
        folder = try ScratchFolder()
        path = folder.file("ckpt_1.safetensors")
    }

    @Test(arguments: Cell.allCases, [1, 2, 3])
    func roundTripKeepsEveryBit(cell: Cell, layers: Int) throws {
        let model = SampleModel(cell: cell, layers: layers)
        try model.write(to: path)
        let checkpoint = try Checkpoint(path: path)
        #expect(checkpoint.metadata == model.metadata)
        #expect(checkpoint.layout == model.layout)
        #expect(checkpoint.optimizerSlots == ["adam.m", "adam.v"])
        var parameters = [Float](repeating: .nan, count: model.layout.count)
        try checkpoint.load(parameters: &parameters)
        #expect(bits(parameters) == bits(model.parameters))
        let state = try OptimizerState(Adam(), count: model.layout.count)
        try checkpoint.load(optimizer: state)
        #expect(state.slots.map { bits($0.elements) } == [bits(model.m), bits(model.v)])
        #expect(state.steps == 349)
    }

    @Test(arguments: Cell.allCases)
    func tensorsAreReadByName(cell: Cell) throws {
        let model = SampleModel(cell: cell, layers: 2)
        try model.write(to: path)
        let checkpoint = try Checkpoint(path: path)
        for tensor in model.layout.tensors {
            let expected = model.parameters[tensor.offset..<tensor.offset + tensor.count]
            #expect(try checkpoint[tensor.name].map { bits($0) } == bits(expected))
        }
        #expect(try checkpoint["adam.m.dense.bias"] == nil)
    }

    @Test func sameContentGivesTheSameBytes() throws {
        try SampleModel().write(to: path)
        let other = folder.file("other")
        try SampleModel().write(to: other)
        #expect(try readBytes(path) == readBytes(other))
    }

    @Test func numbersKeepTheirExactValues() throws {
        var model = SampleModel()
        let losses = [Double.leastNonzeroMagnitude, .greatestFiniteMagnitude, 2.5e-300, 1e23, .pi, 0.1, -0.0, 5e300]
        model.metadata.progress = TrainingProgress(
            epoch: losses.count, step: .max, epochLosses: losses, lossSum: Double(1).nextUp)
        model.metadata.settings?[.learningRate] = 0.001.nextDown
        try model.write(to: path)
        let read = try Checkpoint(path: path).metadata
        #expect(read.progress?.epochLosses.map(\.bitPattern) == losses.map(\.bitPattern))
        #expect(read.progress?.lossSum == Double(1).nextUp)
        #expect(read.progress?.step == .max)
        #expect(read.settings == model.metadata.settings)
    }

    @Test func vocabulariesOfUnusualCharactersAreKept() throws {
        let scalars: [Unicode.Scalar] = [
            "\0", "\t", "\n", "\r", "\u{1F}", "\"", "/", "\\", "\u{7F}", "Å", "\u{301}", "א", "\u{2028}", "\u{212B}",
            "\u{FEFF}", "\u{FFFE}", "\u{FFFF}", "😀", "\u{10FFFF}",
        ]
        let model = SampleModel(vocabulary: ["[UNK]"] + scalars.map(String.init))
        try model.write(to: path)
        let read = try Checkpoint(path: path).metadata.vocabulary
        #expect(read.dropFirst().map { Array($0.unicodeScalars) } == scalars.map { [$0] })
    }

    @Test(arguments: [
        ["[UNK]", "a", "a"], ["[UNK]", "b", "a", "b"], ["[UNK]", "ab"], ["[UNK]", ""], ["a", "b"],
    ]) func invalidVocabulariesAreNotSaved(vocabulary: [String]) throws {
        _ = try requireError(.internal) { try SampleModel(vocabulary: vocabulary).write(to: path) }
        #expect(try folder.names == [])
    }

    @Test func incompleteOrNonFiniteTrainingStateIsNotSaved() throws {
        var model = SampleModel()
        model.metadata.progress = nil
        _ = try requireError(.internal) { try model.write(to: path) }
        model = SampleModel()
        model.metadata.progress?.lossSum = .nan
        _ = try requireError(.internal) { try model.write(to: path) }
        _ = try requireError(.internal) {
            try Checkpoint.write(
                to: path, metadata: SampleModel().metadata, layout: model.layout, parameters: model.parameters,
                optimizer: nil)
        }
        #expect(try folder.names == [])
    }

    @Test func exportKeepsOnlyWeightsAndVocabulary() throws {
        let model = SampleModel(layers: 2)
        try model.write(to: path)
        let target = try Checkpoint(path: path).export(to: folder.file("a/b"))
        #expect(target == folder.file("a/b/generator.safetensors"))
        let generator = try Checkpoint(path: target)
        #expect(generator.metadata.kind == .generator)
        #expect(generator.metadata.vocabulary == model.metadata.vocabulary)
        #expect(generator.optimizerSlots == [])
        var parameters = [Float](repeating: 0, count: model.layout.count)
        try generator.load(parameters: &parameters)
        #expect(parameters == model.parameters)
        _ = try requireError(.badData) { try generator.load(optimizer: model.optimizer()) }
    }

    @Test func exportReplacesAFileOnlyWithOverwrite() throws {
        try SampleModel().write(to: path)
        let checkpoint = try Checkpoint(path: path)
        try writeBytes([1], to: folder.file("generator.safetensors"))
        _ = try requireError(.usage) { try checkpoint.export(to: folder.path) }
        #expect(try readBytes(folder.file("generator.safetensors")) == [1])
        try checkpoint.export(to: folder.path, overwrite: true)
        #expect(try Checkpoint(path: folder.file("generator.safetensors")).metadata.kind == .generator)
    }
}
