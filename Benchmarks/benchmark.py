"""Compares dtrain with PyTorch and Keras on this machine, in alternation, and prints and saves a table.

  python3 Benchmarks/benchmark.py [--pairs 5] [--only 'GROUP GROUP'] [--no-peers]

Needs a release build and a corpus, which `make benchmark` provides. PyTorch and Keras are installed once into a Python
environment in the user's cache folder. Results go to Benchmarks/results/: a Markdown table and the raw numbers as JSON,
written after each group, so a group that fails loses only its own rows.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DTRAIN = str(ROOT / ".build" / "release" / "dtrain")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dtrain"
STEPS, WARM_UP = 10, 3

environment = dict(os.environ)
if os.geteuid() == 0:
    environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


class Failure(Exception):
    """A command failed."""


def run(command, timeout=900, **variables):
    """Returns a command's standard output; variables are added to its environment. Raises Failure if it fails."""
    text = " ".join(map(str, command))
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, env={**environment, **variables}, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failure(f"{text} took more than {timeout} s") from None
    if result.returncode:
        raise Failure(f"{text} failed with {result.returncode}:\n{result.stderr[-2000:]}")
    return result.stdout


def cores():
    """Returns the number of physical cores, which Open MPI counts as slots."""
    return int(run([str(ROOT / "scripts" / "cores")]))


def mpirun(ranks):
    """Returns the launcher's arguments for that many ranks on this machine; only Open MPI needs --oversubscribe."""
    crowd = ranks > cores() and re.search("Open MPI|OpenRTE|PRRTE", run(["mpirun", "--version"]))
    return ["mpirun", *(["--oversubscribe"] if crowd else []), "-np", str(ranks)]


def peer_python():
    """Returns the Python of the peers' environment, which is created if it doesn't exist."""
    wanted = (HERE / "requirements.txt").read_text()
    folder = CACHE / "peers"
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("installing PyTorch and TensorFlow for the comparison", file=sys.stderr)
        run([sys.executable, "-m", "venv", str(folder)])
        run([str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "requirements.txt")])
        stamp.write_text(wanted)
    return python


def compile_c(source, *flags):
    """Compiles a program of this folder; returns its path."""
    target = Path(tempfile.gettempdir()) / f"dtrain-{os.getuid()}-{Path(source).stem}"
    run(["cc", "-O2", str(HERE / source), "-o", str(target), "-pthread", *flags])
    return str(target)


