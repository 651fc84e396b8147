"""Checks exported graphs in ONNX Runtime: validity, logits against float64, and greedy text."""
import json, re
import numpy as np, onnx, onnxruntime
from common import *

random = np.random.default_rng(1)
scripts = pages_scripts()


def run(session, ids, states):
    inputs = {value.name: array for value, array in zip(session.get_inputs(), [ids, *states])}
    return session.run(None, inputs)


def difference(session, tensors, vocabulary, cell, layers, batch, time):
    """Returns the largest differences of logits and states from float64, for random initial states.

    Short sequences have random ids, long ones the text: on long noise, float32 rounding reaches
    6e-6 in an LSTM, in PyTorch too. An LSTM's c grows with time, so differences of states are
    relative to values above 1.
    """
    ids = random.integers(0, len(vocabulary), (batch, time))
    if time > 20:
        starts = random.integers(0, len(TEXT) - time, batch)
        ids = np.array([[vocabulary.index(character) for character in TEXT[start:start + time]] for start in starts])
    units = tensors["dense.kernel"].shape[0]
    count = layers * (2 if cell == "lstm" else 1)
    states = [random.uniform(-0.9, 0.9, (batch, units)).astype(np.float32) for _ in range(count)]
    logits, last = reference(tensors, cell, layers, ids, states)
    found, *outputs = run(session, ids, states)
    assert found.shape == logits.shape
    states = max((np.abs(a - b) / np.maximum(1, np.abs(b))).max() for a, b in zip(outputs, last, strict=True))
    return np.abs(found - logits).max(), states


def probabilities(session, vocabulary, text):
    """Returns the log-probability of each character after the prompt, from the graph's logits."""
    ids = np.array([[vocabulary.index(character) for character in text]])
    states = [np.zeros((1, value.shape[1]), np.float32) for value in session.get_inputs()[1:]]
    logits = run(session, ids, states)[0][0].astype(np.float64)
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    places = np.arange(len(PROMPT), len(text))
    return logs[places - 1, ids[0, places]]


def examine(cell, layers, folder, bound, sizes):
    name = f"{cell}, {layers} layers" if layers > 1 else f"{cell}, 1 layer"
    path = folder / "model.onnx"
    dtrain("export", "--checkpoint", folder, "--format", "onnx", "--output", path, "--overwrite")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    check(f"{name}: the graph passes onnx.checker", model.opset_import[0].version in range(14, 18))
    session = onnxruntime.InferenceSession(path)
    tensors, vocabulary = tensors_of(newest(folder))
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["vocabulary"])
    check(f"{name}: the metadata holds the vocabulary", metadata == vocabulary)
    found = {size: difference(session, tensors, vocabulary, cell, layers, *size) for size in sizes}
    check(f"{name}: logits and states agree with float64 within {bound:g}", max(map(max, found.values())) < bound,
          ", ".join(f"{batch} x {time} {logits:.1e} {states:.1e}" for (batch, time), (logits, states) in found.items()))
    text, logs = greedy(folder)
    apart = np.abs(probabilities(session, vocabulary, text) - logs).max()
    check(f"{name}: log-probabilities agree with dtrain generate --json within {bound:g}", apart < bound, f"{apart:.1e}")
    written = run_script(scripts, "onnx_generate.py", path, PROMPT, 60)
    check(f"{name}: onnx_generate.py generates dtrain's greedy text", written == text, repr(text[len(PROMPT):][:30]))


for cell, layers in CASES:
    examine(cell, layers, trained(cell, layers), 1e-5, [(1, 1), (3, 17), (8, 2), (2, 100)])
examine("gru", 1, trained("gru", 1, units=1024, width=256, steps=12, rate=0.003), 1e-4, [(1, 1), (4, 100)])

dtrain("train", "--data", "text.txt", "--rnn-units", 8, "--embedding-dim", 4, "--epochs", 1, "--checkpoint-dir", "metered",
       "--metrics", "metrics.jsonl", "--seq-length", 20, "--batch-size", 8, "--profile", "--validation-split", 0.1,
       "--validate-every-steps", 5, "--quiet")
lines = [json.loads(line) for line in (WORK / "metrics.jsonl").read_text().splitlines()]
steps = sum("loss" in line for line in lines)
check("read_metrics.py reads metrics",
      re.fullmatch(rf"{steps} steps, last loss \d\.\d{{4}}, 1 epochs", run_script(scripts, "read_metrics.py", WORK / "metrics.jsonl")))
keys = {key for line in lines for key in [*line, *line.get("profile", {})]}
page = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
missing = {key for key in keys if f"`{key}`" not in page}
check("docs/formats.md lists all keys of metrics", not missing and "weight_gradient" in keys, str(missing or len(keys)))
metadata = safe_open(newest(WORK / "metered"), "np").metadata()
missing = {key for key in metadata if f"`{key}`" not in page}
check("docs/formats.md lists all keys of a checkpoint", not missing, str(missing or len(metadata)))
finish()
