import Foundation
import Testing

/// Every command that reads a checkpoint rejects truncated, changed and foreign files.
@Suite(.serialized)
struct DamagedCheckpointTests {
    /// A kind of damage to a valid file.
    enum Damage: CaseIterable, Sendable {
        case cut, empty, weightChanged, headerChanged, headerTooLong, foreign, notSafetensors

        func apply(to data: Data) throws -> Data {
            var data = data
            switch self {
            case .cut: return data.dropLast(100)
            case .empty: return Data()
            case .weightChanged: data[data.count - 7] ^= 1
            case .headerChanged: data[data.firstRange(of: Data("\"42".utf8))?.lowerBound ?? 60] ^= 1
            case .headerTooLong: data.replaceSubrange(0..<8, with: [UInt8](repeating: 0xFF, count: 8))
            case .foreign:
                let golden = try #require(GoldenCase.all.first)
                return try Data(contentsOf: URL(fileURLWithPath: "\(golden.folder)/init.safetensors"))
            case .notSafetensors: return Data(Bench.text.utf8)
            }
            return data
        }
    }

    @Test(arguments: Damage.allCases)
    func everyCommandRejectsADamagedFile(damage: Damage) throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        try bench.write(
            damage.apply(to: try bench.read("training_checkpoints/ckpt_1.safetensors")), to: "bad.safetensors")
        for line in [
            "generate --checkpoint bad.safetensors --prompt a", "evaluate --checkpoint bad.safetensors --data text.txt",
            "export --checkpoint bad.safetensors --output out",
            Bench.train("--resume-from bad.safetensors --checkpoint-dir new"),
        ] { expectRejected(try bench.run(line), 65, "'bad.safetensors'") }
        if damage != .foreign {
            expectRejected(try bench.run("summary --checkpoint bad.safetensors"), 65, "'bad.safetensors'")
            let outcome = try bench.tryToTrain("--init bad.safetensors --checkpoint-dir new")
            expectRejected(outcome, 65, "'bad.safetensors'")
        }
        #expect(!bench.exists("out") && !bench.exists("new"))
    }

    @Test(arguments: Launch.each)
    func resumingFromAnExportedGeneratorIsRejected(launch: Launch) throws {
        let bench = try Bench()
        try bench.train("--epochs 1")
        try bench.run("export --checkpoint training_checkpoints --output out")
        let outcome = try bench.tryToTrain("--resume-from out/generator.safetensors --checkpoint-dir new", on: launch)
        expectRejected(outcome, 65, "'out/generator.safetensors'", "--init", on: launch)
    }
}