class Bench:
    def __init__(self, pairs, peers):
        self.corpus = run([str(ROOT / "scripts" / "fetch-corpus")]).strip()
        self.pairs = pairs
        self.python = peer_python() if peers else None
        self.peak_program = compile_c("peak.c")
        self.peaks = {}
        self.rows = []
        self.notes = []

    # Measurements

    def step(self, *flags, ranks=0, threads=2, steps=STEPS, corpus=None, **variables):
        """Returns dtrain's median seconds per step."""
        with tempfile.TemporaryDirectory() as folder:
            metrics = f"{folder}/metrics.jsonl"
            launcher = mpirun(ranks) if ranks else []
            run([*launcher, DTRAIN, "train", "--data", corpus or self.corpus, "--max-steps", str(steps), "--quiet",
                 "--threads", str(threads), "--checkpoint-dir", f"{folder}/checkpoints", "--metrics", metrics, *flags],
                **variables)
            lines = [json.loads(line) for line in open(metrics)]
        return statistics.median(line["seconds"] for line in lines[WARM_UP:] if "step" in line)

    def torch_step(self, precision, ranks=1, threads=2, corpus=None, **variables):
        program = [str(HERE / "peers" / "pytorch_ddp.py"), "--data", corpus or self.corpus, "--threads", str(threads),
                   "--steps", "8", "--precision", precision]
        launcher = [str(self.python)]
        if ranks > 1:
            launcher += ["-m", "torch.distributed.run", "--nproc-per-node", str(ranks)]
        return self.number("median_step_seconds", launcher + program, **variables)

    def keras_step(self, threads=2):
        return self.number("median_step_seconds", [
            str(self.python), str(HERE / "peers" / "keras_train.py"), "--data", self.corpus, "--threads", str(threads)])

    def torch_generate(self, batch):
        return self.number("best_seconds", [
            str(self.python), str(HERE / "peers" / "pytorch_generate.py"), "--threads", "2", "--batch", str(batch)])

    @staticmethod
    def number(name, command, **variables):
        return float(re.search(rf"{name} ([0-9.]+)", run(command, **variables)).group(1))

    def generate(self, prompts, checkpoint, *flags):
        """Returns the wall seconds of the whole process; unlike the peer's, they include start, loading and packing."""
        command = [DTRAIN, "generate", "--checkpoint", checkpoint, "--length", "1000", *flags]
        for _ in range(prompts):
            command += ["--prompt", "R"]
        start = time.perf_counter()
        run(command)
        return time.perf_counter() - start

    def peak(self, precision):
        """Returns the machine's FMA peak in FLOP/s on 2 threads, the best of this run's measurements.

        For bf16 it is the faster of bf16 instructions and float32 instructions on bf16 operands. The precision `avx2`
        is float32 with AVX2.
        """
        for line in run([self.peak_program, "2"]).splitlines():
            name, rate = line.split()
            self.peaks.setdefault(name, []).append(float(rate) * 1e9)
        names = {"avx2"} if precision == "avx2" else {precision, "fp32"}
        return max(max(self.peaks.get(name, [0])) for name in names)

    # Comparisons

    def compare(self, name, bar, ours, peer, ratio=lambda ours, peer: peer / ours, unit="s"):
        """Runs both in alternation and keeps the values and the ratio of each pair."""
        print(f"{name} …", file=sys.stderr, flush=True)
        measured = [(ours(), peer()) for _ in range(self.pairs)]
        a, b = zip(*measured)
        ratios = [ratio(*pair) for pair in measured]
        self.keep(name, bar, a, b, ratios, unit)

    def keep(self, name, bar, ours, peer, ratios, unit):
        row = {"name": name, "bar": bar, "unit": unit, "ours": list(ours), "peer": list(peer), "ratios": list(ratios)}
        self.rows.append(row)
        print(self.line(row), file=sys.stderr, flush=True)

    def note(self, text):
        """Adds a note below the table, such as why a row is missing."""
        self.notes.append(text)
        print(text, file=sys.stderr, flush=True)

    def save(self, folder):
        """Writes the results so far; returns the table as text."""
        rates = {name: round(statistics.median(rates) * 1e-9) for name, rates in self.peaks.items()}
        notes = "".join(f"\n{note}\n" for note in self.notes)
        where = machine(self.python)
        text = (f"{where}\n\nMedians (least-most) of {self.pairs} runs, in alternation; peaks in GFLOP/s: {rates}\n\n"
                f"{self.table()}\n{notes}")
        folder.mkdir(exist_ok=True)
        (folder / "table.md").write_text(text)
        raw = {"machine": where, "peaks": self.peaks, "rows": self.rows, "notes": self.notes}
        (folder / "raw.json").write_text(json.dumps(raw, indent=1))
        return text

    @staticmethod
    def spread(values, unit=""):
        if not values:
            return ""
        middle = statistics.median(values)
        return f"{middle:.3f}{unit} ({min(values):.3f}-{max(values):.3f})"

    def line(self, row):
        return "| " + " | ".join([
            row["name"], row["bar"], self.spread(row["ours"], " " + row["unit"]),
            self.spread(row["peer"], " " + row["unit"]), self.spread(row["ratios"])]) + " |"

    def table(self):
        head = ["| what | bar | dtrain | other | ratio |", "|---|---|---|---|---|"]
        return "\n".join(head + [self.line(row) for row in self.rows])


def model_flops(units=1024, layers=1, gates=3, batch=64, length=100, vocabulary=66):
    """Returns the floating-point operations of a step.

    Each weight and token takes three products: forward, backward and weight gradient. The first layer's input product
    is a table lookup and isn't counted.
    """
    weights = units * gates * units * (2 * layers - 1) + units * vocabulary
    return 3 * 2 * weights * batch * length


