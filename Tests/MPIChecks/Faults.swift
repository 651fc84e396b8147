import DTrainCore
import DTrainDistributed
import DistributedTesting
import Glibc

/// A small training with a fault at one point on one rank.
///
/// The arguments are kind, rank, step, phase, stall timeout, text, folder.
enum Faults {
    static func run(_ arguments: [String]) throws -> Int32 {
        let numbers = [1, 2, 4].map { arguments.indices.contains($0) ? Int(arguments[$0]) : nil }
        guard arguments.count == 7, let rank = numbers[0], let step = numbers[1], let timeout = numbers[2],
            let phase = TrainingPhase.allCases.first(where: { "\($0.rawValue)" == arguments[3] })
        else {
            throw DTrainError(.usage, "fault KIND RANK STEP PHASE TIMEOUT TEXT FOLDER")
        }
        let (kind, folder) = (arguments[0], arguments[6])
        let isMine = LaunchEnvironment.current.rank == rank
        // If the launcher dies, standard error has no reader.
        signal(SIGPIPE, SIG_IGN)
        var options = TrainingOptions(data: arguments[5])
        options[.batchSize] = 8
        options[.microBatchSize] = 2
        options[.sequenceLength] = 10
        (options[.embeddingDim], options[.rnnUnits]) = (8, 16)
        options[.checkpointDirectory] = "\(folder)/checkpoints"
        options[.checkpointEverySteps] = 4
        options[.epochs] = 1000
        // Without a limit where the test needs time to cut the network.
        options[.maxSteps] = ["none", "cut"].contains(kind) ? nil : 200
        return Job.run(stallTimeout: timeout) { heartbeat, position in
            guard isMine, position == TrainingPosition(step: step, phase: phase) else { return }
            try happen(kind, heartbeat, "\(folder)/fault")
        } _: { ranks in
            let plan = try TrainingPlan.make(options, communicator: ranks, defaultThreads: 1) { _ in }
            try TrainingRun(plan) { _ in }.run()
        }
    }

    /// Triggers the fault; first creates a file, whose time is that of the fault.
    private static func happen(_ kind: String, _ heartbeat: Heartbeat, _ mark: String) throws {
        if let file = fopen(mark, "we") { fclose(file) }
        switch kind {
        case "kill": kill(getpid(), SIGKILL)
        case "stop": kill(getpid(), SIGSTOP)
        case "crash": Glibc.abort()
        case "throw": throw DTrainError(.badData, "made to fail")
        case "memory": try exhaustMemory()
        case "launcher": kill(getppid(), SIGKILL)
        case "stopped-launcher":
            try stopLauncher(mark)
            throw DTrainError(.badData, "made to fail")
        case "stop-and-launcher":
            kill(getppid(), SIGKILL)
            kill(getpid(), SIGSTOP)
        case "hang": while true { sleep(1) }
        // The test cuts the network in the meantime.
        case "cut":
            for _ in 0..<40 {
                usleep(100_000)
                heartbeat.beat()
            }
        case "slow":
            for _ in 0..<80 {
                usleep(100_000)
                heartbeat.beat()
            }
        default: throw DTrainError(.usage, "no fault named '\(kind)'")
        }
    }

    /// Stops the launcher until no rank is left, but at most a minute.
    ///
    /// The remaining ranks are then written to a file.
    private static func stopLauncher(_ mark: String) throws {
        let launcher = getppid()
        let script =
            """
            left() {
                for p in /proc/[0-9]*; do
                    read -r name <$p/comm && [ "$name" = dtrain-mpi-chec ] && grep -q '\(mark.dropLast(6))' $p/cmdline \
                        && echo $p
                done 2>/dev/null
            }
            for try in $(seq 60); do
                sleep 1
                [ -n "$(left)" ] || break
            done
            left >'\(mark)-left'
            kill -CONT \(launcher)
            """
        let words: [String] = ["sh", "-c", script]
        var pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process = pid_t()
        guard posix_spawnp(&process, "sh", nil, nil, &pointers, environ) == 0 else {
            throw DTrainError(.internal, "no shell")
        }
        kill(launcher, SIGSTOP)
    }

    /// Limits the address space as `ulimit -v` does, then allocates more.
    private static func exhaustMemory() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        limit.rlim_cur = 1 << 20
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        _ = try AlignedBuffer<Float>(count: 1 << 26)
    }
}
