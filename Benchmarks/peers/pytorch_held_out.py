"""A training in PyTorch with streams, dropout and a cosine schedule, and its loss on the held-out end of the text.

  python pytorch_held_out.py --data FILE --cell gru --units 1024 --seed 1 --threads 2
  python pytorch_held_out.py --data FILE --cell lstm --units 512 --layers 2 --dropout 0.5 --seed 1 --threads 2

Starts from the weights of a dtrain checkpoint with --init; otherwise from weights of the same distributions as dtrain's
(Keras's), drawn by PyTorch's generator. Prints a line per epoch.
Needs: pip install torch numpy
"""
import argparse, json, math, struct, time
import numpy as np, torch, torch.nn as nn

a = argparse.ArgumentParser()
a.add_argument("--data", required=True)
a.add_argument("--cell", choices=["gru", "lstm"], default="gru")
a.add_argument("--units", type=int, default=1024)
a.add_argument("--layers", type=int, default=1)
a.add_argument("--dropout", type=float, default=0)
a.add_argument("--epochs", type=int, default=5)
a.add_argument("--batch-size", type=int, default=64)
a.add_argument("--seq-length", type=int, default=100)
a.add_argument("--learning-rate", type=float, default=1e-3)
a.add_argument("--warmup-steps", type=int, default=0)
a.add_argument("--validation-split", type=float, default=0.1)
a.add_argument("--max-steps", type=int, help="stop after this many steps, for a trial")
a.add_argument("--seed", type=int, default=1)
a.add_argument("--threads", type=int, default=1)
a.add_argument("--init", help="a dtrain checkpoint with the initial weights")
a = a.parse_args()

torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)

text = open(a.data, encoding="utf-8", newline="").read()
index = {c: i + 1 for i, c in enumerate(sorted(set(text)))}
vocab = len(index) + 1
ids = torch.tensor([index[c] for c in text])
kept = len(ids) - int(a.validation_split * len(ids))


def streams(ids):
    """Returns inputs and targets, [batch size, characters per stream]."""
    length = (len(ids) - 1) // a.batch_size
    cut = lambda first: ids[first : first + a.batch_size * length].view(a.batch_size, length)
    return cut(0), cut(1)


class CharacterModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocab, 256)
        cell = nn.GRU if a.cell == "gru" else nn.LSTM
        self.recurrent = cell(256, a.units, a.layers, batch_first=True, dropout=a.dropout if a.layers > 1 else 0)
        self.dropout = nn.Dropout(a.dropout)
        self.dense = nn.Linear(a.units, vocab)

    def forward(self, x, state):
        outputs, state = self.recurrent(self.embedding(x), state)
        return self.dense(self.dropout(outputs)), state


@torch.no_grad()
def initialize(model):
    nn.init.uniform_(model.embedding.weight, -0.05, 0.05)
    nn.init.xavier_uniform_(model.dense.weight)
    nn.init.zeros_(model.dense.bias)
    for name, parameter in model.recurrent.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)
        else:
            nn.init.zeros_(parameter)
            if a.cell == "lstm" and name.startswith("bias_ih"):
                parameter[a.units : 2 * a.units] = 1


@torch.no_grad()
def load(model, path):
    """Copies a checkpoint's weights: Keras's names and shapes, gates in the order z, r, h or i, f, c, o."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()

    def tensor(name):
        first, end = header[name]["data_offsets"]
        return torch.from_numpy(np.frombuffer(data[first:end], "<f4").reshape(header[name]["shape"]).copy())

    def gates(values):
        if a.cell == "lstm":
            return values
        z, r, h = values.chunk(3, -1)
        return torch.cat([r, z, h], -1)

    model.embedding.weight.copy_(tensor("embedding.embeddings"))
    model.dense.weight.copy_(tensor("dense.kernel").T)
    model.dense.bias.copy_(tensor("dense.bias"))
    for layer in range(a.layers):
        name = a.cell if layer == 0 else f"{a.cell}_{layer}"
        parameters = {key: getattr(model.recurrent, f"{key}_l{layer}") for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        parameters["weight_ih"].copy_(gates(tensor(f"{name}.kernel")).T)
        parameters["weight_hh"].copy_(gates(tensor(f"{name}.recurrent_kernel")).T)
        bias = gates(tensor(f"{name}.bias"))
        parameters["bias_ih"].copy_(bias if a.cell == "lstm" else bias[0])
        parameters["bias_hh"].copy_(torch.zeros_like(bias) if a.cell == "lstm" else bias[1])


def detached(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


@torch.no_grad()
def held_out_loss(model, inputs, targets):
    model.eval()
    total, state = 0.0, None
    for first in range(0, inputs.shape[1], a.seq_length):
        logits, state = model(inputs[:, first : first + a.seq_length], state)
        wanted = targets[:, first : first + a.seq_length].reshape(-1)
        total += nn.functional.cross_entropy(logits.reshape(-1, vocab), wanted, reduction="sum").item()
    model.train()
    return total / targets.numel()


model = CharacterModel()
load(model, a.init) if a.init else initialize(model)
if a.cell == "lstm":
    # Keras's LSTM has one bias; with two, Adam would move their sum twice as fast.
    for layer in range(a.layers):
        getattr(model.recurrent, f"bias_hh_l{layer}").requires_grad_(False)
BETA2, EPSILON = 0.999, 1e-7
optimizer = torch.optim.Adam(model.parameters(), lr=a.learning_rate, betas=(0.9, BETA2))
inputs, targets = streams(ids[:kept])
held_inputs, held_targets = streams(ids[kept:])
steps = inputs.shape[1] // a.seq_length
horizon = a.epochs * steps


def rate(step):
    if step < a.warmup_steps:
        return a.learning_rate * step / a.warmup_steps
    return a.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - a.warmup_steps) / (horizon - a.warmup_steps)))


start, done = time.perf_counter(), 0
for epoch in range(1, a.epochs + 1):
    state, losses = None, []
    for k in range(steps):
        if done == a.max_steps:
            break
        # Keras adds ε before the bias correction of √v, PyTorch after it.
        epsilon = EPSILON / math.sqrt(1 - BETA2 ** (done + 1))
        optimizer.param_groups[0].update(lr=rate(done), eps=epsilon)
        first = k * a.seq_length
        optimizer.zero_grad()
        logits, state = model(inputs[:, first : first + a.seq_length], state)
        state = detached(state)
        loss = nn.functional.cross_entropy(
            logits.reshape(-1, vocab), targets[:, first : first + a.seq_length].reshape(-1))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        done += 1
    print(f"epoch {epoch} steps {done} epoch_loss {sum(losses) / max(1, len(losses)):.6f} "
          f"validation_loss {held_out_loss(model, held_inputs, held_targets):.6f} "
          f"seconds {time.perf_counter() - start:.1f}", flush=True)
