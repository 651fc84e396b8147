"""Measures the cost per step of each option in docs/training.md, and the speed of the held-out loss."""
import json
import re
import statistics
import tempfile

from benchmark import DTRAIN, WARM_UP, run

LSTM = ["--cell", "lstm", "--layers", "2", "--rnn-units", "512"]
OPTIONS = {
    "dropout 0.2": ([], ["--dropout", "0.2"]),
    "dropout 0.5, 2 × LSTM 512": (LSTM, ["--dropout", "0.5"]),
    "recurrent dropout 0.2": ([], ["--recurrent-dropout", "0.2"]),
    "streams": ([], ["--stateful"]),
    "cosine schedule with warm-up": ([], ["--schedule", "cosine", "--warmup-steps", "100"]),
    "clipping by norm": ([], ["--clip-norm", "1"]),
    "clipping by value": ([], ["--clip-value", "0.01"]),
}


def options(bench):
    for name, (flags, option) in OPTIONS.items():
        bench.compare(
            f"step with {name} (second) against without (first)", "≥ 0.97",
            lambda: bench.step(*flags), lambda: bench.step(*flags, *option),
            ratio=lambda without, given: without / given)
    for precision in ("fp32", "bf16"):
        held_out, trained = zip(*[reading(bench, "--precision", precision) for _ in range(bench.pairs)])
        bench.keep(
            f"{precision}: characters per second in held-out evaluation (first) against training", "≥ 2.5", held_out, trained,
            [ours / other for ours, other in zip(held_out, trained)], "")


def reading(bench, *flags):
    """Returns the characters per second of a measurement of the held-out loss, and of the steps before it."""
    with tempfile.TemporaryDirectory() as folder:
        metrics = f"{folder}/metrics.jsonl"
        said = run([DTRAIN, "train", "--data", bench.corpus, "--max-steps", "10", "--quiet", "--threads", "2",
                    "--validation-split", "0.05", "--validate-every-steps", "10", "--checkpoint-dir",
                    f"{folder}/checkpoints", "--metrics", metrics, *flags])
        lines = [json.loads(line) for line in open(metrics)]
    characters = int(re.search(r"held out: ([0-9,]+) characters", said).group(1).replace(",", ""))
    measured = next(line["seconds"] for line in lines if "validation_loss" in line)
    steps = [line for line in lines if "tokens" in line][WARM_UP:]
    return characters / measured, statistics.median(step["tokens"] / step["seconds"] for step in steps)
