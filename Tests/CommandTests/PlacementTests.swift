import DTrainCore
import DistributedTesting
import Foundation
import Testing

/// The reported placement of a training, and its open ports.
@Suite(.serialized)
struct PlacementTests {
    private func warnings(_ outcome: MPIRun.Outcome) -> [Substring] {
        outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("warning: ") }
    }

    @Test func moreThreadsThanCoresCauseAWarning() throws {
        let (bench, cores) = (try Bench(), ProcessorSet.defaultThreads)
        let many = warnings(try bench.train("--max-steps 1 --threads \(cores + 1)"))
        #expect(many.count == 1 && many[0].contains("\(cores + 1) worker threads share the "), "\(many)")
        #expect(many.first?.hasSuffix(": lower --threads to \(cores)") == true, "\(many)")
        #expect(warnings(try bench.train("--max-steps 1 --overwrite --threads \(cores)")) == [])
    }

    @Test(.enabled(if: MPIRun.isAvailable && Launch.cores == 2, "needs exactly two cores"))
    func moreThreadsOfAllRanksThanCoresCauseAWarning() throws {
        let many = warnings(try Bench().train("--max-steps 1 --threads 2", on: .ranks(2)))
        #expect(many.count == 1 && many[0].contains("4 worker threads share the 2 cores of "), "\(many)")
        #expect(many.first?.hasSuffix(": lower --threads to 1") == true, "\(many)")
    }

    @Test(.enabled(if: MPIRun.isAvailable, "mpirun isn't installed"))
    func ranksWithoutWorkCauseAWarning() throws {
        let bench = try Bench()
        let idle = warnings(try bench.train("--max-steps 1 --micro-batch-size 8 --threads 1", on: .ranks(2)))
        #expect(
            idle.count { $0.contains("2 ranks share 1 micro-batch per step, so 1 rank has no work: start 1, ") } == 1,
            "\(idle)")
        #expect(idle.contains { $0.contains("raise --batch-size to 16, ") && $0.contains("--micro-batch-size") })
        // The suggested flags remove the warning.
        let more = "--max-steps 1 --overwrite --batch-size 16 --micro-batch-size 8 --threads 1"
        #expect(!warnings(try bench.train(more, on: .ranks(2))).contains { $0.contains("micro-batch") })
    }

    @Test(.enabled(if: MPIRun.isAvailable && MPIRun.isOpenMPI && Launch.cores > 1, "Open MPI binds ranks"))
    func aNarrowBindingCausesAWarning() throws {
        let bench = try Bench()
        func train(_ flags: String, binding: String) throws -> [Substring] {
            warnings(
                try MPIRun.mpirun(
                    ranks: 1, executable: "dtrain",
                    arguments: Bench.words(Bench.train("--max-steps 1 --overwrite \(flags)")),
                    binding: binding, folder: bench.folder))
        }
        let bound = try train("", binding: "core")
        #expect(
            bound.count == 1 && bound[0].contains(" is bound to ") && bound[0].contains("--bind-to none"), "\(bound)")
        #expect(try train("", binding: "none") == [])
        #expect(try train("--threads 1", binding: "core") == [])
    }

    /// A training under a CPU quota of 1.5 cores, set by a control group.
    @Test(.enabled(if: Self.group != nil && Launch.cores > 1, "no control group with a CPU quota can be made here"))
    func aCPUQuotaLimitsTheThreadsAndIsReported() throws {
        let (bench, group) = (try Bench(), try #require(Self.group))
        defer { rmdir(group) }
        let outcome = try MPIRun.shell(
            "echo $$ >\(group)/cgroup.procs || exit 1; '\(MPIRun.find("dtrain"))' \(Bench.train("--max-steps 1"))",
            folder: bench.folder)
        #expect(
            outcome.stdout.contains("1 process × 2 threads, in a CPU quota of 1.5 of \(Launch.cores) cores, "),
            "\(outcome)")
        #expect(warnings(outcome) == [], "\(outcome)")
    }

    /// A new control group with the quota, version 1 or 2; nil where none can be made.
    private static let group: String? = {
        let name = "dtrain-test-\(getpid())"
        let versions: [(folder: String, files: [(String, String)])] = [
            ("/sys/fs/cgroup/cpu/\(name)", [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "150000")]),
            ("/sys/fs/cgroup/\(name)", [("cpu.max", "150000 100000")]),
        ]
        func makeGroup(_ folder: String, _ files: [(String, String)]) -> Bool {
            guard mkdir(folder, 0o755) == 0 else { return false }
            // On other file systems the folder is empty.
            if access("\(folder)/\(files[0].0)", W_OK) == 0,
                files.allSatisfy({
                    (try? $1.write(toFile: "\(folder)/\($0)", atomically: false, encoding: .utf8)) != nil
                })
            {
                return true
            }
            rmdir(folder)
            return false
        }
        return versions.first(where: makeGroup)?.folder
    }()

    /// A training job on one host listens on no port.
    @Test(.enabled(if: MPIRun.isAvailable && MPIRun.isOpenMPI, "Open MPI's mpirun isn't installed"))
    func aJobOnOneHostListensOnNoPort() throws {
        let bench = try Bench()
        let outcome = try SignaledJob(
            bench, "--epochs 40 --checkpoint-every-steps 5 --keep 2", on: .ranks(2),
            script: """
                steps 3
                for r in 0 1; do
                    p=$(rank $r); echo rank $r $(ls /proc/$p/fd | wc -l)
                    readlink /proc/$p/fd/* | sed -n 's/^socket:.\\([0-9]*\\).$/\\1/p' | while read -r socket; do
                        awk -v socket=$socket '$4 == "0A" && $10 == socket {print "listens at", $2}' /proc/net/tcp /proc/net/tcp6
                    done
                done
                """
        ).outcome
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stdout.contains("rank 0 ") && outcome.stdout.contains("rank 1 "), "\(outcome)")
        #expect(!outcome.stdout.contains("listens at"), "\(outcome)")
        #expect(!outcome.stderr.contains("warning: "), "\(outcome)")
    }
}
