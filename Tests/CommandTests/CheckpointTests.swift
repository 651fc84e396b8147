import DTrainCore
import Foundation
import Testing

/// The checkpoint files of a training, and the rules for their folder.
@Suite(.serialized)
struct CheckpointTests {
    @Test(arguments: Launch.each)
    func checkpointsAreSavedAfterAndWithinEpochs(launch: Launch) throws {
        let bench = try Bench()
        try bench.train("--checkpoint-every-steps 5", on: launch)
        // Steps 5 and 10 are in the first epoch of 13, steps 15, 20 and 25 in the second.
        #expect(
            try bench.names(in: "training_checkpoints")
                == ["ckpt_1", "ckpt_1_10", "ckpt_1_5", "ckpt_2", "ckpt_2_12", "ckpt_2_2", "ckpt_2_7"]
                .map { "\($0).safetensors" }.sorted())
    }

    @Test func keepRetainsTheNewestCheckpoints() throws {
        let bench = try Bench()
        try bench.train("--checkpoint-every-steps 5 --keep 2")
        #expect(
            try bench.names(in: "training_checkpoints") == ["ckpt_2.safetensors", "ckpt_2_12.safetensors"])
    }

    @Test func aCheckpointRecordsProgressSettingsAndShapes() throws {
        let bench = try Bench()
        try bench.train("--seed 7 --learning-rate 0.01 --metrics metrics.jsonl --max-steps 17")
        let checkpoint = try Checkpoint(path: bench.path("training_checkpoints/ckpt_2_4.safetensors"))
        let metrics = try Metrics(bench.read("metrics.jsonl"))
        let progress = try #require(checkpoint.metadata.progress)
        #expect((progress.epoch, progress.stepInEpoch, progress.step) == (1, 4, 17))
        #expect(progress.epochLosses == metrics.epochLosses)
        #expect(abs(progress.lossSum - metrics.losses.suffix(4).reduce(0, +)) < 1e-9)
        let settings = try #require(checkpoint.metadata.settings)
        #expect(settings[.seed] == 7 && settings[.learningRate] == 0.01 && settings[.shuffle])
        #expect((settings[.sequenceLength], settings[.batchSize], settings[.microBatchSize]) == (10, 8, 2))
        let scalars = Set(Bench.text.unicodeScalars).sorted().map { String($0) }
        #expect(checkpoint.metadata.vocabulary == ["[UNK]"] + scalars)
        let size = scalars.count + 1
        let shapes = try Safetensors(path: checkpoint.path).tensors.mapValues(\.shape)
        let weights = [
            "embedding.embeddings": [size, 8], "gru.kernel": [8, 48], "gru.recurrent_kernel": [16, 48],
            "gru.bias": [2, 48], "dense.kernel": [16, size], "dense.bias": [size],
        ]
        let moments = weights.flatMap { [("adam.m.\($0)", $1), ("adam.v.\($0)", $1)] }
        #expect(shapes == weights.merging(moments) { $1 })
    }

    @Test(arguments: Launch.each)
    func aFolderWithEarlierCheckpointsIsRejectedUnchanged(launch: Launch) throws {
        let bench = try Bench()
        try bench.train("--metrics metrics.jsonl")
        let before = try bench.read("training_checkpoints/ckpt_2.safetensors")
        let metrics = try bench.read("metrics.jsonl")
        let refused = try bench.tryToTrain("--seed 2 --metrics metrics.jsonl", on: launch)
        expectRejected(refused, 64, "training_checkpoints", "ckpt_1.safetensors to ckpt_2.safetensors", on: launch)
        #expect(try bench.read("training_checkpoints/ckpt_2.safetensors") == before)
        #expect(try bench.read("metrics.jsonl") == metrics)
    }

    @Test func overwriteDeletesOnlyCheckpoints() throws {
        let bench = try Bench()
        try bench.train()
        try bench.write("mine", to: "training_checkpoints/notes.txt")
        try bench.train("--epochs 1 --seed 2 --overwrite")
        #expect(try bench.names(in: "training_checkpoints") == ["ckpt_1.safetensors", "notes.txt"])
        let settings = try Checkpoint(path: bench.path("training_checkpoints/ckpt_1.safetensors")).metadata.settings
        #expect(settings?[.seed] == 2)
    }

    @Test func initStartsFromTheGivenWeights() throws {
        let bench = try Bench()
        try bench.train("--epochs 1 --checkpoint-dir first")
        try bench.run("export --checkpoint first --output exported")
        for (index, source) in ["first/ckpt_1.safetensors", "exported/generator.safetensors"].enumerated() {
            // A learning rate this small changes no weight of this size, so the output equals the
            // input.
            try bench.train(
                "--init \(source) --checkpoint-dir next\(index) --max-steps 1 --learning-rate 1e-30")
            let weights = try bench.tensors("next\(index)/ckpt_1_1.safetensors")
            for (name, bits) in try bench.tensors("first/ckpt_1.safetensors") where !name.hasPrefix("adam.") {
                #expect(weights[name] == bits, "\(source): \(name)")
            }
            let progress = try Checkpoint(path: bench.path("next\(index)/ckpt_1_1.safetensors")).metadata.progress
            #expect(progress?.step == 1)
        }
    }

    @Test func nonFiniteWeightsAreRejected() throws {
        let bench = try Bench()
        let golden = try #require(GoldenCase.all.first)
        let weights = "\(golden.folder)/init.safetensors"
        let tensor = try #require(try Safetensors(path: weights).tensors["embedding.embeddings"])
        var data = try Data(contentsOf: URL(fileURLWithPath: weights))
        // [UNK] doesn't occur in the text, so its row doesn't affect the loss.
        let start = data.prefix(8).enumerated().reduce(8) { $0 + Int($1.element) << (8 * $1.offset) }
        let row = start + tensor.range.lowerBound
        data.replaceSubrange(row..<row + 4, with: [0, 0, 0xC0, 0x7F])
        try bench.write(data, to: "nan.safetensors")
        let outcome = try bench.run(
            "train --init nan.safetensors --max-steps 1 --batch-size 4 --seq-length 12 --micro-batch-size 2",
            ["--data", "\(golden.folder)/corpus.txt"])
        expectRejected(outcome, 65, "'nan.safetensors' holds a weight in 'embedding.embeddings' that is not a finite")
        #expect(!bench.exists("training_checkpoints"))
    }

    @Test func theLastStepIsSavedOnce() throws {
        let outcome = try Bench().train("--max-steps 5 --checkpoint-every-steps 5")
        #expect(outcome.stdout.components(separatedBy: "saved ").count - 1 == 1, "\(outcome)")
    }
}
