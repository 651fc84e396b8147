import DistributedTesting
import Foundation
import Testing

/// `dtrain supervise`: the conditions and flags of a restart, and of giving up.
@Suite(.serialized)
struct SuperviseTests {
    /// Makes a job that logs its arguments and then runs the script with `$n`, the number of the
    /// start.
    private func bench(_ script: String) throws -> Bench {
        let bench = try Bench()
        try bench.train("--max-steps 1 --quiet --checkpoint-dir seed")
        try bench.write("echo \"$@\" >> log\nn=$(wc -l < log)\nmkdir -p saved\n\(script)\n", to: "job.sh")
        return bench
    }

    private func supervise(_ bench: Bench, _ flags: String = "", _ job: String = "sh job.sh") throws -> MPIRun.Outcome {
        try bench.run("supervise --backoff 0.01 \(flags) -- \(job) --checkpoint-dir saved")
    }

    private func log(_ bench: Bench) throws -> [String] {
        String(decoding: try bench.read("log"), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static let validCheckpoint = "seed/ckpt_1_1.safetensors"
    private static let save = "cp \(validCheckpoint) saved/ckpt_1_$n.safetensors"

    @Test func restartsResumeFromTheLastCheckpoint() throws {
        let bench = try bench("\(Self.save)\n[ $n -lt 3 ] && exit 137\nexit 0")
        let outcome = try bench.run(
            "supervise --backoff 0.01 -- sh job.sh --overwrite --init w --extend-vocabulary --checkpoint-dir=saved --quiet"
        )
        #expect(outcome.status == 0, "\(outcome)")
        #expect(
            try log(bench) == ["--overwrite --init w --extend-vocabulary --checkpoint-dir=saved --quiet"]
                + [String](repeating: "--checkpoint-dir=saved --quiet --resume", count: 2))
        let attempts = outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("supervise: attempt ") }
        #expect(attempts.filter { $0.contains("exit code 137 (signal 9) after ") }.count == 2, "\(outcome)")
        #expect(attempts.last?.contains("attempt 3: exit code 0 after ") == true, "\(outcome)")
        #expect(attempts.last?.hasSuffix(" s, newest checkpoint ckpt_1_3.safetensors") == true, "\(outcome)")
    }

    @Test func everyProgramOfAJobGetsTheResumeFlag() throws {
        let bench = try bench("\(Self.save)\n[ $n -lt 2 ] && exit 1\nexit 0")
        _ = try supervise(bench, "", "sh job.sh --threads 1 : --resume-from x")
        #expect(try log(bench).last == "--threads 1 --resume : --checkpoint-dir saved --resume")
    }

    @Test func withoutProgressTheErrorListsTheAttempts() throws {
        let bench = try bench("echo \"error: made to fail $n\" >&2\nexit 70")
        let outcome = try supervise(bench)
        #expect(outcome.status == 70, "\(outcome)")
        #expect(try log(bench).count == 2)
        let error = outcome.stderr.split(separator: "\n").last
        #expect(error?.hasPrefix("error: gave up: no newer checkpoint between two failures; ") == true, "\(outcome)")
        for attempt in 1...2 {
            #expect(error?.contains("attempt \(attempt): exit code 70 after ") == true, "\(outcome)")
            #expect(error?.contains("(error: made to fail \(attempt))") == true, "\(outcome)")
        }
    }

