import DistributedTesting

/// A training in the background of a shell that sends it signals.
struct SignalledJob {
    let outcome: MPIRun.Outcome

    /// The functions that a job's `script` may use, beside `$job`, the pid of the program or its launcher.
    private static let functions = """
        # Waits until the metrics hold so many steps.
        steps() {
            until [ "$(cat metrics.jsonl 2>/dev/null | wc -l)" -ge "$1" ]; do
                kill -0 $job 2>/dev/null || return
                sleep 0.01
            done
        }
        parent() { sed -n 's/^PPid:\\t//p' "/proc/$1/status" 2>/dev/null; }
        # The pid of a rank: a child of the launcher (Open MPI) or of its helper (MPICH).
        rank() {
            for process in /proc/[0-9]*; do
                process=${process#/proc/}
                above=$(parent $process)
                [ "$above" = $job ] || [ "$(parent "$above")" = $job ] || continue
                tr '\\0' '\\n' <"/proc/$process/environ" | grep -qxE "(OMPI_COMM_WORLD|PMI)_RANK=$1" && echo $process
            done
        }
        # Waits until a process catches SIGTERM.
        caught() {
            until [ $((0x0$(sed -n 's/^SigCgt:\\t//p' "/proc/$1/status" 2>/dev/null) & 0x4000)) -ne 0 ]; do
                kill -0 $job 2>/dev/null || return
                sleep 0.01
            done
        }
        """

    /// Runs a training whose metrics are in `metrics.jsonl` and, as soon as it has started, the script.
    ///
    /// - Parameters:
    ///   - bench: where it runs.
    ///   - flags: of `dtrain train`.
    ///   - launch: how it is started.
    ///   - before: what the shell does first in the training's own process.
    ///   - script: what happens meanwhile.
    init(_ bench: Bench, _ flags: String, on launch: Launch, before: String = ":", script: String) throws {
        let program = "'\(try MPIRun.find("dtrain"))' \(Bench.train("--quiet --metrics metrics.jsonl \(flags)"))"
        let command =
            switch launch {
            case .alone: program
            case .ranks(let count): "\(MPIRun.command.joined(separator: " ")) -np \(count) \(program)"
            }
        outcome = try MPIRun.shell(
            "\(Self.functions)\n(\(before); exec \(command)) & job=$!\ntrap 'kill -KILL $job' TERM\n\(script)\nwait $job",
            folder: bench.folder, seconds: 60)
    }

    /// The line that says how the training was stopped, if there is just one.
    var report: Substring? {
        let lines = outcome.stderr.split(separator: "\n").filter { $0.contains("stopped by ") }
        return lines.count == 1 ? lines.first : nil
    }

    /// What the report names: the signal, and rank if any, the step, the file, and the command to go on with.
    var parts: (cause: Substring, step: Int, file: Substring, command: Substring)? {
        let pattern = /^stopped by (.+) after step (\d+); saved (\S+); go on with: (.+)$/
        guard let match = report.flatMap({ try? pattern.wholeMatch(in: $0) }), let step = Int(match.2) else {
            return nil
        }
        return (match.1, step, match.3, match.4)
    }
}
