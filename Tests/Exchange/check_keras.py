"""Checks dtrain's weights in Keras, in a program like the tutorial's, and Keras's in dtrain."""
import os
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np, tensorflow as tf
from safetensors.numpy import save_file
from common import *

pages_scripts()
import load_keras, save_keras

LAYERS = {"gru": tf.keras.layers.GRU, "lstm": tf.keras.layers.LSTM, "rnn": tf.keras.layers.SimpleRNN}


class CharacterModel(tf.keras.Model):
    """The tutorial's model: it takes states, and can return the new ones with the logits."""

    def __init__(self, cell, ids, width, units, layers):
        super().__init__()
        self.embedding = tf.keras.layers.Embedding(ids, width)
        self.recurrent = [LAYERS[cell](units, return_sequences=True, return_state=True) for _ in range(layers)]
        self.dense = tf.keras.layers.Dense(ids)

    def call(self, ids, states=None, return_state=False, training=False):
        x, last = self.embedding(ids), []
        for index, layer in enumerate(self.recurrent):
            x, *state = layer(x, initial_state=states[index] if states else None, training=training)
            last.append(state)
        x = self.dense(x)
        return (x, last) if return_state else x


class OneStep:
    """Generates one character, as in the tutorial: masks [UNK] and samples at a temperature."""

    def __init__(self, model, vocabulary, temperature):
        self.model, self.temperature = model, temperature
        self.ids_from_chars = tf.keras.layers.StringLookup(vocabulary=vocabulary[1:], mask_token=None)
        self.chars_from_ids = tf.keras.layers.StringLookup(
            vocabulary=self.ids_from_chars.get_vocabulary(), invert=True, mask_token=None)
        unknown = self.ids_from_chars(["[UNK]"]).numpy()
        self.mask = tf.constant([-np.inf if id in unknown else 0 for id in range(len(vocabulary))], tf.float32)

    def generate_one_step(self, inputs, states=None):
        ids = self.ids_from_chars(tf.strings.unicode_split(inputs, "UTF-8")).to_tensor()
        logits, states = self.model(ids, states=states, return_state=True)
        logits = logits[:, -1, :] / self.temperature + self.mask
        drawn = tf.squeeze(tf.random.categorical(logits, num_samples=1), axis=-1)
        return self.chars_from_ids(drawn), states


def one_step_text(model, vocabulary, length):
    # At this temperature, the most probable character is always drawn.
    step, states, following = OneStep(model, vocabulary, 1e-6), None, tf.constant([PROMPT])
    text = [following]
    for _ in range(length):
        following, states = step.generate_one_step(following, states)
        text.append(following)
    return tf.strings.join(text)[0].numpy().decode()


def built(cell, layers, vocabulary, width=12, units=24):
    tf.keras.backend.clear_session()           # restarts layer names at gru, as in a new program
    model = CharacterModel(cell, len(vocabulary), width, units, layers)
    model(np.zeros((1, 1), np.int64))
    return model


for cell, layers in CASES:
    name = f"{cell}, {layers} layers" if layers > 1 else f"{cell}, 1 layer"
    folder = trained(cell, layers)
    path = folder / "keras.safetensors"
    dtrain("export", "--checkpoint", folder, "--format", "keras", "--output", path)
    vocabulary = tensors_of(path)[1]
    model = built(cell, layers, vocabulary)
    check(f"{name}: load_keras.py returns the vocabulary", load_keras.set_weights(model, path) == vocabulary)
    check(f"{name}: a program like the tutorial's generates dtrain's greedy text",
          one_step_text(model, vocabulary, 40) == greedy(folder, 40)[0])
    save_keras.save(model, folder / "keras-back.safetensors", vocabulary)
    dtrain("import", "--from", "keras", folder / "keras-back.safetensors", "--output", folder / "keras-back")
    dtrain("export", "--checkpoint", folder, "--output", folder / "keras-own")
    check(f"{name}: export and import keep the bytes", (folder / "keras-back/generator.safetensors").read_bytes()
          == (folder / "keras-own/generator.safetensors").read_bytes())

