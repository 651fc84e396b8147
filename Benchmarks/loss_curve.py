"""Epoch losses of trainings: a Markdown table on standard output, a plot as SVG.

  python3 Benchmarks/loss_curve.py docs/losses.svg fp32=METRICS bf16=METRICS          # beside the tutorial's own
  python3 Benchmarks/loss_curve.py --held-out docs/dropout.svg 'dropout 0=METRICS'    # train (dashed) and held-out losses
"""
import json
import sys

# "Text generation with an RNN", the losses that its text shows for epochs 1 to 20 (one run on a GPU).
TUTORIAL = [2.7409, 2.0092, 1.7211, 1.5550, 1.4547, 1.3865, 1.3325, 1.2875, 1.2474, 1.2066,
            1.1678, 1.1270, 1.0842, 1.0388, 0.9909, 0.9409, 0.8887, 0.8373, 0.7849, 0.7371]
COLOURS = ["#1b6ca8", "#d1495b", "#2e8b57", "#8a5a9e"]
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 420, 60, 50
LOW, HIGH = 0.5, 3.0


def epoch_losses(path, key="epoch_loss"):
    return [line[key] for line in map(json.loads, open(path)) if "epoch_loss" in line]


def table(curves):
    names = list(curves)
    rows = [f"| epoch | {' | '.join(names)} | {' | '.join(f'{name} − tutorial' for name in names[1:])} |",
            "|---" * (2 * len(names)) + "|"]
    for epoch, losses in enumerate(zip(*curves.values()), start=1):
        differences = [f"{loss - losses[0]:+.4f}" for loss in losses[1:]]
        rows.append(f"| {epoch} | " + " | ".join([f"{loss:.4f}" for loss in losses] + differences) + " |")
    return "\n".join(rows)


def held_out_table(curves):
    """The least held-out loss of each training, and the last."""
    rows = ["| | least held-out loss | at epoch | train loss there | held-out loss at the end | train loss |", "|---" * 6 + "|"]
    for name, (train, held_out) in curves.items():
        best = held_out.index(min(held_out))
        rows.append(f"| {name} | {held_out[best]:.3f} | {best + 1} | {train[best]:.3f} | {held_out[-1]:.3f} | {train[-1]:.3f} |")
    return "\n".join(rows)


def place(epoch, loss, epochs):
    x = LEFT + (epoch - 1) / max(1, epochs - 1) * (WIDTH - LEFT - 20)
    return x, 20 + (HIGH - loss) / (HIGH - LOW) * (HEIGHT - BOTTOM - 20)


def plot(lines):
    """Lines of (name, losses, colour, whether dashed)."""
    epochs = max(len(losses) for _, losses, _, _ in lines)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             f'font-size="13"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for tenth in range(int(LOW * 10), int(HIGH * 10) + 1, 5):
        _, y = place(1, tenth / 10, epochs)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10}</text>')
    for epoch in [1, *range(5, epochs + 1, 5)]:
        x, _ = place(epoch, LOW, epochs)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{epoch}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">epoch</text>'
                 f'<text x="16" y="{HEIGHT / 2}" transform="rotate(-90 16 {HEIGHT / 2})" text-anchor="middle">'
                 'mean loss, nats a character</text>')
    for index, (name, losses, colour, is_dashed) in enumerate(lines):
        # Losses above the plot's upper edge are left out.
        points = [place(epoch, loss, epochs) for epoch, loss in enumerate(losses, start=1) if loss <= HIGH]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        style = ' stroke-dasharray="6 4"' if is_dashed else ""
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{style}/>')
        parts.append(f'<line x1="{WIDTH - 250}" x2="{WIDTH - 220}" y1="{36 + 20 * index}" y2="{36 + 20 * index}" '
                     f'stroke="{colour}" stroke-width="2"{style}/>'
                     f'<text x="{WIDTH - 212}" y="{40 + 20 * index}" fill="{colour}">{name}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def main():
    arguments = sys.argv[1:]
    held_out = arguments[:1] == ["--held-out"]
    if held_out:
        arguments = arguments[1:]
    if len(arguments) < 2 or not all("=" in argument for argument in arguments[1:]):
        sys.exit(__doc__)
    paths = dict(argument.split("=", 1) for argument in arguments[1:])
    if held_out:
        curves = {name: (epoch_losses(path), epoch_losses(path, "validation_loss")) for name, path in paths.items()}
        lines = [(f"{name}: {kind}", losses, colour, kind == "train") for (name, both), colour in zip(curves.items(), COLOURS)
                 for kind, losses in zip(("train", "held out"), both)]
        text = held_out_table(curves)
    else:
        curves = {"tutorial": TUTORIAL, **{name: epoch_losses(path) for name, path in paths.items()}}
        lines = [(name, losses, colour, name == "tutorial") for (name, losses), colour in zip(curves.items(), ["#555", *COLOURS])]
        text = table(curves)
    with open(arguments[0], "w") as file:
        file.write(plot(lines))
    print(text)


if __name__ == "__main__":
    main()
