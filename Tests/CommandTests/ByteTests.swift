import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Byte-level models on the command line: any file trains, resumes, evaluates and generates.
@Suite(.serialized)
struct ByteTests {
    private let bench: Bench
    private static let flags = "--tokens bytes --data all.bin"

    init() throws {
        bench = try Bench()
        try bench.write(Self.allBytes(times: 8), to: "all.bin")
    }

    /// All byte values, in a different order each time: 5 and 256 are coprime, so i → 5i + c visits
    /// each value once.
    private static func allBytes(times: Int) -> Data {
        Data(
            (0..<times).flatMap { time in
                (0..<256).map { UInt8(truncatingIfNeeded: 5 * $0 * (2 * time + 1) + 37 * time) }
            })
    }

    private func evaluate(_ flags: String) throws -> [String: Any] {
        let outcome = try bench.run("evaluate \(flags) --json")
        #expect(outcome.status == 0, "\(outcome)")
        return try #require(JSONSerialization.jsonObject(with: Data(outcome.stdout.utf8)) as? [String: Any])
    }

    /// The exact output of `generate`.
    private func generate(_ flags: String) throws -> Data {
        let program = try MPIRun.find("dtrain")
        let outcome = try MPIRun.shell("'\(program)' generate \(flags) > out.bin", folder: bench.folder)
        #expect(outcome.status == 0 && outcome.stderr.isEmpty, "\(outcome)")
        return try bench.read("out.bin")
    }

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func aFileOfAllBytesTrainsAndResumesOnOtherRanks() throws {
        let outcome = try bench.train("\(Self.flags) --checkpoint-dir whole")
        #expect(outcome.stdout.contains("all.bin: 2,048 bytes, vocabulary 257, 186 sequences of 10"), "\(outcome)")
        // An untrained model's distribution over 257 ids is nearly uniform.
        let untrained = try #require(
            outcome.stdout.firstMatch(of: /untrained mean loss (\d\.\d+), ln\(vocabulary\) 5\.5491/))
        #expect(abs((Double(untrained.1) ?? 0) - log(257)) < 0.01, "\(outcome)")
        #expect(!outcome.stderr.contains("warning"), "\(outcome)")
        try bench.train("\(Self.flags) --max-steps 30 --checkpoint-dir parts", on: .ranks(3))
        try bench.train("--data all.bin --resume --checkpoint-dir parts", on: .ranks(2))
        #expect(try bench.read("parts/ckpt_2.safetensors") == bench.read("whole/ckpt_2.safetensors"))
        let evaluated = try evaluate("--checkpoint whole --data all.bin")
        #expect(evaluated["bytes"] as? Int == 2047 && evaluated["characters"] == nil, "\(evaluated)")
        let (loss, bits) = (evaluated["loss"] as? Double ?? 0, evaluated["bits_per_byte"] as? Double ?? 0)
        #expect(abs(loss - log(257)) < 0.05 && abs(bits - loss / log(2)) < 1e-9, "\(evaluated)")
        let text = try bench.run("evaluate --checkpoint whole --data all.bin")
        #expect(text.stdout.contains("bits per byte") && text.stdout.contains("over 2,047 bytes"), "\(text)")
        #expect(text.stderr.contains("on 'all.bin': 2,048 bytes\n"), "\(text)")
    }

    @Test func tokensCannotChangeOnResumeOrInit() throws {
        try bench.train("\(Self.flags) --max-steps 1 --checkpoint-dir bytes")
        expectRejected(
            try bench.tryToTrain("--tokens characters --checkpoint-dir bytes --resume"), 64,
            "was trained with --tokens bytes, not characters")
        try bench.train("--max-steps 1 --checkpoint-dir characters")
        expectRejected(
            try bench.tryToTrain("--tokens bytes --checkpoint-dir characters --resume"), 64,
            "was trained with --tokens characters, not bytes")
        expectRejected(
            try bench.tryToTrain("--tokens characters --checkpoint-dir next --init bytes"), 64, "has --tokens bytes")
        expectRejected(try bench.tryToTrain("--data all.bin --checkpoint-dir next"), 65, "'all.bin' is not UTF-8")
        #expect(!bench.exists("next"))
    }

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed")) func differingTokensOnRanksAreRejected() throws {
        let flags = Bench.words(Bench.train("--max-steps 1"))
        let outcome = try MPIRun.mpirun(
            executable: "dtrain", programs: [(1, flags), (1, flags + ["--tokens", "bytes"])], folder: bench.folder)
        #expect(outcome.status == 64 && outcome.stderr.contains("--tokens"), "\(outcome)")
    }

    @Test func generatedBytesCanBeInvalidUTF8() throws {
        try bench.train("\(Self.flags) --max-steps 1")
        let prompt = Data("é€\n".utf8)
        let flags = "--prompt 'é€\n' --length 400"
        let bytes = try generate("--checkpoint training_checkpoints \(flags)")
        #expect(bytes.count == prompt.count + 400 + 1 && bytes.starts(with: prompt) && bytes.last == 0x0A)
        let generated = bytes.dropFirst(prompt.count).dropLast()
        // 400 nearly uniform draws are invalid UTF-8 and contain most byte values.
        #expect(String(validating: generated, as: UTF8.self) == nil)
        #expect(Set(generated).count > 150)
        let exported = try bench.run("export --checkpoint training_checkpoints --output out")
        #expect(exported.status == 0, "\(exported)")
        #expect(try generate("--checkpoint out \(flags)") == bytes)
        let summary = try bench.run("summary --checkpoint out")
        #expect(summary.status == 0 && summary.stdout.contains("257"), "\(summary)")
    }

    /// A model memorizes a cycle of bytes that is invalid in any encoding.
    @Test func aModelMemorizesACycleOfBytes() throws {
        let cycle: [UInt8] = [0xFF, 0x00, 0x41, 0xC3, 0x0D, 0x80]
        try bench.write(Data((0..<300).flatMap { _ in cycle }), to: "cycle.bin")
        try bench.train("--tokens bytes --data cycle.bin --epochs 30 --learning-rate 0.02")
        let bytes = try generate("--checkpoint training_checkpoints --greedy --prompt A --length 11")
        #expect(Array(bytes) == [0x41, 0xC3, 0x0D, 0x80] + cycle + [0xFF, 0x00] + [0x0A])
    }

    @Test func heldOutDataStatefulTrainingAndPipesWorkWithBytes() throws {
        try bench.write(Self.allBytes(times: 1) + Data([0xFF]), to: "held.bin")
        for flags in ["--validation-data held.bin", "--validation-split 0.2 --stateful"] {
            let outcome = try bench.train("\(Self.flags) \(flags) --overwrite --epochs 1")
            let held = flags.contains("data") ? "230 bytes of held.bin" : "408 bytes at the end of the text"
            #expect(outcome.stdout.contains("held out: \(held)"), "\(outcome)")
        }
        let program = try MPIRun.find("dtrain")
        let line = Bench.train("--tokens bytes --data - --max-steps 1 --checkpoint-dir piped")
        let outcome = try MPIRun.shell("cat all.bin held.bin | '\(program)' \(line)", folder: bench.folder)
        #expect(outcome.status == 0 && outcome.stdout.contains(": 2,305 bytes"), "\(outcome)")
    }

    @Test func initialWeightsDetermineTheTokens() throws {
        try bench.train("\(Self.flags) --max-steps 1 --checkpoint-dir first")
        let outcome = try bench.train("--init first --data text.txt all.bin --max-steps 1 --checkpoint-dir next")
        #expect(outcome.stdout.contains("3,228 bytes, vocabulary 257"), "\(outcome)")
        // The next checkpoint stores the byte vocabulary.
        try bench.train("--data text.txt all.bin --max-steps 2 --checkpoint-dir next --resume")
        let table = try bench.run("evaluate --data text.txt --checkpoint first next")
        #expect(table.stdout.contains("bits/byte"), "\(table)")
        try bench.train("--max-steps 1 --checkpoint-dir characters")
        let mixed = try bench.run("evaluate --data text.txt --checkpoint first characters")
        #expect(mixed.status == 0 && mixed.stdout.contains("bits/token"), "\(mixed)")
    }
}
