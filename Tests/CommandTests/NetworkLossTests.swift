import DTrainCore
import DistributedTesting
import Foundation
import Testing

private let hasNamespaces = (try? MPIRun.shell("ip netns list >/dev/null 2>&1").status) == 0

/// A job on several hosts (network namespaces), one of which loses its network.
@Suite(
    .serialized, .enabled(if: MPIRun.isAvailable, "mpirun isn't installed"),
    .enabled(if: MPIRun.isOpenMPI, "the hosts are listed for Open MPI's mpirun"),
    .enabled(if: geteuid() == 0 && hasNamespaces, "network namespaces need root and ip"))
struct NetworkLossTests {
    /// A host, and the step and phase of its rank when the network fails.
    struct Loss: Sendable, CustomTestStringConvertible {
        let host: Int
        let phase: TrainingPhase
        var testDescription: String { "host \(host) in \(phase)" }
    }

    private static let losses: [Loss] = {
        let phases: [TrainingPhase] = [.startUp, .forward, .exchange, .save]
        let all = phases.flatMap { phase in (1...3).map { Loss(host: $0, phase: phase) } }
        return Torture.isOn ? all : [Loss(host: 3, phase: .exchange)]
    }()

    /// The script's arguments: a unique number, the program, the host to cut off, the step and the
    /// phase.
    private static let script = """
        id=$1 program=$2 cut=$3 step=$4 phase=$5
        down() {
            for h in 1 2 3; do
                ip netns pids "d$id-$h" | xargs -r kill -KILL
                ip link del "d$id-v$h"
                ip netns del "d$id-$h"
            done
            ip link del "d$id-b"
        } 2>/dev/null
        trap down EXIT
        ip link add "d$id-b" type bridge && ip link set "d$id-b" up || exit 1
        for h in 1 2 3; do
            ip netns add "d$id-$h" && ip link add "d$id-v$h" type veth peer name eth0 netns "d$id-$h" || exit 1
            ip link set "d$id-v$h" master "d$id-b" up
            ip -n "d$id-$h" addr add "10.79.0.$h/24" dev eth0
            ip -n "d$id-$h" link set eth0 up
            ip -n "d$id-$h" link set lo up
        done
        # Each host's temporary files are its own: the helpers would write to the same ones and crash.
        {
            printf '#!/bin/sh\\nhost=${1##*.}\\nshift\\nexport TMPDIR="%s/$host"\\nmkdir -p "$TMPDIR"\\n' "$PWD"
            printf 'exec ip netns exec "d%s-$host" /bin/sh -c "$*"\\n' "$id"
        } >agent
        chmod +x agent
        ip netns exec "d$id-1" mpirun --mca plm_rsh_agent "$PWD/agent" --host 10.79.0.1:1,10.79.0.2:1,10.79.0.3:1 -np 3 \\
            "$program" fault cut $((cut - 1)) "$step" "$phase" 60 "$PWD/text" "$PWD" 2>errors &
        until [ -e fault ]; do kill -0 $! || exit 1; sleep 0.05; done
        # The place that a rank reports is up to half a second old.
        sleep 0.8
        start=$(date +%s%N)
        ip -n "d$id-$cut" link set eth0 down
        wait $!
        echo "code $?"
        # The ranks of the host that was cut off notice it themselves.
        left() {
            for h in 1 2 3; do ip netns pids "d$id-$h"; done | while read -r p; do cat "/proc/$p/comm"; done | grep dtrain
        }
        for i in $(seq 100); do left >/dev/null || break; sleep 0.05; done
        echo "$((($(date +%s%N) - start) / 1000000))" >milliseconds
        left
        cat errors >&2
        """

    @Test(arguments: losses)
    func aHostWithoutNetworkIsNamed(loss: Loss) throws {
        let host = loss.host
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dtrain-net-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = String(repeating: "the quick brown fox jumps over the lazy dog.\n", count: 40)
        try Data(text.utf8).write(to: folder.appendingPathComponent("text"))
        try Data(Self.script.utf8).write(to: folder.appendingPathComponent("script"))
        let outcome = try MPIRun.shell(
            "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 bash script \(getpid()) "
                + "'\(MPIRun.find("dtrain-mpi-checks"))' \(host) \(loss.phase == .startUp ? 0 : 8) \(loss.phase.rawValue)",
            folder: folder.path)
        let errors = outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("error: ") }
        // The exit code is followed by the names of remaining processes.
        let lines = outcome.stdout.split(separator: "\n")
        #expect(lines.count == 1 && lines[0].hasPrefix("code ") && lines[0] != "code 0", "\(outcome)")
        let lost = host == 1 ? "error: rank 1 (" : "error: rank \(host - 1) ("
        #expect(errors.first?.hasPrefix(lost) == true, "\(outcome)")
        #expect(errors.first?.contains("lost: no answer over the network to rank 0 (") == true, "\(outcome)")
        // During start-up the other ranks wait; later they may be a step ahead or behind.
        #expect(errors.first?.contains(loss.phase == .startUp ? " in start-up" : " at step ") == true, "\(outcome)")
        let time = try String(contentsOf: folder.appendingPathComponent("milliseconds"), encoding: .utf8)
        let milliseconds = try #require(Int(time.filter(\.isNumber)))
        print("network of host \(host) lost in \(loss.phase): the last process has ended after \(milliseconds) ms")
        #expect(milliseconds <= Torture.count(fast: 60000, full: 5000))
    }
}
