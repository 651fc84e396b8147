"""Compares dtrain with PyTorch DDP (gloo) on two network hosts of one core each, with links of limited rate.

  python3 Benchmarks/network.py [--pairs 5] [--steps 10] [--no-peers]        # or: make benchmark ONLY=network

scripts/network-hosts simulates the hosts. Both programs use the same links and the same mpirun, with each rank bound to
its own core. Prints a table; benchmark.py includes the same rows.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile

from benchmark import DTRAIN, HERE, ROOT, WARM_UP, Bench, Failure, run

HOSTS = str(ROOT / "scripts" / "network-hosts")
# Runs the n-th rank on the n-th core, and sets PyTorch's variables.
PLACED = """
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
export RANK=$rank WORLD_SIZE=2 MASTER_ADDR=host1 MASTER_PORT=29500 GLOO_SOCKET_IFNAME=eth0
exec taskset -c "$(echo %s | cut -d ' ' -f $((rank + 1)))" "$@"
"""


def obstacle():
    """Returns why this system can't simulate network hosts; None if it can."""
    if missing := [tool for tool in ("taskset", "ip") if shutil.which(tool) is None]:
        return f"{' and '.join(missing)} is not installed"
    probe = subprocess.run([HOSTS, "--rate", "1gbit", "1", "true"], capture_output=True, text=True)
    return (probe.stderr.strip().splitlines() or ["unknown"])[-1] if probe.returncode else None


def on_two_hosts(rate, command):
    """Returns the standard output of a program that runs with one rank on each of two hosts."""
    cores = sorted(os.sched_getaffinity(0))
    placed = PLACED % " ".join(map(str, (cores * 2)[:2]))
    return run([HOSTS, "--rate", rate, "2", "mpirun", "-np", "2", "sh", "-c", placed, "rank", *command])


def compression():
    """Returns the flags that halve the exchange of a bf16 training, if this dtrain has them."""
    flag = "--gradient-compression"
    return [flag, "bf16"] if flag in run([DTRAIN, "train", "--help"]) else []


def dtrain_steps(bench, rate, steps, *flags):
    """Returns the lines of dtrain's metrics after the warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        on_two_hosts(rate, [
            DTRAIN, "train", "--data", bench.corpus, "--max-steps", str(steps), "--quiet", "--threads", "1",
            "--checkpoint-dir", f"{folder}/checkpoints", "--metrics", f"{folder}/metrics.jsonl", *flags])
        with open(f"{folder}/metrics.jsonl") as file:
            lines = [json.loads(line) for line in file]
    return [line for line in lines if "step" in line][WARM_UP:]


def torch_step(bench, rate, steps, precision):
    output = on_two_hosts(rate, [
        str(bench.python), str(HERE / "peers" / "pytorch_ddp.py"), "--data", bench.corpus, "--threads", "1", "--steps",
        str(steps), "--precision", precision])
    return float(re.search(r"median_step_seconds ([0-9.]+)", output).group(1))


def median(lines, key):
    return statistics.median(line[key] for line in lines)


def hidden_share(lines):
    """Returns the share of the exchange that overlaps with compute; the profile's exchange is the rest."""
    return statistics.median(
        line["hidden_exchange"] / (line["hidden_exchange"] + line["profile"]["exchange"]) for line in lines)


def network(bench, steps=10):
    """Adds the rows to the bench's table."""
    if reason := obstacle():
        return bench.note(f"no network rows: {reason}")
    modes = (("fp32", "≥ 1.9", ["--precision", "fp32"]), ("bf16", "≥ 2.2", ["--precision", "bf16", *compression()]))
    for rate, name in (("1gbit", "1 Gbit/s"), ("100mbit", "100 Mbit/s")):
        for precision, bar, flags in modes:
            kind = f"{precision}{' (compressed exchange)' if len(flags) > 2 else ''}"
            row = f"{kind} step, 2 hosts × 1 core at {name}"

            def step():
                return median(dtrain_steps(bench, rate, steps, *flags), "seconds")

            if rate == "1gbit" and bench.python:
                bench.compare(
                    f"{row}, against PyTorch DDP (gloo)", bar, step,
                    lambda: torch_step(bench, rate, steps, precision))
            else:
                bench.keep(row, "", [step() for _ in range(bench.pairs)], [], [], "s")
            shares = [hidden_share(dtrain_steps(bench, rate, steps, "--profile", *flags)) for _ in range(bench.pairs)]
            bench.keep(
                f"{kind}: share of the exchange hidden behind compute, at {name}", "≥ 0.5" if rate == "1gbit" else "",
                [], [], shares, "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="runs of each side of a comparison")
    parser.add_argument("--steps", type=int, default=10, help="steps of a run, warm-up included")
    parser.add_argument("--no-peers", action="store_true", help="measure dtrain alone")
    arguments = parser.parse_args()
    bench = Bench(arguments.pairs, peers=not arguments.no_peers)
    network(bench, max(arguments.steps, WARM_UP + 1))
    print(bench.table(), *bench.notes, sep="\n")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        raise SystemExit(f"error: {failure}") from None
