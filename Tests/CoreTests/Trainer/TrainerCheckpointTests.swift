import DistributedTesting
import Testing

@testable import DTrainCore

/// Saving, resuming and exporting with a trainer on one process.
@Suite struct TrainerCheckpointTests {
    /// 14 distinct characters, 11 steps per epoch with the shape below.
    private static let text = String(repeating: "she sells sea shells by the sea shore\n", count: 11)
    private static let shape = Trainer.Shape(batchSize: 5, microBatchSize: 2, sequenceLength: 6)

    private let folder: ScratchFolder
    private let data: SequenceDataset

    init() throws {
        folder = try ScratchFolder()
        data = try Self.dataset(Self.text, in: folder)
    }

    private static func dataset(_ text: String, in folder: ScratchFolder) throws -> SequenceDataset {
        let path = folder.file("text\(try folder.names.count).txt")
        try writeBytes(Array(text.utf8), to: path)
        return try SequenceDataset(
            corpus: Corpus(path: path), sequenceLength: shape.sequenceLength, batchSize: shape.batchSize, seed: 3)
    }

    private func trainer(
        rnnUnits: Int = 9, optimizer: any Optimizer = Adam(), seed: UInt64 = 1
    ) throws -> Trainer {
        try Trainer(
            model: ModelConfiguration(
                embeddingDim: 4, rnnUnits: rnnUnits, vocabularySize: data.corpus.vocabulary.size),
            shape: Self.shape, optimizer: optimizer, threads: 1, seed: seed)
    }

    /// Trains up to a total number of steps, as a user's loop does; returns each step's loss.
    private func train(_ trainer: Trainer, _ progress: inout TrainingProgress, to last: Int) throws -> [Float] {
        var losses: [Float] = []
        while progress.step < last {
            let rest = data.batches(epoch: progress.epoch, from: progress.stepInEpoch)
            for batch in rest.prefix(last - progress.step) {
                let gradient = try trainer.gradient(of: batch)
                losses.append(gradient.loss)
                progress.add(loss: gradient.loss)
                try trainer.apply(gradient, learningRate: 1e-2)
            }
            if progress.stepInEpoch == data.stepsPerEpoch { progress.endEpoch() }
        }
        return losses
    }

    /// A trainer after three steps, and its progress.
    private func trainerAfterThreeSteps() throws -> (trainer: Trainer, progress: TrainingProgress) {
        let trainer = try trainer()
        var progress = TrainingProgress()
        _ = try train(trainer, &progress, to: 3)
        return (trainer, progress)
    }

    /// The bits of the weights, then of the slots.
    private func state(_ trainer: Trainer) -> [[UInt32]] {
        ([trainer.replica.parameters] + trainer.replica.optimizerState.slots).map { bits($0.elements) }
    }

    @Test(arguments: [4, 11, 15])
    func aResumedTrainingGivesTheBitsOfAnUninterruptedOne(pause: Int) throws {
        #expect(data.stepsPerEpoch == 11)
        let (whole, first) = (try trainer(), try trainer())
        var (expected, progress) = (TrainingProgress(), TrainingProgress())
        let losses = try train(whole, &expected, to: 25)

        var found = try train(first, &progress, to: pause)
        let path = folder.file("new/ckpt.safetensors")
        try first.save(to: path, data: data, progress: progress)
        let second = try trainer(seed: 99)
        var resumed = try second.resume(from: path, data: data)
        #expect(resumed == progress && second.step == pause)
        #expect(state(second) == state(first))

        found += try train(second, &resumed, to: 25)
        #expect(bits(found) == bits(losses))
        #expect(resumed == expected && second.step == 25)
        #expect(state(second) == state(whole))
    }

