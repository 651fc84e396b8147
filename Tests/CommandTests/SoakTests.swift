import DistributedTesting
import Foundation
import Testing

/// A long training leaks neither memory nor file descriptors.
@Suite(.serialized, .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
struct SoakTests {
    private static let steps = Torture.count(fast: 1000, full: 3000)

    @Test func aLongTrainingLeaksNothingAndKeepsTheBits() throws {
        let bench = try Bench()
        // 201 steps per epoch.
        try bench.write(String(repeating: Bench.text, count: 15), to: "text.txt")
        let line =
            Bench.train(
                "--epochs 1000 --max-steps \(Self.steps) --checkpoint-every-steps 10 --keep 2 --quiet --checkpoint-dir "
            )
        let sampler = ProcessSampler(word: "\(bench.folder)/soak", metrics: bench.path("soak.jsonl"))
        let outcome = try MPIRun.mpirun(
            ranks: 4, executable: "dtrain",
            arguments: Bench.words(line) + ["\(bench.folder)/soak", "--metrics", "soak.jsonl"],
            folder: bench.folder, seconds: 1200)
        let ranks = sampler.stop()
        try #require(outcome.status == 0, "\(outcome)")
        #expect(ranks.count == 4)
        for (process, samples) in ranks {
            // By then, checkpoints were saved and every buffer was used.
            let early = try #require(samples.first { $0.steps >= Self.steps / 5 })
            let late = try #require(samples.last { $0.steps < Self.steps })
            let growth = late.kilobytes - early.kilobytes
            print("soak, process \(process): \(samples.count) samples, \(early) to \(late), growth \(growth) KiB")
            // The allocator may still add some pages. A small leak may fit into memory freed before,
            // so only long runs find it.
            #expect(growth < (late.steps - early.steps) * 200 / 1024, "process \(process): \(early) to \(late)")
            // A checkpoint is open only while it is written; a leaked descriptor stays open.
            let files = samples.filter { $0.steps >= early.steps && $0.steps <= late.steps }.map(\.files)
            let (most, least) = (files.prefix(files.count / 2).max(), files.suffix(files.count / 2).min())
            #expect(try #require(least) <= #require(most), "process \(process): \(files)")
        }
        let alone = try MPIRun.run(
            executable: "dtrain", arguments: Bench.words(line) + ["\(bench.folder)/alone"], folder: bench.folder,
            seconds: 1200)
        try #require(alone.status == 0, "\(alone)")
        #expect(try bench.names(in: "soak") == bench.names(in: "alone"))
        let newest = try #require(try bench.names(in: "soak").last)
        #expect(try bench.read("soak/\(newest)") == bench.read("alone/\(newest)"))
    }
}

/// Samples the processes of a program with a word in their arguments.
private final class ProcessSampler: @unchecked Sendable {
    struct Sample {
        /// The completed steps of the training.
        let steps: Int
        /// Private memory of the process, without files and shared memory.
        let kilobytes: Int
        /// Open descriptors.
        let files: Int
    }

    private let word: String
    /// The training's metrics file, used to measure progress.
    private let metrics: String
    private let lock = NSLock()
    private let done = DispatchSemaphore(value: 0)
    // Guarded by the lock.
    private var samples: [Int: [Sample]] = [:]
    private var isStopped = false

    init(word: String, metrics: String) {
        (self.word, self.metrics) = (word, metrics)
        Thread.detachNewThread { [self] in
            while !lock.withLock({ isStopped }) {
                takeSamples()
                usleep(50_000)
            }
            done.signal()
        }
    }

    /// Stops sampling; returns the samples by process.
    func stop() -> [Int: [Sample]] {
        lock.withLock { isStopped = true }
        done.wait()
        return lock.withLock { samples }
    }

    private func takeSamples() {
        // The epoch's line after every 201 lines of steps is negligible.
        let steps = (FileManager.default.contents(atPath: metrics) ?? Data()).count { $0 == UInt8(ascii: "\n") }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let process = Int(name), contents("\(name)/comm") == "dtrain\n",
                contents("\(name)/cmdline").contains(word),
                let line = contents("\(name)/status").split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") }),
                let kilobytes = Int(line.filter(\.isNumber)),
                let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(name)/fd").count
            else { continue }
            lock.withLock {
                samples[process, default: []].append(Sample(steps: steps, kilobytes: kilobytes, files: files))
            }
        }
    }

    private func contents(_ file: String) -> String {
        String(decoding: FileManager.default.contents(atPath: "/proc/\(file)") ?? Data(), as: UTF8.self)
    }
}
