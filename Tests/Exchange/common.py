"""Helpers of the checks: dtrain, small models, docs/python.md's scripts, float64 formulas."""
import json, os, re, subprocess, sys, tempfile
from pathlib import Path
import numpy as np
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[2]
DTRAIN = os.environ.get("DTRAIN", str(ROOT / ".build/release/dtrain"))
CASES = [(cell, layers) for cell in ("gru", "lstm", "rnn") for layers in (1, 2, 3)]
PROMPT = "the quick "
TEXT = "the quick brown fox jumps over the lazy dog and runs away.\nwhy does \"é\" cost two bytes?\n" * 40

# The working folder and the pages' scripts are deleted when the process ends.
_scratch = tempfile.TemporaryDirectory(prefix="dtrain-exchange-")
WORK = Path(_scratch.name)
(WORK / "text.txt").write_text(TEXT, encoding="utf-8")
failures = 0


def check(name, passed, detail=""):
    """Prints a check's name and result, and counts failures."""
    global failures
    failures += not passed
    print(f"{'passed' if passed else 'FAILED'}  {name}{f': {detail}' if detail else ''}", flush=True)


def finish():
    sys.exit(1 if failures else 0)


def dtrain(*words, fails=False):
    """Runs dtrain and returns its output or, if it is expected to fail, its error."""
    run = subprocess.run([DTRAIN, *map(str, words)], capture_output=True, text=True, cwd=WORK, stdin=subprocess.DEVNULL)
    if (run.returncode != 0) != fails:
        sys.exit(f"error: dtrain {' '.join(map(str, words))} ended with exit code {run.returncode}: {run.stderr}")
    return run.stderr if fails else run.stdout


def trained(cell, layers, units=24, width=12, steps=None, rate=0.02, batch=8):
    """Trains a model once, until it generates words; returns its folder."""
    folder = WORK / f"{cell}-{layers}-{units}"
    if not folder.exists():
        dtrain("train", "--data", "text.txt", "--cell", cell, "--layers", layers, "--rnn-units", units, "--embedding-dim", width,
               "--seq-length", 20, "--batch-size", batch, "--learning-rate", rate, "--max-steps", steps or 100 * layers, "--epochs", 100,
               "--checkpoint-dir", folder, "--quiet")
    return folder


def greedy(folder, length=60):
    """Returns the prompt with its greedy continuation, and each new character's log-probability."""
    line = dtrain("generate", "--checkpoint", folder, "--prompt", PROMPT, "--greedy", "--length", length, "--json")
    report = json.loads(line)
    return PROMPT + report["text"], np.array(report["log_probabilities"])


def newest(folder):
    return max(folder.glob("ckpt_*.safetensors"), key=lambda file: [int(n) for n in re.findall(r"\d+", file.stem)])


def tensors_of(path):
    """Returns a safetensors file's tensors by name, without optimizer slots, and its vocabulary."""
    with safe_open(path, "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys() if not name.startswith("adam.")}
        return tensors, json.loads(file.metadata()["vocabulary"])


def pages_scripts():
    """Extracts docs/python.md's scripts unchanged into a folder; makes them importable."""
    folder = WORK / "scripts"
    folder.mkdir()
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    for name, code in re.findall(r"```python\n# (\w+\.py):(.*?)```", page, re.DOTALL):
        (folder / name).write_text(f"# {name}:{code}", encoding="utf-8")
    sys.path.insert(0, str(folder))
    return folder


def run_script(folder, name, *words):
    run = subprocess.run([sys.executable, folder / name, *map(str, words)], capture_output=True, text=True, cwd=WORK)
    if run.returncode:
        sys.exit(f"error: {name} ended with exit code {run.returncode}: {run.stderr}")
    return run.stdout.removesuffix("\n")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(x, h, kernel, recurrent, bias):
    zx, rx, hx = np.split(x @ kernel + bias[0], 3, -1)
    zh, rh, hh = np.split(h @ recurrent + bias[1], 3, -1)
    z, r = sigmoid(zx + zh), sigmoid(rx + rh)
    return [z * h + (1 - z) * np.tanh(hx + r * hh)]


def lstm(x, h, c, kernel, recurrent, bias):
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def rnn(x, h, kernel, recurrent, bias):
    return [np.tanh(x @ kernel + h @ recurrent + bias)]


def reference(tensors, cell, layers, ids, states):
    """Computes dtrain's model in float64; returns logits [batch, time, V] and the last states.

    tensors are those of a checkpoint, and ids is [batch, time]. states has arrays [batch, H] in the
    order of the layers: h, followed by c for an LSTM.
    """
    step, prefix = {"gru": (gru, "gru"), "lstm": (lstm, "lstm"), "rnn": (rnn, "simple_rnn")}[cell]
    wide = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    x, per_layer, last = wide["embedding.embeddings"][ids], 2 if cell == "lstm" else 1, []
    for layer in range(layers):
        name = prefix if layer == 0 else f"{prefix}_{layer}"
        weights = [wide[f"{name}.{part}"] for part in ("kernel", "recurrent_kernel", "bias")]
        state = [s.astype(np.float64) for s in states[per_layer * layer:per_layer * (layer + 1)]]
        outputs = []
        for time in range(ids.shape[1]):
            state = step(x[:, time], *state, *weights)
            outputs.append(state[0])
        x = np.stack(outputs, 1)
        last += state
    return x @ wide["dense.kernel"] + wide["dense.bias"], last