# dtrain continues training weights from Keras; its first loss equals Keras's on the same batch.
characters = ["[UNK]", *sorted(set(TEXT))]
for cell in LAYERS:
    tf.keras.utils.set_random_seed(4)
    model = built(cell, 1, characters)
    ids = np.array([characters.index(character) for character in TEXT[:21 * 8]]).reshape(8, 21)
    model.compile(optimizer="adam", loss=tf.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(5):
        model.train_on_batch(ids[:, :-1], ids[:, 1:])
    tensors = {weight.path: weight.numpy() for layer in model.layers for weight in layer.weights}
    expected = float(tf.losses.SparseCategoricalCrossentropy(from_logits=True)(ids[:, 1:], model(ids[:, :-1])))
    save_keras.save(model, WORK / f"begun-{cell}.safetensors", characters)
    dtrain("import", "--from", "keras", f"begun-{cell}.safetensors", "--output", f"begun-{cell}")
    dtrain("train", "--init", f"begun-{cell}", "--data", "text.txt", "--seq-length", 20, "--batch-size", 8, "--no-shuffle",
           "--epochs", 3, "--checkpoint-dir", f"on-{cell}", "--metrics", f"on-{cell}.jsonl", "--quiet")
    lines = [json.loads(line) for line in (WORK / f"on-{cell}.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    check(f"{cell}: dtrain continues training weights from Keras", abs(losses[0] - expected) < 1e-5 and losses[-1] < losses[0] - 0.1,
          f"loss {expected:.6f} in Keras, {losses[0]:.6f} to {losses[-1]:.4f} in dtrain")
    # In this file, tensors are named by Keras's variable paths.
    save_file(tensors, WORK / "paths.safetensors")
    dtrain("import", "--from", "keras", "paths.safetensors", "--vocabulary", "text.txt", "--output", "paths", "--overwrite")
    check(f"{cell}: Keras's variable paths are read ({sorted(tensors)[3]})", (WORK / "paths/generator.safetensors").read_bytes()
          == (WORK / f"begun-{cell}/generator.safetensors").read_bytes())

tf.keras.backend.clear_session()
model = tf.keras.Sequential([tf.keras.layers.Embedding(len(characters), 12),
                             tf.keras.layers.GRU(24, return_sequences=True, reset_after=False),
                             tf.keras.layers.Dense(len(characters))])
model(np.zeros((1, 1), np.int64))
save_keras.save(model, WORK / "before.safetensors", characters)
error = dtrain("import", "--from", "keras", "before.safetensors", "--output", "no", fails=True)
check("a GRU with reset_after=False is rejected by name", "'gru.bias'" in error and "reset_after=False" in error, error.strip())


def sequential(recurrent):
    tf.keras.backend.clear_session()
    model = tf.keras.Sequential([tf.keras.layers.Embedding(len(characters), 12), recurrent, tf.keras.layers.Dense(len(characters))])
    model(np.zeros((1, 1), np.int64))
    return model, {weight.path: weight.numpy() for layer in model.layers for weight in layer.weights}


model, tensors = sequential(tf.keras.layers.GRU(24, return_sequences=True, name="my_gru"))
save_keras.save(model, WORK / "named.safetensors", characters)
save_file(tensors, WORK / "named-paths.safetensors")
path = next(path for path in tensors if path.endswith("my_gru/gru_cell/kernel")).removesuffix("/gru_cell/kernel")
dtrain("import", "--from", "keras", "named.safetensors", "--map", "my_gru=gru", "--output", "named")
dtrain("import", "--from", "keras", "named-paths.safetensors", "--vocabulary", "text.txt", "--map", f"{path}=gru", "--output", "named-paths")
check(f"a layer with another name is mapped by name or by path ({path}=gru)",
      (WORK / "named/generator.safetensors").read_bytes() == (WORK / "named-paths/generator.safetensors").read_bytes())

model, tensors = sequential(tf.keras.layers.Bidirectional(tf.keras.layers.GRU(24, return_sequences=True)))
try:
    save_keras.save(model, WORK / "twice.safetensors", characters)
    said = ""
except ValueError as problem:
    said = str(problem)
check("save_keras.py rejects layers without unique names", "bidirectional" in said, said)
save_file(tensors, WORK / "both.safetensors")
path = next(path for path in tensors if path.endswith("forward_gru/gru_cell/kernel")).removesuffix("/gru_cell/kernel")
for rules in ([], ["--map", f"{path}=gru"]):
    error = dtrain("import", "--from", "keras", "both.safetensors", "--vocabulary", "text.txt", *rules, "--output", "no", fails=True)
    check(f"a Bidirectional layer is rejected by name {' '.join(rules)}", "/gru_cell/" in error and "bidirectional layer" in error, error.strip())
finish()
