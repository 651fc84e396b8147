import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// Real jobs in which a rank or the launcher dies, stops or fails: each ends promptly, with an
/// error, and leaves no process.
@Suite(.serialized, .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
struct FailureTests {
    /// A fault of a rank or the launcher.
    struct Fault: Sendable, CustomStringConvertible {
        let kind: String
        let rank: Int
        let phase: TrainingPhase

        /// The step of the fault; the training saves every fourth step.
        var step: Int { phase == .startUp ? 0 : 8 }
        var description: String { "\(kind) of rank \(rank) in \(phase)" }
        var place: String { phase == .startUp ? "in start-up" : "at step 8 in \(phase)" }
    }

    private static let phases: [TrainingPhase] = [.startUp, .forward, .exchange, .save]

    private static func faults(_ kinds: [String], _ ranks: [Int], fast: Int) -> [Fault] {
        let all = kinds.flatMap { kind in
            phases.flatMap { phase in ranks.map { Fault(kind: kind, rank: $0, phase: phase) } }
        }
        let picked = (0..<fast).map { index in
            Fault(
                kind: kinds[index % kinds.count], rank: ranks[index % ranks.count],
                phase: phases[(index + kinds.count) % phases.count])
        }
        return Torture.isOn ? all : picked
    }

    private static let ranks = 3
    private static let stallTimeout = 2

    /// The output of a job with a fault, and the seconds from the fault to its end.
    private struct Outcome {
        let outcome: MPIRun.Outcome
        let seconds: Double
        /// Seconds until the last process ended; nil if one survived.
        let allGone: Double?
        /// With a stopped launcher: the surviving ranks, one per line.
        let ranksLeft: String?
        var errors: [Substring] { outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("error: ") } }
    }

    private func start(_ fault: Fault, timeout: Int = stallTimeout) throws -> Outcome {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-fault-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = folder.appendingPathComponent("text")
        try Data(String(repeating: "the quick brown fox jumps over the lazy dog.\n", count: 40).utf8).write(to: text)
        let outcome = try MPIRun.mpirun(
            ranks: Self.ranks, executable: "dtrain-mpi-checks",
            arguments: [
                "fault", fault.kind, "\(fault.rank)", "\(fault.step)", "\(fault.phase.rawValue)", "\(timeout)",
                text.path, folder.path,
            ])
        let ended = Date()
        let mark = folder.appendingPathComponent("fault").path
        let time = try FileManager.default.attributesOfItem(atPath: mark)[.modificationDate] as? Date
        let began = try #require(time, "the fault didn't happen: \(outcome)")
        while !survivors(folder.path).isEmpty, Date().timeIntervalSince(began) < 90 { usleep(50_000) }
        let left = survivors(folder.path)
        let ranksLeft = try? String(contentsOfFile: "\(mark)-left", encoding: .utf8)
        for process in left { kill(process, SIGKILL) }
        return Outcome(
            outcome: outcome, seconds: ended.timeIntervalSince(began),
            allGone: left.isEmpty ? Date().timeIntervalSince(began) : nil, ranksLeft: ranksLeft)
    }

    /// The processes with a word in their arguments.
    private func survivors(_ word: String) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
            return String(decoding: line, as: UTF8.self).contains(word)
        }
    }

    /// Expects the job's end within the guaranteed 5 seconds, or within more on a busy machine.
    private func expectEnd(_ result: Outcome, _ fault: Fault, after seconds: Double = 0) {
        let limit = Double(Torture.count(fast: 60, full: 5)) + seconds
        #expect(result.outcome.status != 0, "\(fault): \(result.outcome)")
        #expect(result.allGone.map { $0 <= limit } == true, "\(fault): \(result)")
        print("\(fault): exit code \(result.outcome.status), last process gone after \(result.allGone ?? -1) s")
    }

    @Test(arguments: faults(["kill", "crash"], [0, 2], fast: 3))
    func aDeadRankIsNamed(fault: Fault) throws {
        let result = try start(fault)
        expectEnd(result, fault)
        // MPICH's launcher may kill the others before one of them reports the loss; it then reports
        // the loss itself.
        if !MPIRun.isOpenMPI, result.errors.isEmpty { return }
        #expect(result.errors.count == 1, "\(fault): \(result)")
        let error = try #require(result.errors.first)
        #expect(error.hasPrefix("error: rank \(fault.rank) ("), "\(result)")
        // During start-up the monitor may not be running yet.
        #expect(error.contains(") \(fault.place) was lost: killed or crashed; "), "\(result)")
    }

    @Test(arguments: faults(["stop"], [0, 2], fast: 2))
    func aStoppedRankIsNamed(fault: Fault) throws {
        let result = try start(fault)
        expectEnd(result, fault, after: Double(Self.stallTimeout))
        #expect(MPIRun.codes(70).contains(result.outcome.status), "\(fault): \(result)")
        #expect(result.errors.count == 1, "\(fault): \(result)")
        let error = try #require(result.errors.first)
        #expect(error.hasPrefix("error: rank \(fault.rank) ("), "\(result)")
        #expect(error.contains(") \(fault.place) has not run for "), "\(result)")
    }

    @Test(arguments: faults(["hang"], [0, 1], fast: 1))
    func aStuckRankIsNamed(fault: Fault) throws {
        let result = try start(fault)
        expectEnd(result, fault, after: Double(Self.stallTimeout))
        #expect(MPIRun.codes(70).contains(result.outcome.status), "\(fault): \(result)")
        let error = try #require(result.errors.first)
        #expect(error.hasPrefix("error: rank \(fault.rank) ("), "\(result)")
        #expect(error.contains(") \(fault.place) has not moved for "), "\(result)")
    }

    @Test(arguments: faults(["throw", "memory"], [0, 2], fast: 2))
    func aFailingRankIsNamed(fault: Fault) throws {
        let result = try start(fault)
        expectEnd(result, fault)
        // Without memory, MPI may fail to forward the exit code.
        if fault.kind == "throw" { #expect(result.outcome.status == 65, "\(fault): \(result)") }
        #expect(result.errors.count == 1, "\(fault): \(result)")
        let error = try #require(result.errors.first)
        #expect(error.hasPrefix("error: rank \(fault.rank) ("), "\(result)")
        #expect(error.contains(") \(fault.place): \(fault.kind == "throw" ? "made to fail" : "out of memory: ")"))
    }

    /// The launcher's death closes standard error, so no error is visible.
    @Test(arguments: faults(["launcher", "stop-and-launcher"], [1], fast: 2))
    func noProcessSurvivesTheLauncher(fault: Fault) throws {
        expectEnd(try start(fault), fault)
    }

    @Test func aSlowRankCausesOnlyAWarning() throws {
        let fault = Fault(kind: "slow", rank: 1, phase: .forward)
        let result = try start(fault)
        #expect(result.outcome.status == 0, "\(result)")
        let lines = result.outcome.stderr.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("warning: ") }, "\(result)")
        // On a busy machine there may be a warning about another late rank.
        let warning = try #require(lines.first { $0.hasPrefix("warning: rank 1 (") }, "\(result)")
        #expect(
            warning.contains(#/^warning: rank 1 \(.*\) at step 8 in forward/backward, behind but moving: /#),
            "\(result)")
        #expect(
            warning.contains(#/: ranks 0, 2 have waited \d+ s at step 8 in (forward/backward|exchange)$/#), "\(result)"
        )
    }

    /// A stopped launcher can't act on the request to abort the job.
    @Test func ranksEndDespiteAStoppedLauncher() throws {
        let result = try start(Fault(kind: "stopped-launcher", rank: 1, phase: .forward))
        #expect(result.ranksLeft == "", "\(result)")
        #expect(result.outcome.status != 0, "\(result)")
    }
}
