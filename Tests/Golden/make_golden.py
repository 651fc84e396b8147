"""Trains the parity cases with Keras, and compares them with the recorded ones or writes them.

  make_golden.py [--write FOLDER] [CASE ...]

A case is a folder with the text (corpus.txt) and the settings (expected.json, from "cell" to
"options"). The initial weights are those of init.safetensors or, without this file, Keras's own.
Keras trains them like dtrain with --no-shuffle. Without --write, each case's numbers must equal the
recorded ones within 1e-5. With --write, complete cases are written to FOLDER; GoldenTests checks
those in the folder that DTRAIN_TEST_GOLDEN names.

To add a case, create a folder with a text and the settings, then run this with --write.
"""
import argparse, json, os, sys
from pathlib import Path
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same order of sums in all versions
import numpy as np, tensorflow as tf
from safetensors.numpy import load_file, save_file

CASES = Path(__file__).resolve().parents[1] / "CommandTests/Resources/golden"
LAYERS = {"gru": tf.keras.layers.GRU, "lstm": tf.keras.layers.LSTM, "rnn": tf.keras.layers.SimpleRNN}
TOLERANCE = 1e-5
GREEDY_LENGTH = 40


class Model:
    """The tutorial's model with one or more recurrent layers."""

    def __init__(self, case, vocabulary):
        tf.keras.backend.clear_session()  # restarts layer names at gru
        self.layers = [tf.keras.layers.Embedding(len(vocabulary), case["embedding_dim"], name="embedding")]
        self.layers += [LAYERS[case["cell"]](case["rnn_units"], return_sequences=True, return_state=True) for _ in range(case["layers"])]
        self.layers.append(tf.keras.layers.Dense(len(vocabulary), name="dense"))
        self(np.zeros((1, 1), np.int32))

    def __call__(self, ids, states=None):
        """Returns logits [batch, time, V] and each layer's states after the last token."""
        embedding, *recurrent, dense = self.layers
        x, last = embedding(ids), []
        for index, layer in enumerate(recurrent):
            x, *state = layer(x, initial_state=states[index] if states else None)
            last.append(state)
        return dense(x), last

    @property
    def variables(self):
        return [variable for layer in self.layers for variable in layer.trainable_variables]

    @property
    def tensors(self):
        """The weights under dtrain's names, such as gru.kernel."""
        return {f"{layer.name}.{variable.name}": variable.numpy() for layer in self.layers for variable in layer.weights}

    def load(self, tensors):
        for layer in self.layers:
            for variable in layer.weights:
                variable.assign(tensors[f"{layer.name}.{variable.name}"])


def make_rate(options, steps):
    """Returns a constant learning rate, or a schedule over the given number of steps."""
    rate, schedule = options.get("learning_rate", 0.001), options.get("schedule")
    if schedule is None:
        return rate
    if schedule["kind"] == "cosine":
        warm_up = schedule.get("warmup_steps", 0)
        return tf.keras.optimizers.schedules.CosineDecay(
            0.0 if warm_up else rate, schedule.get("decay_steps", steps - warm_up),
            alpha=schedule.get("final_learning_rate", 0) / rate, warmup_target=rate if warm_up else None, warmup_steps=warm_up)
    if schedule["kind"] == "exponential":
        return tf.keras.optimizers.schedules.ExponentialDecay(
            rate, schedule["decay_steps"], schedule["decay_rate"], staircase=schedule.get("staircase", False))
    raise SystemExit(f"error: unknown schedule {schedule['kind']}; use cosine or exponential")


def make_optimizer(options, steps):
    common = {"learning_rate": make_rate(options, steps), "global_clipnorm": options.get("clip_norm"), "clipvalue": options.get("clip_value")}
    kind = options.get("optimizer", "adam")
    if kind == "adam":
        return tf.keras.optimizers.Adam(**common)
    if kind == "adamw":
        return tf.keras.optimizers.AdamW(weight_decay=options["weight_decay"], **common)
    if kind == "rmsprop":
        return tf.keras.optimizers.RMSprop(rho=options["rho"], **common)
    if kind == "sgd":
        return tf.keras.optimizers.SGD(momentum=options["momentum"], **common)
    raise SystemExit(f"error: unknown optimizer {kind}; use adam, adamw, rmsprop or sgd")