SHAPES = {
    "2 layers": (["--layers", "2"], dict(layers=2)),
    "3 layers": (["--layers", "3"], dict(layers=3)),
    "2048 units": (["--rnn-units", "2048"], dict(units=2048)),
    "batch 256": (["--batch-size", "256"], dict(batch=256)),
    "sequence 400": (["--seq-length", "400"], dict(length=400)),
    "LSTM": (["--cell", "lstm"], dict(gates=4)),
}


def training(bench):
    for precision, bar in (("fp32", "≥ 2.4"), ("bf16", "≥ 2.0")):
        bench.compare(
            f"{precision} step, 1 process × 2 threads, against PyTorch", bar,
            lambda: bench.step("--precision", precision), lambda: bench.torch_step(precision))
    for precision in ("fp32", "bf16"):
        bench.compare(
            f"{precision} step, 2 ranks × 1 thread, against PyTorch DDP (gloo)", "≥ 2.3",
            lambda: bench.step("--precision", precision, ranks=2, threads=1),
            lambda: bench.torch_step(precision, ranks=2, threads=1))
    bench.compare(
        "bf16 step against Keras/TensorFlow", "≥ 5", lambda: bench.step("--precision", "bf16"), bench.keras_step)


def shares(bench):
    for precision, bar in (("fp32", "≥ 0.85"), ("bf16", "≥ 0.75")):
        bench.compare(
            f"{precision} share of the machine's FMA peak (s per step; peak in GFLOP/s)", bar,
            lambda: bench.step("--precision", precision), lambda: bench.peak(precision) * 1e-9,
            ratio=lambda step, peak: model_flops() / step / (peak * 1e9), unit="")
        bench.compare(
            f"{precision}: 2 ranks × 1 thread (first) as fast as 1 process × 2 threads", "≥ 0.95",
            lambda: bench.step("--precision", precision, ranks=2, threads=1),
            lambda: bench.step("--precision", precision))
        bench.compare(
            f"{precision}: bits independent of ranks (first) against one whole-batch weight gradient", "≥ 0.97",
            lambda: bench.step("--precision", precision),
            lambda: bench.step("--precision", precision, "--micro-batch-size", "64"))


def shapes(bench):
    for precision in ("fp32", "bf16"):
        for name, (flags, sizes) in SHAPES.items():
            bench.compare(
                f"{precision}, {name}: share of the peak", "tutorial's − 0.10",
                lambda: bench.step("--precision", precision, *flags, steps=6), lambda: bench.peak(precision) * 1e-9,
                ratio=lambda step, peak: model_flops(**sizes) / step / (peak * 1e9), unit="")


def generation(bench):
    with tempfile.TemporaryDirectory() as folder:
        run([DTRAIN, "train", "--data", bench.corpus, "--max-steps", "1", "--quiet", "--checkpoint-dir", folder])
        for prompts in (1, 5, 64):
            if bench.python:
                bench.compare(
                    f"1000 characters, {prompts} prompts (whole process), against PyTorch's loop", "≥ 3",
                    lambda: bench.generate(prompts, folder), lambda: bench.torch_generate(prompts))
        for prompts in (1, 64):
            if bench.python:
                bench.compare(
                    f"1000 characters, {prompts} prompts, --precision bf16, against PyTorch's loop", "≥ 3",
                    lambda: bench.generate(prompts, folder, "--precision", "bf16"),
                    lambda: bench.torch_generate(prompts))
        bench.compare(
            "5 prompts at once against 1 prompt", "≤ 1.8", lambda: bench.generate(5, folder),
            lambda: bench.generate(1, folder), ratio=lambda five, one: five / one)


def footprint(bench):
    """Measures start-up time, memory and allocations of the tutorial's training."""
    starts, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        command = [DTRAIN, "train", "--data", bench.corpus, "--quiet", "--overwrite", "--checkpoint-dir", folder]
        for _ in range(bench.pairs):
            start = time.perf_counter()
            process = subprocess.Popen([*command, "--max-steps", "3"], stdout=subprocess.PIPE, text=True)
            for line in process.stdout:
                if line.startswith("Total params"):
                    starts.append(time.perf_counter() - start)
            _, _, usage = os.wait4(process.pid, 0)
            memory.append(usage.ru_maxrss / 1000)
        bench.keep("process start to first step", "≤ 0.3 s", starts, [], [], "s")
        bench.keep("peak memory, 1 process × 2 threads", "≤ 350 MB", memory, [], [], "MB")
        library = compile_c("allocations.c", "-shared", "-fPIC", "-ldl")
        counts = [allocations(library, [*command, "--max-steps", str(steps)]) for steps in (5, 25)]
    for module in sorted(counts[1]):
        per_step = (counts[1][module] - counts[0].get(module, 0)) / 20
        if per_step > 0:
            bench.keep(f"heap allocations per step requested by {module}", "0", [per_step], [], [], "")


