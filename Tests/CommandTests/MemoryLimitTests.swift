import DistributedTesting
import Foundation
import Testing

/// `ulimit -v` on one of three ranks, from too little for MPI to just enough: the job succeeds, or
/// ends promptly and leaves no process.
@Suite(.serialized, .enabled(if: MPIRun.isAvailable && MPIRun.isOpenMPI, "Open MPI's mpirun isn't installed"))
struct MemoryLimitTests {
    /// Limits in megabytes, at which memory runs out in `MPI_Init`, in the set-up, or in the first
    /// step.
    private static let limits = Torture.isOn ? Array(stride(from: 25, through: 600, by: 25)) : [80, 150]

    @Test(arguments: limits)
    func aRankWithoutMemoryEndsTheJob(megabytes: Int) throws {
        let bench = try Bench()
        let program = "'\(try MPIRun.find("dtrain"))'"
        let line = "\(program) \(Bench.train("--rnn-units 256 --max-steps 3 --quiet --stall-timeout 4"))"
        try bench.write("ulimit -v $1; exec \(line)\n", to: "limited.sh")
        let start = Date()
        let outcome = try MPIRun.shell(
            "\(MPIRun.command.joined(separator: " ")) -np 1 \(line) : -np 1 sh limited.sh \(megabytes * 1024) : -np 1 \(line); "
                + "code=$?; for p in /proc/[0-9]*; do [ \"$(readlink $p/cwd)\" = \"$PWD\" ] && cat $p/comm; done "
                + "| grep -E 'dtrain|mpirun'; exit $code",
            folder: bench.folder)
        let seconds = Date().timeIntervalSince(start)
        #expect(outcome.status != 124 && outcome.status != 137, "\(outcome)")
        // The output would name any remaining processes.
        #expect(!outcome.stdout.contains("dtrain") && !outcome.stdout.contains("mpirun"), "\(outcome)")
        // The limit adds the job's own time on a busy machine to the guaranteed five seconds.
        #expect(seconds < Double(Torture.count(fast: 100, full: 15)), "\(outcome)")
        print("\(megabytes) MB of memory for rank 1: exit code \(outcome.status) after \(seconds) s")
        if megabytes <= 100 { #expect(outcome.status != 0, "\(outcome)") }
        guard outcome.status != 0 else { return }
        #expect(!outcome.stderr.isEmpty)
        #expect(!bench.exists("training_checkpoints/ckpt_1_3.safetensors"), "\(outcome)")
    }
}