    @Test func aCheckpointRecordsItsModelDataAndSettings() throws {
        let (trainer, progress) = try trainerAfterThreeSteps()
        let path = folder.file("ckpt.safetensors")
        try trainer.save(to: path, data: data, progress: progress)
        let metadata = try Checkpoint(path: path).metadata
        #expect(metadata.kind == .training && metadata.model == trainer.model && metadata.progress == progress)
        #expect(metadata.vocabulary == data.corpus.vocabulary.tokens)
        var expected = Settings()
        (expected[.batchSize], expected[.microBatchSize], expected[.sequenceLength]) = (5, 2, 6)
        (expected[.seed], expected[.learningRate]) = (3, 1e-2)
        #expect(metadata.settings == expected.stored)
    }

    /// `dtrain train --resume-from` needs them to continue a custom loop.
    @Test func theOptimizerAndTheScheduleAreSaved() throws {
        let trainer = try self.trainer(optimizer: RMSprop(rho: 0.75))
        var settings = Settings()
        (settings[.schedule], settings[.learningRate], settings[.epochs]) = (.cosine, 0.25, 3)
        let schedule = settings.schedule(
            stepsPerEpoch: data.stepsPerEpoch, horizon: settings.horizon(stepsPerEpoch: data.stepsPerEpoch))
        var progress = TrainingProgress()
        for batch in data.batches(epoch: 0).prefix(2) {
            let gradient = try trainer.gradient(of: batch)
            progress.add(loss: gradient.loss)
            try trainer.apply(gradient, learningRate: schedule.rate(step: trainer.step))
        }
        let path = folder.file("ckpt.safetensors")
        try trainer.save(to: path, data: data, progress: progress, settings: settings)
        let metadata = try Checkpoint(path: path).metadata
        #expect(metadata.settings?[.optimizer] == .rmsprop && metadata.settings?[.rho] == 0.75)
        #expect(metadata.settings?[.learningRate] == 0.25 && metadata.settings?[.schedule] == .cosine)
        #expect(metadata.horizon == 3 * data.stepsPerEpoch)
    }

    /// A reason why a file can't be resumed.
    enum Unfit: CaseIterable {
        case missing, damaged, foreign, exported, otherModel, otherOptimizer, otherText
    }

    @Test(arguments: Unfit.allCases)
    func anUnfitFileIsRejectedAndChangesNothing(reason: Unfit) throws {
        let path = folder.file("unfit.safetensors")
        var (trainer, progress) = try trainerAfterThreeSteps()
        var resumed = data
        switch reason {
        case .missing: break
        case .damaged:
            try trainer.save(to: path, data: data, progress: progress)
            var bytes = try readBytes(path)
            bytes[bytes.count - 9] ^= 1
            try writeBytes(bytes, to: path)
        case .foreign: try writeSafetensors([], metadata: ["format": "pt"], to: path)
        case .exported: try trainer.export(to: path, vocabulary: data.corpus.vocabulary)
        case .otherModel: try self.trainer(rnnUnits: 8).save(to: path, data: data, progress: TrainingProgress())
        case .otherOptimizer:
            try self.trainer(optimizer: SGD(momentum: 0.5)).save(to: path, data: data, progress: TrainingProgress())
        case .otherText:
            try trainer.save(to: path, data: data, progress: progress)
            resumed = try Self.dataset(Self.text + "\n", in: folder)
        }
        let before = state(trainer)
        _ = try requireError(reason == .missing ? .noInput : .badData) {
            _ = try trainer.resume(from: path, data: resumed)
        }
        #expect(state(trainer) == before && trainer.step == 3)
        #expect(try train(trainer, &progress, to: 4).count == 1)
    }

    @Test func resumingWhileAGradientIsInUseIsRejected() throws {
        let (trainer, progress) = try trainerAfterThreeSteps()
        let path = folder.file("ckpt.safetensors")
        try trainer.save(to: path, data: data, progress: progress)
        let batch = try #require(Array(data.batches(epoch: 0).prefix(1)).first)
        let gradient = try trainer.gradient(of: batch)
        _ = try requireError(.usage) { _ = try trainer.resume(from: path, data: data) }
        try trainer.apply(gradient, learningRate: 1e-2)
        #expect(trainer.step == 4)
        #expect(try trainer.resume(from: path, data: data) == progress && trainer.step == 3)
    }