def saving(bench):
    """Measures the cost of background checkpoints, by whole processes, because a save falls between two steps."""

    def wall(*flags):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            run([DTRAIN, "train", "--data", bench.corpus, "--max-steps", "40", "--quiet", "--threads", "2",
                 "--checkpoint-dir", folder, *flags])
            return time.perf_counter() - start

    bench.compare(
        "40 steps and a checkpoint after each tenth (first) against one at the end", "≤ 1.02",
        lambda: wall("--checkpoint-every-steps", "10", "--keep", "2"), wall, ratio=lambda often, once: often / once)


def allocations(library, command):
    result = subprocess.run(command, capture_output=True, text=True, env={**environment, "LD_PRELOAD": library})
    return {name: int(count) for count, name in re.findall(r"^allocations (\d+) (.*)$", result.stderr, re.M)}


def machine(python):
    """Returns the CPU, the system, and the versions of the compared programs; without peers, `python` is None."""
    cpu = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.M))
    versions = [f"dtrain {run([DTRAIN, '--version']).splitlines()[0]}", run(["mpirun", "--version"]).splitlines()[0]]
    if python:
        names = "('torch', 'tensorflow_cpu', 'keras')"
        versions.append(run([
            python, "-c", f"from importlib.metadata import version; print(*(f'{{n}} {{version(n)}}' for n in {names}), sep=', ')",
        ]).strip())
    kind = f"family {cpu.get('cpu family', '?')}, model {cpu.get('model', '?')}"
    return (f"{cpu.get('model name', platform.processor())} ({kind}), {os.cpu_count()} cores, {platform.platform()}; "
            f"{', '.join(versions)}")


def main():
    # Imported here, because these modules import this file.
    from avx2 import avx2
    from cores import cores as more_cores
    from network import network
    from options import options
    from scaling import compression, exchange, scaling
    from vocabulary import vocabulary
    groups = {"training": training, "shares": shares, "avx2": avx2, "cores": more_cores, "vocabulary": vocabulary, "generation": generation,
              "footprint": footprint, "options": options, "saving": saving, "shapes": shapes, "exchange": exchange, "network": network,
              "scaling": scaling, "compression": compression}
    usual = [name for name in groups if name != "compression"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="runs of each side of a comparison")
    parser.add_argument(
        "--only", default=" ".join(usual),
        help=f"which groups to run, of: {' '.join(groups)} (default: all but compression, two trainings of three epochs, "
             "which take six minutes and more)")
    parser.add_argument("--no-peers", action="store_true", help="measure dtrain alone")
    arguments = parser.parse_args()
    wanted = arguments.only.replace(",", " ").split()
    if unknown := set(wanted) - set(groups):
        parser.error(f"--only: there is no group {', '.join(sorted(unknown))}; there are {' '.join(groups)}")
    with_peers = {"training", "avx2", "vocabulary", "generation", "network"} & set(wanted)
    bench = Bench(arguments.pairs, peers=bool(with_peers) and not arguments.no_peers)
    failed = False
    for name, group in groups.items():
        if name not in wanted or (name == "training" and arguments.no_peers):
            continue
        try:
            group(bench)
        except Failure as failure:
            failed = True
            bench.note(f"{name} ended before its last row: {failure}")
        bench.save(HERE / "results")
    print(bench.save(HERE / "results"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    # The other files import this one by its name; make them find this module, not a second copy.
    sys.modules["benchmark"] = sys.modules["__main__"]
    try:
        main()
    except Failure as failure:
        sys.exit(f"error: {failure}")
