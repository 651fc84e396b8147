import DistributedTesting
import Foundation
import Testing

/// Jobs under the real launcher, one at a time, since they share few cores.
@Suite(.serialized, .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
struct MPITests {
    private func start(
        _ ranks: Int, _ arguments: String..., environment: [String: String] = [:]
    ) throws -> MPIRun.Outcome {
        try MPIRun.mpirun(
            ranks: ranks, executable: "dtrain-mpi-checks", arguments: arguments, environment: environment)
    }

    @Test(arguments: 1...4)
    func communicatorPassesItsChecks(ranks: Int) throws {
        let outcome = try start(ranks, "all")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout == "passed all on \(ranks)\n")
        #expect(outcome.stderr.isEmpty, "\(outcome)")
    }

    @Test(arguments: 1...4)
    func gradientsMatchTheTreeBitForBit(ranks: Int) throws {
        let outcome = try start(ranks, "gradients")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout == "passed gradients on \(ranks)\n")
    }

    @Test func aLargeGradientIsExchanged() throws {
        let outcome = try start(3, "large")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout == "passed large on 3\n")
    }

    @Test(arguments: [2, 4])
    func aFailingRankEndsTheJobWithItsNameAndCode(ranks: Int) throws {
        let outcome = try start(ranks, "failure")
        #expect(outcome.status == 65, "\(outcome)")
        #expect(outcome.stderr.contains("error: rank \(ranks - 1) ("), "\(outcome)")
        #expect(outcome.stderr.contains("): made to fail\n"), "\(outcome)")
        #expect(outcome.stdout.isEmpty)
    }

    @Test(arguments: [1, 3])
    func anAgreedFailureIsPrintedOnce(ranks: Int) throws {
        let outcome = try start(ranks, "agreed-failure")
        #expect(outcome.status == 66, "\(outcome)")
        #expect(outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("error: ") }.count == 1, "\(outcome)")
        #expect(outcome.stderr.contains("no file here"), "\(outcome)")
    }

    @Test func aStalledJobNamesTheLateRank() throws {
        let outcome = try start(3, "stall", "2")
        #expect(MPIRun.codes(70).contains(outcome.status), "\(outcome)")
        #expect(
            outcome.stderr.contains(#/\) has not moved for \d+ s; ranks 0, 1 wait in MPI_Barrier; /#), "\(outcome)")
        #expect(outcome.stderr.contains("error: rank 2 ("), "\(outcome)")
        #expect(outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("error: ") }.count == 1, "\(outcome)")
    }

    /// A rank that waits for its own pending transfer is monitored, too.
    @Test func aStalledTransferNamesTheLateRank() throws {
        let outcome = try start(3, "stall-transfer", "2")
        #expect(MPIRun.codes(70).contains(outcome.status), "\(outcome)")
        #expect(
            outcome.stderr.contains(#/\) has not moved for \d+ s; ranks 0, 1 wait in MPI_Ialltoallv; /#), "\(outcome)")
    }

    @Test func exchangeBandwidthIsComparedWithMPIAllreduce() throws {
        let outcome = try start(2, "bandwidth", "1")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout.matches(of: /(?m), 2 ranks: median .* GB\/s, [\d.]+ of MPI_Allreduce$/).count == 3)
    }

    @Test func initializingTwiceIsAnError() throws {
        let outcome = try start(2, "twice")
        #expect(outcome.status == 0, "\(outcome)")
    }

    /// Two ranks on one processor yield to each other, unless the user overrides it.
    @Test(arguments: [([:], "1"), (["OMPI_MCA_mpi_yield_when_idle": "0"], "0")])
    func oversubscribedRanksYield(environment: [String: String], expected: String) throws {
        let outcome = try onFirstProcessor(ranks: 2, environment)
        #expect(outcome.stdout.hasPrefix("yield \(expected)\n"), "\(outcome)")
    }

    @Test func aSingleRankDoesNotYield() throws {
        let outcome = try onFirstProcessor(ranks: 1, [:])
        #expect(outcome.stdout.hasPrefix("yield unset\n"), "\(outcome)")
    }

    private func onFirstProcessor(ranks: Int, _ environment: [String: String]) throws -> MPIRun.Outcome {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let list = try #require(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") })
        let first = list.drop { !$0.isNumber }.prefix { $0.isNumber }
        return try MPIRun.mpirun(
            ranks: ranks, executable: "/usr/bin/taskset",
            arguments: ["-c", String(first), try MPIRun.find("dtrain-mpi-checks"), "yield"],
            environment: environment, binding: "none")
    }

    /// With any binding, the ranks' threads fill the allowed processors and don't exceed them.
    @Test(arguments: [1, 2, 3, 4], ["none", "core", "socket"])
    func threadsFillTheAllowedProcessors(ranks: Int, binding: String) throws {
        // Here only the ranks that share a core yield.
        if binding == "core", ranks > Launch.cores { return }
        let report = try threadReport(ranks, binding)
        #expect(report.threads.count == ranks)
        #expect(report.processors.allSatisfy { (1...Launch.cores).contains($0) }, "\(report)")
        if binding == "none" {
            let share = max(1, Launch.cores / ranks)
            #expect(report.threads == [Int](repeating: share, count: ranks), "\(report)")
            #expect(report.processors == [Int](repeating: Launch.cores, count: ranks), "\(report)")
        }
        let sum = report.threads.reduce(0, +)
        #expect(sum <= max(ranks, report.processors[0]), "\(report)")
        #expect(sum > report.processors[0] - ranks, "\(report)")
        #expect(report.oversubscribed == [Bool](repeating: ranks > report.processors[0], count: ranks), "\(report)")
    }

    /// Yielding depends on the total number of threads, not on the number of ranks.
    @Test func ranksYieldIfThreadsOutnumberProcessors() throws {
        let cores = Launch.cores
        #expect(try threadReport(2, "none", threads: [cores, 1]).oversubscribed == [true, true])
        if cores > 1 {
            #expect(try threadReport(2, "none", threads: [cores - 1, 1]).oversubscribed == [false, false])
        }
        #expect(try threadReport(1, "none", threads: [cores]).oversubscribed == [false])
        #expect(try threadReport(1, "none", threads: [cores + 1]).oversubscribed == [true])
        // Each rank has its own core; rank 0 has two threads on it.
        if cores > 1 { #expect(try threadReport(2, "core", threads: [2, 1]).oversubscribed == [true, false]) }
    }

    private struct ThreadReport {
        var threads: [Int] = []
        var processors: [Int] = []
        var oversubscribed: [Bool] = []
    }

    /// The threads reported by ranks with a binding; without `threads`, the ranks choose the
    /// numbers.
    private func threadReport(_ ranks: Int, _ binding: String, threads: [Int] = []) throws -> ThreadReport {
        let outcome = try MPIRun.mpirun(
            ranks: ranks, executable: "dtrain-mpi-checks", arguments: ["threads"] + threads.map { "\($0)" },
            binding: binding)
        try #require(outcome.status == 0, "\(outcome)")
        let pattern = /(?m)^rank \d+: (\d+) threads, (\d+) processors, oversubscribed (true|false)$/
        return outcome.stdout.matches(of: pattern).reduce(into: ThreadReport()) { report, match in
            report.threads.append(Int(match.1) ?? 0)
            report.processors.append(Int(match.2) ?? 0)
            report.oversubscribed.append(match.3 == "true")
        }
    }

    @Test func withoutALauncherOneRankRunsWithoutMPI() throws {
        let outcome = try MPIRun.run(executable: "dtrain-mpi-checks", arguments: ["all"])
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout == "passed all on 1\n")
        let failed = try MPIRun.run(executable: "dtrain-mpi-checks", arguments: ["failure"])
        #expect(failed.status == 65, "\(failed)")
        #expect(failed.stderr == "error: made to fail\n")
    }
}
