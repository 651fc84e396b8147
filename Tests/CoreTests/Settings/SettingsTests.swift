import Foundation
import Testing

@testable import DTrainCore

/// The table of settings, their encoding in checkpoints, and their errors.
@Suite struct SettingsTests {
    /// A non-default value for every stored setting, as in a checkpoint's `training`.
    private static let samples = [
        "epochs": #"{"epochs":7}"#, "batch-size": #"{"batchSize":32}"#, "micro-batch-size": #"{"microBatchSize":4}"#,
        "seq-length": #"{"sequenceLength":50}"#, "shuffle": #"{"shuffle":false}"#,
        "learning-rate": #"{"learningRate":0.25}"#, "clip-norm": #"{"clipNorm":1.5}"#,
        "seed": #"{"seed":18446744073709551615}"#, "precision": #"{"precision":"bf16"}"#,
        "allreduce": #"{"allreduce":"mpi"}"#, "gradient-compression": #"{"gradientCompression":"bf16"}"#,
        "tokens": #"{"tokens":"bytes"}"#, "stateful": #"{"stateful":true}"#, "optimizer": #"{"optimizer":"sgd"}"#,
        "beta1": #"{"beta1":0.5}"#,
        "beta2": #"{"beta2":0.5}"#, "epsilon": #"{"epsilon":0.5}"#, "rho": #"{"rho":0.5}"#,
        "momentum": #"{"momentum":0.5}"#, "weight-decay": #"{"weightDecay":0.5}"#,
        "clip-value": #"{"clipValue":0.5}"#, "schedule": #"{"schedule":"cosine"}"#,
        "warmup-steps": #"{"warmupSteps":"5"}"#, "decay-start": #"{"decayStart":"0.5epochs"}"#,
        "decay-steps": #"{"decaySteps":"3epochs"}"#, "decay-rate": #"{"decayRate":0.5}"#,
        "final-learning-rate": #"{"finalLearningRate":0.5}"#, "dropout": #"{"dropout":0.5}"#,
        "recurrent-dropout": #"{"recurrentDropout":0.5}"#, "validation-split": #"{"validationSplit":0.5}"#,
        "validate-every-steps": #"{"validateEverySteps":5}"#, "early-stopping": #"{"earlyStopping":5}"#,
        "min-delta": #"{"minDelta":0.5}"#, "scheduled-sampling": #"{"scheduledSampling":0.5}"#,
        "scheduled-sampling-ramp": #"{"scheduledSamplingRamp":0.5}"#,
        "freeze": #"{"freeze":"dense,gru_1"}"#,
    ]
    /// The default settings as checkpoints store them in `training`.
    private static let storedDefaults =
        #"{"batchSize":64,"epochs":20,"learningRate":0.001,"microBatchSize":8,"precision":"fp32","#
        + #""seed":42,"sequenceLength":100,"shuffle":true}"#
    /// `training` of a checkpoint written before `epochs` was stored.
    private static let old =
        #"{"batchSize":64,"clipNorm":0.5,"learningRate":0.001,"microBatchSize":8,"precision":"fp32","#
        + #""seed":42,"sequenceLength":100,"shuffle":true}"#
    private let model = ModelConfiguration(vocabularySize: 66)

    private func settings(_ json: String) throws -> Settings {
        try JSONDecoder().decode(Settings.self, from: Data(json.utf8))
    }

