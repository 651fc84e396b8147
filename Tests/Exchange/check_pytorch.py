"""Checks dtrain's weights in PyTorch, and PyTorch's in dtrain."""
import numpy as np, torch
from safetensors.torch import load_file, save_file
from common import *

pages_scripts()
import load_pytorch, save_pytorch

random = np.random.default_rng(2)


def greedy_text(model, vocabulary, length):
    text, state = PROMPT, None
    ids = torch.tensor([[vocabulary.index(character) for character in text]])
    with torch.no_grad():
        for _ in range(length):
            logits, state = model(ids, state)
            ids = logits[:, -1:, 1:].argmax(-1) + 1
            text += vocabulary[ids.item()]
    return text


def same_bits(a, b):
    (left, words), (right, other) = tensors_of(a), tensors_of(b)
    return words == other and left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype and np.array_equal(left[name].view(np.uint32), right[name].view(np.uint32))
        for name in left)


for cell, layers in CASES:
    name = f"{cell}, {layers} layers" if layers > 1 else f"{cell}, 1 layer"
    folder = trained(cell, layers)
    path = folder / "pytorch.safetensors"
    dtrain("export", "--checkpoint", folder, "--format", "pytorch", "--output", path)
    model, vocabulary = load_pytorch.load(path)       # with strict=True
    text, _ = greedy(folder)
    check(f"{name}: PyTorch generates dtrain's greedy text", greedy_text(model, vocabulary, 60) == text)
    tensors, _ = tensors_of(newest(folder))
    ids = random.integers(0, len(vocabulary), (3, 17))
    zeros = [np.zeros((3, 24))] * layers * 2
    with torch.no_grad():
        wide, _ = model.double()(torch.tensor(ids))
    apart = np.abs(wide.numpy() - reference(tensors, cell, layers, ids, zeros)[0]).max()
    check(f"{name}: float64 logits agree with dtrain's formulas within 1e-12", apart < 1e-12, f"{apart:.1e}")
    model.float()
    save_pytorch.save(model, folder / "back.safetensors", vocabulary)
    dtrain("import", "--from", "pytorch", folder / "back.safetensors", "--vocabulary", folder / "back.safetensors.json",
           "--output", folder / "back")
    dtrain("export", "--checkpoint", folder, "--output", folder / "own")
    check(f"{name}: export and import keep the bits",
          same_bits(folder / "back/generator.safetensors", folder / "own/generator.safetensors"))


class Theirs(torch.nn.Module):
    """A module with other names, without [UNK], and with two nonzero biases per layer."""

    def __init__(self, layer, ids, bias=True, width=6):
        super().__init__()
        self.encoder = torch.nn.Embedding(ids, width)
        self.layers = layer(width, 10, num_layers=2, batch_first=True, bias=bias)
        self.decoder = torch.nn.Linear(10, ids, bias=bias)

    def forward(self, ids, state=None):
        states, state = self.layers(self.encoder(ids), state)
        return self.decoder(states), state


def theirs_text(model):
    """Returns the text of a model without [UNK], whose id 0 is a character."""
    return greedy_text(lambda ids, state: (lambda logits, state: (
        torch.nn.functional.pad(logits, (1, 0)), state))(*model(ids - 1, state)), ["[UNK]", *characters], 60)


def randomize(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-1, 1)


torch.manual_seed(3)
characters = sorted(set(TEXT))
names = ["--map", "encoder=embedding", "--map", "layers=rnn", "--map", "decoder=head"]
for layer in (torch.nn.GRU, torch.nn.LSTM, torch.nn.RNN):
    for bias in (True, False):
        model = Theirs(layer, len(characters), bias)
        randomize(model)
        path, output = WORK / "theirs.safetensors", WORK / f"theirs-{layer.__name__}-{bias}"
        save_pytorch.save(model, path, characters)
        dtrain("import", "--from", "pytorch", path, "--vocabulary", "text.txt", *names, "--output", output)
        check(f"{layer.__name__}, {'biases' if bias else 'no biases'}: dtrain generates the text of a module with other names",
              greedy(output)[0] == theirs_text(model))

# save_pytorch.py stores tied weights twice; other programs store them once.
model = Theirs(torch.nn.GRU, len(characters), width=10)
model.decoder.weight = model.encoder.weight
randomize(model)
save_pytorch.save(model, WORK / "tied.safetensors", characters)
dtrain("import", "--from", "pytorch", "tied.safetensors", "--vocabulary", "text.txt", *names, "--output", "tied")
check("tied weights: dtrain generates the module's text", greedy("tied")[0] == theirs_text(model))
once = load_file(WORK / "tied.safetensors")
check("tied weights: save_pytorch.py stores both names", torch.equal(once.pop("decoder.weight"), once["encoder.weight"]))
save_file(once, WORK / "once.safetensors")
dtrain("import", "--from", "pytorch", "once.safetensors", "--vocabulary", "text.txt", "--map", "encoder.weight=embedding.weight",
       "--map", "encoder.weight=head.weight", *names[2:], "--output", "once")
check("tied weights: a file with one copy gives the same model", (WORK / "once/generator.safetensors").read_bytes()
      == (WORK / "tied/generator.safetensors").read_bytes())

model = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(5, 6), "rnn": torch.nn.GRU(6, 4, bidirectional=True)})
save_pytorch.save(model, WORK / "both.safetensors", characters)
error = dtrain("import", "--from", "pytorch", "both.safetensors", "--vocabulary", "text.txt", "--output", "no", fails=True)
check("bidirectional layers are rejected by name", "_reverse'" in error and "bidirectional" in error, error.strip())
model = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(5, 6), "rnn": torch.nn.LSTM(6, 4, proj_size=3)})
save_pytorch.save(model, WORK / "projected.safetensors", characters)
error = dtrain("import", "--from", "pytorch", "projected.safetensors", "--vocabulary", "text.txt", "--output", "no", fails=True)
check("projections are rejected by name", "'rnn.weight_hr_l0'" in error, error.strip())
torch.save(model.state_dict(), WORK / "model.pt")
error = dtrain("import", "--from", "pytorch", "model.pt", "--vocabulary", "text.txt", "--output", "no", fails=True)
check("pickles are rejected by name", "pickle" in error, error.strip())
finish()
