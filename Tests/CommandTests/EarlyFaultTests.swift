import DistributedTesting
import Foundation
import Testing

/// Ranks that die or stop during start-up or shutdown, while the ranks don't monitor each other.
@Suite(.serialized, .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
struct EarlyFaultTests {
    /// A fault of one rank.
    struct Fault: Sendable, CustomStringConvertible {
        let kind: String
        let rank: Int
        let place: String
        var description: String { "\(kind) of rank \(rank): \(place)" }
        /// The stage that the other ranks report.
        var stage: String {
            ["MPI_Win_free", "MPI_Finalize"].contains(place) ? "at the end of the job" : "in start-up"
        }
    }

    static let faults: [Fault] = {
        let places = [
            "before MPI_Init", "MPI_Comm_split_type", "MPI_Win_allocate_shared", "MPI_Win_free", "MPI_Finalize",
        ]
        let all = ["kill", "stop"].flatMap { kind in
            places.flatMap { place in [0, 2].map { Fault(kind: kind, rank: $0, place: place) } }
        }
        let fast = [
            Fault(kind: "kill", rank: 0, place: "MPI_Win_allocate_shared"),
            Fault(kind: "stop", rank: 2, place: "MPI_Comm_split_type"),
            Fault(kind: "stop", rank: 0, place: "MPI_Win_free"),
        ]
        return Torture.isOn ? all : fast
    }()

    private static let timeout = 2

    @Test(arguments: faults)
    func theJobEndsWithinTheTimeLimit(fault: Fault) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-early-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let outcome = try MPIRun.mpirun(
            ranks: 3, executable: "dtrain-mpi-checks",
            arguments: ["early", fault.kind, "\(fault.rank)", fault.place, "\(Self.timeout)", folder.path])
        let mark = folder.appendingPathComponent("fault").path
        let time = try FileManager.default.attributesOfItem(atPath: mark)[.modificationDate] as? Date
        let seconds = Date().timeIntervalSince(try #require(time, "the fault didn't happen: \(outcome)"))
        #expect(
            outcome.status != 0 && outcome.status != 124 && outcome.status != 137 || fault.kind == "kill", "\(outcome)")
        let limit = Double(Torture.count(fast: 55, full: 5)) + (fault.kind == "stop" ? Double(Self.timeout) : 0)
        #expect(seconds <= limit, "\(outcome)")
        print("\(fault): exit code \(outcome.status), the launcher has ended after \(seconds) s")
        guard fault.kind == "stop" else { return }
        let error = outcome.stderr.split(separator: "\n").first { $0.hasPrefix("error: ") }
        #expect(error?.contains(") \(fault.stage): waited ") == true, "\(outcome)")
        #expect(error?.contains("for rank \(fault.rank) (process ") == true, "\(outcome)")
    }
}