    @Test func theLimitOfRestartsEndsTheAttempts() throws {
        let bench = try bench("\(Self.save)\nexit 1")
        let outcome = try supervise(bench, "--restarts 2")
        #expect(outcome.status == 1, "\(outcome)")
        #expect(try log(bench).count == 3)
        #expect(
            outcome.stderr.contains("error: gave up: the limit of 2 restarts is reached; attempt 1: "), "\(outcome)")
    }

    /// Checkpoints of an earlier training that is to be overwritten are not resumed.
    @Test func checkpointsToBeOverwrittenAreNotResumed() throws {
        let bench = try bench("[ $n -lt 2 ] && exit 1\nexit 0")
        try FileManager.default.createDirectory(atPath: bench.path("saved"), withIntermediateDirectories: true)
        try bench.write(try bench.read(Self.validCheckpoint), to: "saved/ckpt_9.safetensors")
        let outcome = try supervise(bench, "", "sh job.sh --overwrite")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(try log(bench) == [String](repeating: "--overwrite --checkpoint-dir saved", count: 2))
    }

    /// The folder may hold an earlier run, which must not be resumed.
    @Test func checkpointsOfAnotherTrainingAreNotResumed() throws {
        let bench = try bench("[ $n -eq 2 ] && \(Self.save)\n[ $n -lt 3 ] && exit 1\nexit 0")
        try FileManager.default.createDirectory(atPath: bench.path("saved"), withIntermediateDirectories: true)
        try bench.write(try bench.read(Self.validCheckpoint), to: "saved/ckpt_1_1.safetensors")
        let outcome = try supervise(bench, "", "sh job.sh --resume-from other/ckpt_5.safetensors")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(
            try log(bench) == [String](
                repeating: "--resume-from other/ckpt_5.safetensors --checkpoint-dir saved", count: 2)
                + ["--checkpoint-dir saved --resume"])
    }

    /// The first save of a training with held-out data may be that of the best checkpoint.
    @Test func aLoneBestCheckpointIsResumed() throws {
        let save = Self.save.replacingOccurrences(of: "ckpt_1_$n", with: "ckpt_best")
        try #require(save != Self.save)
        let bench = try bench("[ $n -eq 1 ] && \(save)\n[ $n -lt 2 ] && exit 1\nexit 0")
        let outcome = try supervise(bench, "", "sh job.sh --init other")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stderr.contains("newest checkpoint ckpt_best.safetensors"), "\(outcome)")
        #expect(try log(bench) == ["--init other --checkpoint-dir saved", "--checkpoint-dir saved --resume"])
    }

    /// A checkpoint that can't be resumed doesn't count as progress.
    @Test func aDamagedCheckpointDoesNotCountAsProgress() throws {
        let bench = try bench("[ $n -eq 1 ] && \(Self.save)\necho damaged >saved/ckpt_1_$((n + 5)).safetensors\nexit 1")
        let outcome = try supervise(bench, "--restarts 9")
        #expect(outcome.status == 1, "\(outcome)")
        #expect(try log(bench).count == 2)
        #expect(outcome.stderr.contains("gave up: no newer checkpoint between two failures"), "\(outcome)")
        #expect(outcome.stderr.contains("newest checkpoint ckpt_1_1.safetensors"), "\(outcome)")
    }

    @Test(arguments: [0, 64, 65, 66, 75])
    func finalExitCodesAreReturnedWithoutARestart(code: Int) throws {
        let bench = try bench("exit \(code)")
        #expect(try supervise(bench).status == Int32(code))
        #expect(try log(bench).count == 1)
    }

    @Test func aMissingCommandIsNamed() throws {
        let outcome = try Bench().run("supervise -- nothing-of-that-name train")
        #expect(outcome.status == 66, "\(outcome)")
        #expect(outcome.stderr.contains("error: cannot start 'nothing-of-that-name': "), "\(outcome)")
        expectRejected(try Bench().run("supervise --restarts 2"), 64, "write it after '--'")
    }

    @Test func signalsAreForwardedToTheJob() throws {
        let bench = try bench("trap 'exit 75' TERM\ntouch ready\nwhile :; do sleep 0.05; done")
        let outcome = try MPIRun.shell(
            "'\(MPIRun.find("dtrain"))' supervise -- sh job.sh once & until [ -e ready ]; do sleep 0.05; done; kill -TERM $!; "
                + "wait $!; echo code $?", folder: bench.folder)
        #expect(outcome.stdout == "code 75\n", "\(outcome)")
        #expect(try log(bench) == ["once"])
    }

    /// Under `nohup`, neither the supervisor nor the job ends.
    @Test func anIgnoredHangUpStaysIgnored() throws {
        let bench = try bench("trap 'exit 75' TERM\ntouch ready\nwhile :; do sleep 0.05; done")
        let outcome = try MPIRun.shell(
            "(trap '' HUP; exec '\(MPIRun.find("dtrain"))' supervise -- sh job.sh once) & "
                + "until [ -e ready ]; do sleep 0.05; done; grep -h SigIgn /proc/$!/status | "
                + "while read name mask; do echo $((0x0$mask & 1)); done; kill -HUP $!; kill -TERM $!; wait $!; echo code $?",
            folder: bench.folder)
        #expect(outcome.stdout == "1\ncode 75\n", "\(outcome)")
    }

    @Test func theJobEndsWithTheSupervisor() throws {
        let bench = try bench("echo $$ > id; exec sleep 300")
        let outcome = try MPIRun.shell(
            "'\(MPIRun.find("dtrain"))' supervise -- sh job.sh & until [ -s id ]; do sleep 0.05; done; kill -KILL $!; "
                + "for i in $(seq 200); do kill -0 $(cat id) 2>/dev/null || { echo gone; exit; }; sleep 0.05; done",
            folder: bench.folder)
        #expect(outcome.stdout == "gone\n", "\(outcome)")
    }

    /// A killed and restarted training gives the same result.
    @Test func aKilledTrainingEndsWithTheSameBits() throws {
        let bench = try Bench()
        let program = try MPIRun.find("dtrain")
        let line = Bench.train("--epochs 12 --checkpoint-every-steps 1 --keep 2 --quiet")
        try bench.write(
            """
            '\(program)' "$@" &
            if [ ! -e killed ]; then
                until ls saved 2>/dev/null | grep -Eq '^ckpt_([2-9]|1[0-9])'; do sleep 0.01; done
                touch killed
                kill -KILL $!
            fi
            wait $!
            """, to: "job.sh")
        let outcome = try supervise(bench, "", "sh job.sh \(line)")
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.stderr.contains("supervise: attempt 1: exit code 137"), "\(outcome)")
        #expect(outcome.stderr.contains("resumed from 'saved/ckpt_"), "\(outcome)")
        try bench.train("--epochs 12 --checkpoint-dir whole --quiet")
        #expect(try bench.read("saved/ckpt_12.safetensors") == bench.read("whole/ckpt_12.safetensors"))
    }
}