    @Test(arguments: [-1, 1])
    func progressOfAnotherStepIsNotSaved(offset: Int) throws {
        var (trainer, progress) = try trainerAfterThreeSteps()
        progress.step += offset
        let path = folder.file("ckpt.safetensors")
        _ = try requireError(.usage) { try trainer.save(to: path, data: data, progress: progress) }
        #expect(try folder.names == ["text0.txt"])
    }

    @Test func nonFiniteWeightsAreNotWritten() throws {
        let (trainer, progress) = try trainerAfterThreeSteps()
        let path = folder.file("ckpt.safetensors")
        try trainer.save(to: path, data: data, progress: progress)
        let before = try readBytes(path)
        trainer.replica.parameters[trainer.layout.denseBias] = .nan
        for write in [
            { try trainer.save(to: path, data: data, progress: progress) },
            { try trainer.export(to: path, vocabulary: data.corpus.vocabulary) },
        ] {
            #expect(try requireError(.badData, write).message.contains("dense.bias"))
        }
        #expect(differences(try readBytes(path), before) == 0)
    }

    @Test func nonFiniteMomentsAreNotWritten() throws {
        let (trainer, progress) = try trainerAfterThreeSteps()
        trainer.replica.optimizerState.slots[1][trainer.layout.denseBias] = .infinity
        let path = folder.file("ckpt.safetensors")
        let error = try requireError(.badData) { try trainer.save(to: path, data: data, progress: progress) }
        #expect(error.message.contains("the second moments of dense.bias"))
        // An exported model has none.
        try trainer.export(to: path, vocabulary: data.corpus.vocabulary)
    }

    @Test func aCheckpointWithoutStatesLeavesAStatefulTrainerUnchanged() throws {
        let (trainer, progress) = try trainerAfterThreeSteps()
        let path = folder.file("ckpt.safetensors")
        try trainer.save(to: path, data: data, progress: progress)
        let other = try Trainer(
            model: trainer.model, shape: Self.shape, threads: 1, seed: 9, stateful: true)
        let before = state(other)
        _ = try requireError(.badData) { _ = try other.resume(from: path, data: data) }
        #expect(state(other) == before && other.step == 0)
    }

    @Test func anExportedModelGeneratesTheSameTextAsTheTrainer() throws {
        let (trainer, _) = try trainerAfterThreeSteps()
        let path = folder.file("new/model.safetensors")
        try trainer.export(to: path, vocabulary: data.corpus.vocabulary)
        let exported = try Checkpoint(path: path)
        #expect(exported.metadata.kind == .generator && exported.optimizerSlots.isEmpty)
        #expect(exported.metadata.vocabulary == data.corpus.vocabulary.tokens)
        let parameters = try AlignedBuffer<Float>(count: exported.layout.count)
        try exported.load(parameters: parameters.pointer)
        func text(_ parameters: AlignedBuffer<Float>) throws -> [[UInt16]] {
            try Generator(layout: trainer.layout, parameters: parameters, threads: 1)
                .generate(prompts: [[3, 4]], length: 40, method: .temperature(1), seed: 5)
        }
        #expect(try text(parameters) == text(trainer.replica.parameters))
    }

    @Test(arguments: [(0, 9, 4), (1, 0, 4), (1, -1, 4), (1, 9, 0), (1001, 9, 4)])
    func impossibleModelsAreRejected(layers: Int, rnnUnits: Int, embeddingDim: Int) throws {
        let model = ModelConfiguration(
            layers: layers, embeddingDim: embeddingDim, rnnUnits: rnnUnits, vocabularySize: 7)
        _ = try requireError(.usage) { _ = try Trainer(model: model, shape: Self.shape, threads: 1) }
    }
}
