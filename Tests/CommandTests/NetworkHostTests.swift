import DistributedTesting
import Foundation
import Testing

/// Ranks on several hosts connected only by a network.
@Suite(
    .serialized,
    .enabled(
        if: MPIRun.isOpenMPI,
        "MPICH 4.0 over UCX's TCP sometimes hangs in MPI_Finalize, and its launcher waits forever for a lost host"
    ),
    .enabled(if: NetworkHosts.obstacle == nil, "no network hosts here: \(NetworkHosts.obstacle ?? "")"))
struct NetworkHostTests {
    /// A model with a gradient of three megabytes: several blocks, and large enough for the link's
    /// rate to matter.
    private static let large = "--rnn-units 512 --max-steps 6"

    @Test(arguments: [
        (NetworkHosts(2), ""), (NetworkHosts(4), "--layers 2"), (NetworkHosts(2, slots: 2), ""),
        (NetworkHosts(2, rate: "1gbit"), large), (NetworkHosts(2, rate: "100mbit"), large),
    ])
    func severalHostsGiveTheSameFiles(hosts: NetworkHosts, model: String) throws {
        let bench = try Bench()
        try bench.train("\(model) --checkpoint-dir alone")
        let outcome = try train(bench, "\(model) --checkpoint-dir hosts", on: hosts, then: "cat /proc/net/dev >traffic")
        #expect(outcome.status == 0, "\(outcome)")
        let names = try bench.names(in: "alone")
        #expect(try bench.names(in: "hosts") == names)
        for name in names {
            #expect(try bench.read("hosts/\(name)") == bench.read("alone/\(name)"), "\(name) on \(hosts)")
        }
        // In any exchange, at least half of each step's gradient leaves the host, since each rank
        // completes the sums of its own elements.
        let parameters = try bench.tensors("hosts/\(try #require(names.last))")
            .filter { !$0.key.hasPrefix("adam.") }.reduce(0) { $0 + $1.value.count }
        let steps = model.contains("--max-steps") ? 6 : 2 * Bench.stepsPerEpoch
        #expect(try bytesSent(bench.read("traffic")) >= steps * parameters * 2, "\(hosts)")
    }

    /// The messages that separate waiting from exchange must not queue behind the gradient's
    /// blocks.
    ///
    /// Two blocks take most of a second, while both ranks compute for a few milliseconds.
    @Test func aSlowLinkCountsAsExchangeTime() throws {
        let bench = try Bench()
        let outcome = try train(
            bench, "--rnn-units 384 --max-steps 5 --profile --metrics m.jsonl",
            on: NetworkHosts(2, rate: "20mbit"))
        #expect(outcome.status == 0, "\(outcome)")
        let steps = try Metrics(bench.read("m.jsonl")).lines.filter { $0.step != nil }
        #expect(steps.count == 5)
        var waits: [Double] = []
        for step in steps.dropFirst() {
            let profile = try #require(step.profile)
            let (wait, exchange) = (try #require(profile["wait"]), try #require(profile["exchange"]))
            #expect(exchange > 0.3, "\(profile)")
            waits.append(wait / exchange)
            #expect(abs(profile.values.reduce(0, +) - step.seconds) < 0.001 && profile["other"] ?? -1 >= 0)
        }
        // On a busy machine a rank occasionally does wait, so the median is checked.
        #expect(waits.sorted()[2] < 0.1, "\(waits)")
    }

    /// The warning names the oversubscribed host, not the host of rank 0, which prints it.
    @Test(.enabled(if: Launch.cores < 8, "too many cores"))
    func theOversubscribedHostIsNamed() throws {
        let (bench, ranks) = (try Bench(), Launch.cores + 1)
        let outcome = try NetworkHosts(2, slots: ranks).run(
            "\(MPIRun.launcher) \(MPIRun.isOpenMPI ? "--host" : "-hosts") host1:1,host2:\(ranks) -np \(ranks + 1) "
                + "'\(try MPIRun.find("dtrain"))' \(Bench.train("--max-steps 1 --threads 1"))",
            folder: bench.folder)
        #expect(outcome.status == 0, "\(outcome)")
        let warnings = outcome.stderr.split(separator: "\n").filter { $0.contains("slower than one rank per core") }
        #expect(warnings.count == 1, "\(outcome)")
        #expect(warnings.first?.contains("\(ranks) ranks share the \(Launch.cores) core") == true, "\(outcome)")
        #expect(warnings.first?.contains(" of host2, which is slower") == true, "\(outcome)")
    }

    /// The link is slow (half a second per step), so the cut falls between the first and the last
    /// step.
    @Test func aJobEndedByACutLinkCanBeResumed() throws {
        let bench = try Bench()
        let model = "--rnn-units 64 --epochs 1 --checkpoint-every-steps 1"
        try bench.train("\(model) --checkpoint-dir alone")
        let hosts = NetworkHosts(2, rate: "1mbit")
        let outcome = try train(
            bench, "\(model) --metrics m.jsonl --stall-timeout 2", on: hosts, during: Self.cutAfterStepFour,
            then: Self.listProcesses)
        #expect(outcome.status != 0 && outcome.status != 124 && outcome.status != 137, "\(outcome)")
        let errors = outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("error: ") }
        #expect(errors.count == 1, "\(outcome)")
        #expect(errors.first?.contains("rank ") == true && errors.first?.contains("host") == true, "\(outcome)")
        #expect(try String(decoding: bench.read("processes"), as: UTF8.self) == "")

        // The save of the fourth step may have been in progress.
        let saved = try bench.names(in: "training_checkpoints").count
        #expect((3..<Bench.stepsPerEpoch).contains(saved), "\(saved)")
        let resumed = try train(bench, "\(model) --resume --metrics m.jsonl", on: NetworkHosts(2))
        #expect(resumed.status == 0, "\(resumed)")
        #expect(try bench.read("training_checkpoints/ckpt_1.safetensors") == bench.read("alone/ckpt_1.safetensors"))
        #expect(try Metrics(bench.read("m.jsonl")).steps == Array(1...Bench.stepsPerEpoch))
    }

