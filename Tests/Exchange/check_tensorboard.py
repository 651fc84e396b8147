"""Checks event files with TensorBoard's readers: metrics, settings, samples, resumed trainings."""
import html, json
import numpy as np
from tensorboard import plugin_util
from tensorboard.backend.event_processing import event_file_loader, plugin_event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.util import tb_logging, tensor_util
from common import *

EVERYTHING = {"scalars": 0, "tensors": 0}
# Silences the warning that TensorBoard drops steps repeated by a resumed training.
tb_logging.get_logger().setLevel("ERROR")


def train(name, *words):
    dtrain("train", "--data", "text.txt", "--rnn-units", 16, "--embedding-dim", 8, "--seq-length", 20, "--batch-size", 8, "--epochs", 3,
           "--validation-split", 0.1, "--validate-every-steps", 4, "--sample", PROMPT, "--profile", "--quiet", "--checkpoint-dir", name,
           "--metrics", f"{name}.jsonl", "--tensorboard", f"events/{name}", *words)
    return WORK / "events" / name


def metrics(name):
    """Returns the numbers of a metrics file by name, as pairs of step and value."""
    points, step = {}, 0
    for line in map(json.loads, (WORK / f"{name}.jsonl").read_text().splitlines()):
        step = line.get("step", step)
        numbers = {key: line[key] for key in ("loss", "gradient_norm", "learning_rate", "hidden_exchange", "epoch_loss", "validation_loss")
                   if key in line}
        numbers |= {f"profile/{key}": seconds for key, seconds in line.get("profile", {}).items()}
        for key, number in numbers.items():
            points.setdefault(key, []).append((step, np.float32(number)))
    return points


def scalars(folder):
    """Returns the scalars as other programs read them."""
    events = EventAccumulator(str(folder), size_guidance=EVERYTHING).Reload()
    return {tag: [(event.step, np.float32(event.value)) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def tensors(events, tag):
    return [(event.step, tensor_util.make_ndarray(event.tensor_proto).item()) for event in events.Tensors(tag)]


def same_numbers(name, folder):
    """Returns whether TensorBoard and other readers have exactly the points of the metrics file."""
    wanted, found = metrics(name), scalars(folder)
    speeds = found.pop("tokens_per_second")
    shown = plugin_event_accumulator.EventAccumulator(str(folder), tensor_size_guidance={"scalars": 0}).Reload()
    own = {tag: [(step, np.float32(value)) for step, value in tensors(shown, tag)] for tag in shown.PluginTagToContent("scalars")}
    own.pop("tokens_per_second")
    return found == wanted and own == wanted and len(speeds) == len(wanted["loss"]) and all(value > 0 for _, value in speeds)


folder = train("whole")
steps = metrics("whole")["loss"][-1][0]
check("scalars equal the metrics", same_numbers("whole", folder), f"{steps} steps, {len(metrics('whole'))} names")

events = plugin_event_accumulator.EventAccumulator(str(folder)).Reload()
check("the texts are the settings and the samples", set(events.PluginTagToContent("text")) == {"settings", "sample"})
check("TensorBoard recognizes the format", events.file_version == 2)
(step, settings), = tensors(events, "settings")
table = plugin_util.markdown_to_safe_html(settings)
rows = [("rnn-units", "16"), ("validation-split", "0.1"), ("sample", PROMPT.strip()), ("clip-norm", "off")]
check("TensorBoard shows the settings as a table", step == 0 and all(
    f"<td><code>{name}</code></td>\n<td><code>{value}</code></td>" in table for name, value in rows), f"{table.count('<tr>')} rows")
samples = tensors(events, "sample")
check("each epoch has a sample", [step for step, _ in samples] == [steps // 3, 2 * steps // 3, steps])
written = dtrain("generate", "--checkpoint", "whole", "--prompt", PROMPT, "--length", 200, "--seed", 42)
shown = html.unescape(plugin_util.markdown_to_safe_html(samples[-1][1]).removeprefix("<pre><code>").split("</code></pre>")[0])


def visible(text):
    """Returns the lines without trailing spaces, some of which Markdown drops."""
    return [line.rstrip() for line in text.rstrip().split("\n")]


check("TensorBoard shows the text of dtrain generate, line by line", visible(shown) == visible(written), repr(shown[:40]))

content, = events.PluginTagToContent("hparams").values()
start = hparams.parse_session_start_info_plugin_data(content)
values = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}
check("the hparams plugin has the settings", values["rnn-units"] == 16 and values["cell"] == "gru" and values["shuffle"] is True
      and values["learning-rate"] == 0.001 and "threads" not in values, f"{len(values)} settings")

# As after a kill: the first file has steps beyond the newest checkpoint.
folder = train("cut", "--max-steps", steps - 2, "--checkpoint-every-steps", 5)
newest(WORK / "cut").unlink()
train("cut", "--resume")
check("a resumed training has every step once", same_numbers("cut", folder) and scalars(folder)["loss"] == scalars(WORK / "events/whole")["loss"],
      f"{len(list(folder.iterdir()))} files")
check("a resumed training records the settings again", len(tensors(plugin_event_accumulator.EventAccumulator(str(folder)).Reload(), "settings")) == 2)

(cut,) = (WORK / "events/whole").iterdir()
part = WORK / cut.name
part.write_bytes(cut.read_bytes()[:-3])
check("a truncated file is read up to its last complete event",
      len(list(event_file_loader.EventFileLoader(str(part)).Load())) == len(list(event_file_loader.EventFileLoader(str(cut)).Load())) - 1)
finish()
