import DTrainCore
import DTrainDistributed
import DistributedTesting
import Foundation
import Testing

/// The way to start the program.
enum Launch: Sendable, CustomStringConvertible {
    case alone
    case ranks(Int)

    var description: String {
        switch self {
        case .alone: "alone"
        case .ranks(let count): "\(count) ranks"
        }
    }

    /// The number of cores that this process and its children may use.
    static let cores = ProcessorSet.current.count

    /// Whether the ranks outnumber the cores.
    var isOversubscribed: Bool {
        switch self {
        case .alone: false
        case .ranks(let count): count > Self.cores
        }
    }

    /// A single process, and two ranks if a launcher is installed.
    static let each: [Launch] = [.alone] + (MPIRun.isAvailable ? [.ranks(2)] : [])
}

/// A working folder with a short text for the built program, deleted with this object.
final class Bench {
    /// 1,180 characters, 29 of them distinct: 107 windows of 11, 13 steps of 8.
    static let text = String(
        repeating: "the quick brown fox jumps over the lazy dog and runs away.\n", count: 20)
    /// Steps per epoch of `text` with the sizes of `train`.
    static let stepsPerEpoch = 13
    /// The vocabulary size of `text`: its characters and `[UNK]`.
    static let vocabularySize = Set(text.unicodeScalars).count + 1

    let folder: String

    init() throws {
        folder =
            FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-command-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try write(Self.text, to: "text.txt")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

    func write(_ data: Data, to name: String) throws { try data.write(to: URL(fileURLWithPath: path(name))) }

    func read(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path(name))) }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    /// The names in a folder of the bench, sorted.
    func names(in name: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
    }

    /// Runs `dtrain` with arguments split at spaces, followed by further ones.
    @discardableResult
    func run(
        _ line: String, _ more: [String] = [], on launch: Launch = .alone, environment: [String: String] = [:]
    ) throws -> MPIRun.Outcome {
        let arguments = Self.words(line) + more
        let environment = ["DTRAIN_DATA": "", "XDG_CACHE_HOME": folder].merging(environment) { $1 }
        switch launch {
        case .alone:
            return try MPIRun.run(
                executable: "dtrain", arguments: arguments, environment: environment, folder: folder)
        case .ranks(let count):
            return try MPIRun.mpirun(
                ranks: count, executable: "dtrain", arguments: arguments, environment: environment, folder: folder)
        }
    }

    /// Trains a small model on the text; the given flags override the model's own.
    func tryToTrain(_ flags: String = "", on launch: Launch = .alone) throws -> MPIRun.Outcome {
        try run(Self.train(flags), on: launch)
    }

    /// Trains a small model on the text and requires success.
    @discardableResult
    func train(
        _ flags: String = "", on launch: Launch = .alone, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> MPIRun.Outcome {
        let outcome = try tryToTrain(flags, on: launch)
        try #require(outcome.status == 0, "\(launch), \(flags): \(outcome)", sourceLocation: sourceLocation)
        return outcome
    }

    /// The command line of `train`: the flags, plus the small model's flags that they don't
    /// override.
    static func train(_ flags: String, over base: String = "") -> String {
        let small =
            "--data text.txt --rnn-units 16 --embedding-dim 8 --seq-length 10 --batch-size 8 --micro-batch-size 2 --epochs 2"
        return "train \(replacing(replacing(small, with: base), with: flags))"
    }

    /// The first flags without those that the second ones override, followed by the second ones.
    static func replacing(_ flags: String, with others: String) -> String {
        func name(_ word: String) -> Substring { word.prefix { $0 != "=" } }
        let given = Set(words(others).prefix { $0 != "--" }.filter { $0.hasPrefix("--") }.map(name))
        var isKept = true
        let kept = words(flags).filter { word in
            if word.hasPrefix("--") { isKept = !given.contains(name(word)) }
            return isKept
        }
        return (kept + [others]).joined(separator: " ")
    }

    static func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }

    /// The bits of all tensors of a file, by name.
    func tensors(_ name: String) throws -> [String: [UInt32]] {
        let file = try Safetensors(path: path(name))
        return try file.tensors.mapValues { $0.range.count / 4 }.reduce(into: [:]) { result, tensor in
            result[tensor.key] = try values(of: tensor.key, count: tensor.value, in: file).map(\.bitPattern)
        }
    }
}

/// The values of one tensor of a file.
func values(of name: String, count: Int, in file: Safetensors) throws -> [Float] {
    let shape = try #require(file.tensors[name]?.shape)
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        if let address = buffer.baseAddress { try file.copy(name, into: address, expecting: shape) }
        initialized = count
    }
}

/// Expects the exit code, and exactly one error with the given texts.
func expectRejected(
    _ outcome: MPIRun.Outcome, _ status: Int32, _ parts: String..., on launch: Launch = .alone,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let lines = outcome.stderr.split(separator: "\n")
    let errors = lines.filter { $0.hasPrefix("error: ") }
    #expect(outcome.status == status, "\(launch): \(outcome)", sourceLocation: sourceLocation)
    #expect(errors.count == 1, "\(launch): \(outcome)", sourceLocation: sourceLocation)
    // The launcher adds its own lines.
    if case .alone = launch {
        let others = lines.filter { !$0.hasPrefix("warning: ") }
        #expect(others.count == 1, "\(outcome)", sourceLocation: sourceLocation)
    }
    for part in parts {
        #expect(errors.first?.contains(part) == true, "\(part): \(outcome)", sourceLocation: sourceLocation)
    }
}