    /// Trains on the hosts.
    ///
    /// - Parameters:
    ///   - during: shell commands that run concurrently on the first host.
    ///   - then: shell commands that run there after the job, whether it succeeded or not.
    private func train(
        _ bench: Bench, _ flags: String, on hosts: NetworkHosts, during: String = "", then: String = ""
    ) throws -> MPIRun.Outcome {
        let program = "'\(try MPIRun.find("dtrain"))' \(Bench.train(flags)) --threads 1"
        let job = "\(MPIRun.launcher) -np \(hosts.ranks) \(program)"
        return try hosts.run(
            "\(job) & job=$!; \(during)\nwait $job; code=$?; \(then)\nexit $code",
            environment: ["DTRAIN_DATA": "", "OMPI_MCA_btl": hosts.slots == 1 ? "tcp,self" : "tcp,vader,self"],
            folder: bench.folder)
    }

    /// Cuts the link after step four, unless the job ends earlier.
    ///
    /// TCP gives up a silent peer after four retransmissions (6 s) instead of 15 (15 minutes). Then
    /// `mpirun` stops waiting for the other host.
    private static let cutAfterStepFour = """
        for host in host1 host2; do $NETWORK_HOSTS_SSH $host 'echo 4 >/proc/sys/net/ipv4/tcp_retries2'; done
        until grep -q '"step":4' m.jsonl 2>/dev/null || ! kill -0 $job; do sleep 0.05; done
        $NETWORK_HOSTS_SSH host2 ip link set eth0 down
        """

    /// Writes the job's remaining processes on any host into `processes`, after a grace period of
    /// five seconds.
    private static let listProcesses = """
        for try in $(seq 50); do
            cat /proc/[0-9]*/comm 2>/dev/null | grep -E 'dtrain|mpirun|orted' >processes || break
            sleep 0.1
        done
        """

    /// The bytes sent by the first interface in `/proc/net/dev`: the ninth number after its name.
    private func bytesSent(_ table: Data) throws -> Int {
        let lines = String(decoding: table, as: UTF8.self).split(separator: "\n")
        let line = try #require(lines.first { $0.contains("eth0:") })
        let numbers = line.split(separator: ":")[1].split(separator: " ")
        return try #require(numbers.count > 8 ? Int(numbers[8]) : nil)
    }
}
