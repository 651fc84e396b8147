"""Compares held-out losses of dtrain and PyTorch: the same model, streams, schedule and dropout, several seeds each.

  python3 Benchmarks/held_out.py [--models 'gru lstm'] [--seeds '1 2 3'] [--threads 2]

Both start from dtrain's initial weights of a seed and use Keras's form of Adam. The last tenth of the corpus is held
out. Takes hours. Each finished training is kept in Benchmarks/results/held-out.json, and a second call runs only the
missing ones. Prints a Markdown table of the losses after the last epoch.
"""
import argparse
import json
import re
import statistics
import sys
import tempfile

from benchmark import DTRAIN, HERE, ROOT, Failure, peer_python, run

EPOCHS, WARM_UP = 5, 50
RESULTS = HERE / "results" / "held-out.json"
MODELS = {
    "gru": dict(cell="gru", units=1024, layers=1, dropout=0.0),
    "lstm": dict(cell="lstm", units=512, layers=2, dropout=0.5),
}
NAMES = {"gru": "GRU 1024", "lstm": "2 × LSTM 512, dropout 0.5"}
HOURS = 4 * 3600


def train(model, seed, corpus, threads, folder, *flags):
    run([DTRAIN, "train", "--data", corpus, "--quiet", "--threads", str(threads), "--seed", str(seed),
         "--epochs", str(EPOCHS), "--stateful", "--validation-split", "0.1", "--schedule", "cosine",
         "--warmup-steps", str(WARM_UP), "--checkpoint-dir", f"{folder}/checkpoints",
         "--metrics", f"{folder}/metrics.jsonl", "--cell", model["cell"], "--rnn-units", str(model["units"]),
         "--layers", str(model["layers"]), "--dropout", str(model["dropout"]), *flags], timeout=HOURS)


def dtrain(model, seed, corpus, threads):
    """Held-out losses, one per epoch."""
    with tempfile.TemporaryDirectory() as folder:
        train(model, seed, corpus, threads, folder)
        lines = map(json.loads, open(f"{folder}/metrics.jsonl"))
        return [line["validation_loss"] for line in lines if "epoch_loss" in line]


def pytorch(model, seed, corpus, threads):
    """Held-out losses, one per epoch, from dtrain's initial weights."""
    flags = [word for name, value in model.items() for word in (f"--{name}", str(value))]
    with tempfile.TemporaryDirectory() as folder:
        # The first step of the warm-up has the learning rate 0.
        train(model, seed, corpus, threads, folder, "--max-steps", "1")
        text = run([str(peer_python()), str(HERE / "peers" / "pytorch_held_out.py"), "--data", corpus, "--seed", str(seed),
                    "--threads", str(threads), "--epochs", str(EPOCHS), "--warmup-steps", str(WARM_UP),
                    "--init", f"{folder}/checkpoints/ckpt_1_1.safetensors", *flags], timeout=HOURS)
    return [float(loss) for loss in re.findall(r"validation_loss ([0-9.]+)", text)]


def table(results):
    rows = ["| model | dtrain | PyTorch | difference of the means |", "|---|---|---|---|"]
    for model, name in NAMES.items():
        last = {side: [losses[-1] for key, losses in sorted(results.items()) if key.startswith(f"{model} {side} ")]
                for side in ("dtrain", "pytorch")}
        if all(last.values()):
            means = {side: statistics.mean(losses) for side, losses in last.items()}
            cells = [f"{means[side]:.4f} ({', '.join(f'{loss:.4f}' for loss in last[side])})" for side in last]
            rows.append(f"| {name} | {cells[0]} | {cells[1]} | {means['dtrain'] - means['pytorch']:+.4f} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="gru lstm")
    parser.add_argument("--seeds", default="1 2 3")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    corpus = run([str(ROOT / "scripts" / "fetch-corpus")]).strip()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for seed in arguments.seeds.split():
        for model in arguments.models.split():
            for side in (dtrain, pytorch):
                key = f"{model} {side.__name__} {seed}"
                if key not in results:
                    print(f"{key} …", file=sys.stderr, flush=True)
                    results[key] = side(MODELS[model], seed, corpus, arguments.threads)
                    RESULTS.parent.mkdir(exist_ok=True)
                    RESULTS.write_text(json.dumps(results, indent=1))
    print(table(results))


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"error: {failure}")