    private func json(_ settings: Settings) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(settings), as: UTF8.self)
    }

    @Test func assignedSettingsAreGivenAndOthersHaveDefaults() {
        var settings = Settings()
        #expect(settings[.epochs] == 20 && !settings.isGiven(.epochs))
        settings[.epochs] = 20
        #expect(settings[.epochs] == 20 && settings.isGiven(.epochs))
        settings.take(.seed, nil)
        #expect(!settings.isGiven(.seed) && settings[.seed] == 42)
        settings[.clipNorm] = nil
        #expect(settings.isGiven(.clipNorm) && settings[.clipNorm] == nil)
        #expect(settings != Settings())
    }

    @Test func theMicroBatchIsAtMostTheBatch() throws {
        var settings = Settings()
        settings[.batchSize] = 3
        #expect(settings[.microBatchSize] == 3)
        settings[.batchSize] = 64
        #expect(settings[.microBatchSize] == 8)
        settings[.microBatchSize] = 65
        let error = try requireError(.usage) { try settings.requireValid() }
        #expect(error.description == "`micro-batch-size` 65 is larger than `batch-size` 64; lower it")
    }

    @Test func impossibleValuesAreRejectedByName() throws {
        var settings = Settings()
        settings[.layers] = 0
        #expect(try requireError(.usage) { try settings.requireValid() }.message == "`layers` 0 is out of range")
        settings = Settings()
        settings[.clipNorm] = -.infinity
        #expect(try requireError(.usage) { try settings.requireValid() }.message == "`clip-norm` -inf is out of range")
        #expect(!settings.areValid)
    }

    @Test func settingsThatChangeWeightsAreStoredAndCompared() {
        let table = Settings.modelSizes + Settings.training
        #expect(Set(table.map(\.name)).count == table.count)
        for setting in table where setting.changesWeights {
            #expect(setting.isStored && setting.ranks == .same && setting.onResume != .free, "\(setting.name)")
        }
        #expect(Set(Settings.training.map(\.name)) == Set(Self.samples.keys))
    }

    @Test func theStoredFormOfTheDefaultsIsStable() throws {
        #expect(try json(Settings().stored) == Self.storedDefaults)
        #expect(try settings(Self.storedDefaults) == Settings().stored)
    }

    @Test func everySettingIsStoredAndRestored() throws {
        for setting in Settings.training {
            let sample = try #require(Self.samples[setting.name])
            let read = try settings(sample)
            #expect(setting.isGiven(in: read), "\(setting.name)")
            #expect(setting.text(in: read) != setting.defaultText, "\(setting.name)")
            #expect(try json(read) == sample)
            // The other settings have their defaults.
            let whole = try settings(json(read.stored))
            #expect(setting.text(in: whole) == setting.text(in: read))
        }
    }

    @Test func settingsNotGivenComeFromTheCheckpoint() throws {
        for setting in Settings.training {
            let stored = try settings(try #require(Self.samples[setting.name])).stored
            var resumed = Settings()
            #expect(try resumed.resume(from: stored, model: model, of: "file") == [])
            #expect(setting.text(in: resumed) == setting.text(in: stored), "\(setting.name)")
            #expect(resumed.stored == stored, "\(setting.name)")
        }
    }

    @Test func theStoredValueMayBeGivenAgain() throws {
        for sample in Self.samples.values {
            let stored = try settings(sample).stored
            var resumed = stored
            #expect(try resumed.resume(from: stored, model: model, of: "file") == [])
            #expect(resumed.stored == stored)
        }
    }

    /// A change of these would make another training.
    @Test func theFixedSettingsAreTheDocumentedOnes() {
        #expect(
            Set(Settings.training.filter { $0.onResume == .fixed }.map(\.name)) == [
                "batch-size", "micro-batch-size", "seq-length", "shuffle", "stateful", "seed", "precision", "optimizer",
                "validation-split", "tokens",
            ])
    }

    @Test func aChangedValueFollowsItsResumeRule() throws {
        for setting in Settings.training {
            var given = try settings(try #require(Self.samples[setting.name]))
            let (old, new) = (setting.defaultText, setting.text(in: given))
            let before = given
            switch setting.onResume {
            case .fixed:
                let error = try requireError(.usage) {
                    _ = try given.resume(from: Settings().stored, model: model, of: "file")
                }
                let values =
                    switch setting.name {
                    case "shuffle": "with `shuffle`, not `no-shuffle`"
                    case "stateful": "without `stateful`"
                    default: "with `\(setting.name)` \(old), not \(new)"
                    }
                #expect(error.message == "'file' was trained \(values)")
                #expect(given[.layers] == before[.layers])
            case .mayChange:
                let changes = try given.resume(from: Settings().stored, model: model, of: "file")
                #expect(changes == ["`\(setting.name)` changes from \(old) to \(new)"])
                #expect(setting.text(in: given) == new)
            case .free: Issue.record("\(setting.name) is stored, so a resume must keep or compare it")
            }
        }
    }

    @Test func resettingToTheDefaultIsAChange() throws {
        var given = Settings()
        given[.clipNorm] = nil
        #expect(
            try given.resume(from: try settings(Self.old), model: model, of: "file")
                == ["`clip-norm` changes from 0.5 to off"])
        #expect(given[.clipNorm] == nil)
    }

    @Test func anOldCheckpointWithoutEpochsResumes() throws {
        let stored = try settings(Self.old)
        var resumed = Settings()
        #expect(try resumed.resume(from: stored, model: model, of: "file") == [])
        #expect(resumed[.epochs] == 20 && resumed[.clipNorm] == 0.5)
        var more = Settings()
        more[.epochs] = 30
        #expect(try more.resume(from: stored, model: model, of: "file") == [])
        #expect(more[.epochs] == 30)
    }

    @Test func sizesComeFromTheModelAndMustMatchIt() throws {
        let model = ModelConfiguration(cell: .lstm, layers: 2, embeddingDim: 3, rnnUnits: 4, vocabularySize: 5)
        var settings = Settings()
        try settings.take(sizesOf: model, of: "file")
        #expect(settings.model(vocabularySize: 5) == model)
        try settings.take(sizesOf: model, of: "file")
        for size in Settings.modelSizes {
            var other = Settings()
            switch size.name {
            case "cell": other[.cell] = .gru
            case "layers": other[.layers] = 9
            case "embedding-dim": other[.embeddingDim] = 9
            case "rnn-units": other[.rnnUnits] = 9
            default: Issue.record("no sample for \(size.name)")
            }
            let (old, new) = (size.text(in: settings), size.text(in: other))
            let error = try requireError(.usage) { try other.take(sizesOf: model, of: "file") }
            #expect(error.message == "the model of 'file' has `\(size.name)` \(old), not \(new)")
        }
    }

    @Test(arguments: [
        #"{"seed":-1}"#, #"{"batchSize":1.5}"#, #"{"batchSize":"64"}"#, #"{"precision":"fp8"}"#, #"{"shuffle":1}"#,
        "[]",
        "1", #"{"learningRate":1e999}"#, #"{"optimizer":"lion"}"#, #"{"warmupSteps":5}"#, #"{"decaySteps":"-1"}"#,
    ])
    func malformedValuesAreRejected(json: String) {
        #expect(throws: DecodingError.self) { try settings(json) }
    }
}
