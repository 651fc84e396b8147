"""Rows of benchmark.py on several ranks: the exchange, crowded cores, predictions, compressed gradients.

  python3 Benchmarks/benchmark.py --only 'exchange scaling compression'
"""
import json
import re
import tempfile

from benchmark import DTRAIN, ROOT, cores, mpirun, run
from network import HOSTS, obstacle

CHECKS = str(ROOT / ".build" / "release" / "dtrain-mpi-checks")

EXCHANGES = [
    ("tree", "MPI_Allreduce", "along the tree, in a training's column panels, against MPI_Allreduce"),
    ("tree", "--allreduce mpi", "along the tree against --allreduce mpi, which also sends the ranks' notes"),
]


def exchange(bench):
    """Compares the exchange with the library's allreduce, alone and in a training; measures more ranks than cores."""
    run(["swift", "build", "-c", "release", "--product", "dtrain-mpi-checks", "--package-path", str(ROOT)], timeout=3000)
    for ranks in (2, 4):
        measured = [bandwidth(ranks) for _ in range(bench.pairs)]
        for ours, peer, what in EXCHANGES:
            bench.keep(
                f"exchange of 16.1 MB, {ranks} local ranks: {what}", "≥ 0.75",
                [medians[ours] for medians in measured], [medians[peer] for medians in measured],
                [medians[peer] / medians[ours] for medians in measured], "ms")
    bench.compare(
        "fp32 step, 2 ranks × 1 thread: the same bits for any ranks (first) against --allreduce mpi", "",
        lambda: bench.step(ranks=2, threads=1), lambda: bench.step("--allreduce", "mpi", ranks=2, threads=1))
    own = cores()
    for precision in ("fp32", "bf16"):
        bench.compare(
            f"{precision} step, {2 * own} ranks on {own} cores (first) against {own} ranks", "≤ 1.15",
            lambda: bench.step("--precision", precision, ranks=2 * own, threads=1),
            lambda: bench.step("--precision", precision, ranks=own, threads=1), ratio=lambda crowd, fit: crowd / fit)


def bandwidth(ranks):
    """Returns the median milliseconds of each kind of exchange."""
    lines = run([*mpirun(ranks), CHECKS, "bandwidth", "15"]).splitlines()
    found = (re.match(r"(.*), \d+ ranks: median ([0-9.]+) ms", line) for line in lines)
    return {match.group(1): float(match.group(2)) for match in found if match}


def scaling(bench):
    """Compares predictions of `dtrain scale` with measurements that were left out of its fit."""
    predictions(bench, "ranks of this machine", [])
    if reason := obstacle():
        return bench.note(f"no predictions for network hosts: {reason}")
    for rate, name in (("1gbit", "1 Gbit/s"), ("100mbit", "100 Mbit/s")):
        predictions(bench, f"network hosts at {name}", [HOSTS, "--rate", rate, "4"])


def predictions(bench, place, launcher):
    with tempfile.TemporaryDirectory() as folder:
        run([*launcher, DTRAIN, "scale", "--data", bench.corpus, "--ranks", "1,2,4", "--threads", "1", "--repeats",
             str(bench.pairs), "--steps", "5", "--output", f"{folder}/scaling"], timeout=7200)
        with open(f"{folder}/scaling/experiment.json") as file:
            checks = json.load(file)["checks"]
    for check in checks:
        bench.keep(
            f"{check['series']} scaling, {check['ranks']} {place}: measured (first) and predicted step, relative error",
            "≤ 0.15", [check["measured_seconds"]], [check["predicted_seconds"]], [abs(check["error"])], "s")


def compression(bench):
    """Measures the effect on the loss of sending gradients in bf16."""
    plain, rounded = epoch_losses(bench), epoch_losses(bench, "--gradient-compression", "bf16")
    difference = max(abs(a - b) for a, b in zip(plain, rounded, strict=True))
    bench.keep(
        "loss of the third epoch, 2 ranks: gradients exchanged in bf16 (first) or fp32; largest difference of an epoch",
        "≤ 0.01", rounded[-1:], plain[-1:], [difference], "")


def epoch_losses(bench, *flags):
    with tempfile.TemporaryDirectory() as folder:
        metrics = f"{folder}/metrics.jsonl"
        run([*mpirun(2), DTRAIN, "train", "--data", bench.corpus, "--epochs", "3", "--quiet", "--threads", "1",
             "--checkpoint-dir", f"{folder}/checkpoints", "--metrics", metrics, *flags], timeout=3600)
        with open(metrics) as file:
            lines = [json.loads(line) for line in file]
    return [line["epoch_loss"] for line in lines if "epoch_loss" in line]
