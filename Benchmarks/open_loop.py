"""Measures the effect of scheduled sampling on generated text: its surprisal far from the prompt.

  python3 Benchmarks/open_loop.py [--seeds '1 2 3'] [--threads 2]

Models with and without scheduled sampling write 5,000 characters after each of 32 prompts. The 100 characters before
the 100th, 500th, 1,000th and 5,000th are scored by two reference models that were trained on the whole text: a strong
recurrent model and a 5-gram model. Takes half an hour if the CPU has bf16 instructions, otherwise an hour. Finished
trainings are kept in Benchmarks/results/open-loop, and a second call resumes. Prints a Markdown table; its last row is
the corpus itself at the same distances from the same prompts.
"""
import argparse
import json
import math
import statistics
import sys
from collections import Counter
from pathlib import Path

from benchmark import DTRAIN, HERE, ROOT, Failure, run

RESULTS = HERE / "results" / "open-loop"
PLACES = [100, 500, 1000, 5000]
SLICE, PROMPTS, PROMPT = 100, 32, 100
HOURS = 4 * 3600
# Small batches of streams, which learn most in a given time.
JUDGE = ["--rnn-units", "512", "--batch-size", "16", "--seq-length", "64", "--stateful", "--dropout", "0.3", "--epochs", "12",
         "--learning-rate", "0.004", "--warmup-steps", "100", "--clip-norm", "1", "--schedule", "cosine", "--precision", "bf16"]
WRITER = ["--rnn-units", "512", "--batch-size", "32", "--epochs", "6", "--learning-rate", "0.002", "--schedule", "cosine",
          "--precision", "bf16"]
KINDS = {
    "without": [],
    "0.25": ["--scheduled-sampling", "0.25", "--scheduled-sampling-ramp", "6"],
    "0.5": ["--scheduled-sampling", "0.5", "--scheduled-sampling-ramp", "6"],
}


class FiveGrams:
    """Characters given the four before, interpolated down to single characters as Witten and Bell do."""

    def __init__(self, text):
        self.tables = []
        for order in range(5):
            counts, totals, kinds = Counter(), Counter(), Counter()
            for i in range(order, len(text)):
                counts[text[i - order : i + 1]] += 1
            for gram, count in counts.items():
                totals[gram[:-1]] += count
                kinds[gram[:-1]] += 1
            self.tables.append((counts, totals, kinds))
        self.uniform = 1 / len(set(text))

    def surprisal(self, text):
        """Nats per character, over all but the first four."""
        losses = []
        for i in range(4, len(text)):
            probability = self.uniform
            for order, (counts, totals, kinds) in enumerate(self.tables):
                context = text[i - order : i]
                if totals[context]:
                    seen, new = totals[context], kinds[context]
                    probability = (counts[context + text[i]] + new * probability) / (seen + new)
            losses.append(-math.log(probability))
        return statistics.mean(losses)


def train(name, corpus, threads, *flags):
    """Trains a model unless it exists; returns its folder."""
    folder = RESULTS / name
    if not (folder / "finished").exists():
        print(f"training {name} …", file=sys.stderr, flush=True)
        run([DTRAIN, "train", "--data", corpus, "--quiet", "--resume", "--keep", "1", "--threads", str(threads),
             "--checkpoint-dir", str(folder), *flags], timeout=HOURS)
        (folder / "finished").touch()
    return folder


def prompts_and_rests(text):
    """Returns passages of the text, and the text after each of them."""
    ends = [(i + 1) * (len(text) // (PROMPTS + 1)) for i in range(PROMPTS)]
    return [text[end - PROMPT : end] for end in ends], [text[end : end + max(PLACES)] for end in ends]


def written(folder, text, threads):
    """Returns a model's continuations of passages of the text; kept beside its checkpoint."""
    kept = folder / "written.json"
    if not kept.exists():
        prompts, _ = prompts_and_rests(text)
        # A passage may begin with dashes.
        flags = [f"--prompt={prompt}" for prompt in prompts]
        lines = run([DTRAIN, "generate", "--checkpoint", str(folder), "--length", str(max(PLACES)), "--json",
                     "--threads", str(threads), *flags], timeout=HOURS).splitlines()
        kept.write_text(json.dumps([json.loads(line)["text"] for line in lines]))
    return json.loads(kept.read_text())


def judge(model, grams, texts, place, threads):
    slices = [text[place - SLICE : place] for text in texts]
    file = RESULTS / "slice.txt"
    file.write_text("".join(slices), encoding="utf-8")
    said = run([DTRAIN, "evaluate", "--checkpoint", str(model), "--data", str(file), "--seq-length", str(SLICE), "--json",
                "--threads", str(threads)])
    return json.loads(said)["loss"], statistics.mean(grams.surprisal(part) for part in slices)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1 2 3")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    seeds, threads = arguments.seeds.split(), arguments.threads
    RESULTS.mkdir(parents=True, exist_ok=True)
    corpus = run([str(ROOT / "scripts" / "fetch-corpus")]).strip()
    text = Path(corpus).read_text(encoding="utf-8")
    model = train("judge", corpus, threads, *JUDGE)
    grams = FiveGrams(text)
    print("| scheduled sampling | " + " | ".join(f"{place}: model, 5-gram" for place in PLACES) + " |")
    print("|---" * (len(PLACES) + 1) + "|")
    for kind, flags in KINDS.items():
        cells = []
        for place in PLACES:
            judged = [judge(model, grams, written(
                train(f"{kind}-{seed}", corpus, threads, *WRITER, "--seed", seed, *flags), text, threads), place, threads)
                for seed in seeds]
            cells.append(", ".join(f"{statistics.mean(side):.3f} ({min(side):.3f}-{max(side):.3f})" for side in zip(*judged)))
        print(f"| {kind} | " + " | ".join(cells) + " |", flush=True)
    rests = prompts_and_rests(text)[1]
    cells = ["{:.3f}, {:.3f}".format(*judge(model, grams, rests, place, threads)) for place in PLACES]
    print("| the corpus | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"error: {failure}")
