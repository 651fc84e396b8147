import DistributedTesting

/// A background training of a shell that sends it signals.
struct SignaledJob {
    let outcome: MPIRun.Outcome

    /// Shell functions for a second SIGINT.
    static let interruptFunctions = """
        # Waits until a process has no pending SIGINT; a second one sent earlier would be lost.
        wait_delivered() {
            until [ $((0x0$(pending "$1" ShdPnd) & 2)) -eq 0 ] && [ $((0x0$(pending "$1" SigPnd) & 2)) -eq 0 ]; do
                sleep 0.01
            done
        }
        pending() { cat /proc/$1/task/*/status 2>/dev/null | sed -n "s/^$2:\\t//p" | grep -m 1 '[^0]' || echo 0; }
        # Succeeds if a process exists and is no zombie.
        is_alive() { grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null; }
        """

    /// Shell functions for a job's `script`, in addition to `$job`, the pid of the program or its
    /// launcher.
    private static let functions = """
        # Waits until the metrics have the given number of lines.
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
        wait_handler() {
            until [ $((0x0$(sed -n 's/^SigCgt:\\t//p' "/proc/$1/status" 2>/dev/null) & 0x4000)) -ne 0 ]; do
                kill -0 $job 2>/dev/null || return
                sleep 0.01
            done
        }
        """

    /// Runs a training with metrics in `metrics.jsonl`, and the script once the training has
    /// started.
    ///
    /// - Parameters:
    ///   - bench: the working folder.
    ///   - flags: flags of `dtrain train`.
    ///   - launch: a single process or ranks.
    ///   - environment: variables for the training.
    ///   - before: shell commands that run first in the training's process.
    ///   - script: shell commands that run concurrently.
    init(
        _ bench: Bench, _ flags: String, on launch: Launch, environment: [String: String] = [:], before: String = ":",
        script: String
    ) throws {
        let program = "'\(try MPIRun.find("dtrain"))' \(Bench.train(flags, over: "--quiet --metrics metrics.jsonl"))"
        let command =
            switch launch {
            case .alone: program
            case .ranks(let count): "\(MPIRun.command.joined(separator: " ")) -np \(count) \(program)"
            }
        let variables = environment.sorted { $0.key < $1.key }.map { "export \($0.key)='\($0.value)'\n" }.joined()
        outcome = try MPIRun.shell(
            variables
                + "\(Self.functions)\n\(Self.interruptFunctions)\n(\(before); exec \(command)) & job=$!\n"
                + "trap 'kill -KILL $job' TERM\n\(script)\nwait $job",
            folder: bench.folder)
    }

    /// The line that reports the stop; nil unless there is exactly one.
    var report: Substring? {
        let lines = outcome.stderr.split(separator: "\n").filter { $0.contains("stopped by ") }
        return lines.count == 1 ? lines.first : nil
    }

    /// The parts of the report: signal and optional rank, step, file, and command to resume.
    var parts: (cause: Substring, step: Int, file: Substring, command: Substring)? {
        let pattern = /^stopped by (.+) after step ([\d,]+); saved (\S+); resume with: (.+)$/
        guard let match = report.flatMap({ try? pattern.wholeMatch(in: $0) }),
            let step = Int(match.2.replacing(",", with: ""))
        else {
            return nil
        }
        return (match.1, step, match.3, match.4)
    }
}