def cut(ids, case):
    """Returns the batches of an epoch, [steps, batch, T + 1], and the held-out windows."""
    length, batch, options = case["seq_length"], case["batch_size"], case.get("options", {})
    if options.get("stateful"):
        # Each row of the batches reads its own piece of the text. A window's last target is the
        # next window's first input, even in the next piece.
        piece = (len(ids) - 1) // batch
        starts = [[row * piece + step * length for row in range(batch)] for step in range(piece // length)]
        return np.stack([[ids[start:start + length + 1] for start in rows] for rows in starts]), ids[:0]
    windows = ids[:len(ids) // (length + 1) * (length + 1)].reshape(-1, length + 1)
    held_out = int(options.get("validation_split", 0) * len(windows))
    trained, rest = windows[:len(windows) - held_out], windows[len(windows) - held_out:]
    steps = len(trained) // batch
    return trained[:steps * batch].reshape(steps, batch, length + 1), rest


def train(folder):
    """Trains a case; returns its expected.json, and its initial and final weights."""
    case = json.loads((folder / "expected.json").read_text())
    text, options = (folder / "corpus.txt").read_bytes().decode(), case.get("options", {})
    vocabulary = ["[UNK]", *sorted(set(text))]
    ids = np.array([vocabulary.index(character) for character in text], np.int32)
    batches, held_out = cut(ids, case)
    tf.keras.utils.set_random_seed(1)
    model = Model(case, vocabulary)
    if (folder / "init.safetensors").exists():
        model.load(load_file(folder / "init.safetensors"))
    first = model.tensors
    optimizer = make_optimizer(options, case["epochs"] * len(batches))
    optimizer.build(model.variables)
    mean_loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(sequences, states):
        with tf.GradientTape() as tape:
            logits, states = model(sequences[:, :-1], states)
            loss = mean_loss(sequences[:, 1:], logits)
        # The embedding's gradient has a row for each occurrence of a character. Without this
        # conversion, which sums the rows of a character, Keras 3 would square each row separately.
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, model.variables)]
        optimizer.apply_gradients(zip(gradients, model.variables))
        return loss, states

    zeros = [[tf.zeros_like(state) for state in layer] for layer in model(batches[0][:, :-1])[1]]
    losses, rates, held_out_losses = [], [], []
    for _ in range(case["epochs"]):
        states = zeros
        for batch in batches:
            rates.append(float(optimizer.learning_rate))
            loss, states = step(tf.constant(batch), states if options.get("stateful") else zeros)
            losses.append(float(loss))
        if len(held_out):
            held_out_losses.append(float(mean_loss(held_out[:, 1:], model(held_out[:, :-1])[0])))
    made = {key: case[key] for key in
            ("cell", "layers", "embedding_dim", "rnn_units", "seq_length", "batch_size", "epochs")} | {"steps_per_epoch": len(batches)}
    if "options" in case:
        made["options"] = options
    made |= {"vocabulary": vocabulary, "step_losses": losses}
    if "options" in case:
        made["learning_rates"] = rates
    if len(held_out):
        made |= {"validation_losses": held_out_losses, "validation_sequences": len(held_out)}
    if prompt := case.get("greedy_prompt"):
        made |= {"greedy_prompt": prompt, "greedy_continuation": greedy(model, vocabulary, prompt)}
    return made, first, model.tensors


def greedy(model, vocabulary, prompt):
    """Continues a prompt with the most probable characters, never with [UNK]."""
    text, states, following = "", None, np.array([[vocabulary.index(character) for character in prompt]], np.int32)
    for _ in range(GREEDY_LENGTH):
        logits, states = model(following, states)
        following = np.array([[1 + int(np.argmax(logits[0, -1, 1:]))]], np.int32)
        text += vocabulary[following[0, 0]]
    return text


def compare(folder, made, last):
    """Prints the largest differences from the recorded case; returns whether the case matches."""
    recorded, weights = json.loads((folder / "expected.json").read_text()), load_file(folder / "final.safetensors")
    names = [name for name in ("step_losses", "learning_rates", "validation_losses") if name in recorded]
    distances = {name: np.abs(np.subtract(made[name], recorded[name])).max() if len(made[name]) == len(recorded[name]) else np.inf
                 for name in names}
    distances["weights"] = max((np.abs(last[name] - weights[name]).max() for name in weights), default=np.inf)
    same = [made[name] == recorded[name] for name in ("vocabulary", "steps_per_epoch", "greedy_continuation") if name in recorded]
    passed = all(distance <= TOLERANCE for distance in distances.values()) and all(same) and set(last) == set(weights)
    print(f"{'passed' if passed else 'FAILED'}  {folder.name}: "
          + ", ".join(f"{name} {distance:.1e}" for name, distance in distances.items()), flush=True)
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the cases to this folder")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="recorded cases, or folders of new ones (default: all recorded)")
    arguments = parser.parse_args()
    folders = [Path(name) if os.sep in name else CASES / name for name in arguments.cases]
    for folder in folders:
        if not (folder / "expected.json").exists():
            parser.error(f"{folder} has no expected.json; name a recorded case, or a folder as ./NAME")
    passed = True
    for folder in folders or sorted(path.parent for path in CASES.glob("*/expected.json")):
        made, first, last = train(folder)
        if arguments.write is None:
            passed = compare(folder, made, last) and passed
            continue
        target = arguments.write / folder.name
        target.mkdir(parents=True, exist_ok=True)
        (target / "corpus.txt").write_bytes((folder / "corpus.txt").read_bytes())
        (target / "expected.json").write_text(json.dumps(made, indent=1) + "\n")
        save_file(first, target / "init.safetensors")
        save_file(last, target / "final.safetensors")
        print(f"wrote {target}", flush=True)
    sys.exit(0 if passed else 1)


main()
