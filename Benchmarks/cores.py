"""Predicts the speed on more cores from one team member's time, plots it, and compares each phase with its limits."""
import json

from benchmark import HERE, ROOT, compile_c, run

# The seconds of the tutorial's step on its GPU.
TUTORIAL = 0.024
TIME_STEPS, WEIGHTS = 100, 3 * 1024 * 1024
# The floating-point operations of each of the three large phases: one product per weight and token.
PHASE_FLOPS = 2 * WEIGHTS * 64 * TIME_STEPS
COLORS = {"fp32": "#1b6ca8", "bf16": "#d1495b"}


def depth(members):
    """Returns the number of levels of the barrier's tree, in which each member waits for eight others."""
    levels, reached = 0, 1
    while reached < members:
        levels, reached = levels + 1, reached * 8 + 1
    return levels


def predict(result):
    """Returns the predicted seconds of a step on n cores, for each measured number of members n."""
    alone = result["steps"][0]["parts"]
    # The time that divides evenly among cores, and the time that doesn't.
    even = sum(alone[name] for name in ("pack", "head", "Adam"))
    fixed = alone["other"]
    steps = {}
    for member in result["members"]:
        count = member["members"]
        # One barrier per time step forward, and one backward.
        waiting = 2 * TIME_STEPS * depth(count) * (result["meeting"] or 0)
        steps[count] = (member["forward"] + member["backward"] + waiting + even / count + fixed
                        + alone["weight gradient"] * member["weightGradientShare"])
    return steps


def measured(result):
    return {step["threads"]: sum(step["parts"].values()) for step in result["steps"]}


def caches():
    """Returns the size of a core's L2 cache in bytes according to the C library, or a typical size if unknown."""
    return int(run(["getconf", "LEVEL2_CACHE_SIZE"]).strip() or 0) or 1 << 20


def limits(bench, result, precision):
    """Compares each phase of a step with its limits: the multiply-add peak, and the bandwidth of the weights."""
    own = caches() // 2048
    program = compile_c("bandwidth.c")
    rates = dict(line.split() for line in run([program, str(own), "12288"]).splitlines())
    bench.note(f"one core reads {rates[str(own)]} GB/s of {own} KiB (half of its own cache), {rates['12288']} GB/s of 12 MiB")
    size = 4 if precision == "fp32" or "rounded" in result["arithmetic"] else 2
    for step in result["steps"]:
        threads, parts = step["threads"], step["parts"]
        peak = bench.peak(precision) / 2 * threads
        if "tdpbf16ps" in result["arithmetic"]:
            peak = float("nan")
        for name in ("forward", "backward through time", "weight gradient"):
            share = PHASE_FLOPS / parts[name] / peak
            read = WEIGHTS * size * TIME_STEPS / threads / parts[name] * 1e-9
            weights = f", reads {read:.1f} GB/s of weights per core" if name != "weight gradient" else ""
            bench.note(f"{precision}, {result['instructions']}, {threads} thread{'s' * (threads > 1)}: {name} "
                       f"{parts[name] * 1e3:.0f} ms, {share:.2f} of the multiply-add peak{weights}")


def table(bench, result, precision):
    predicted, real = predict(result), measured(result)
    rows = [f"Predicted steps, {precision} ({result['arithmetic']}, {result['instructions']}): one member of n alone, from "
            f"which a step on n such cores is predicted; a barrier of two takes {1e6 * (result['meeting'] or 0):.2f} µs", "",
            "| cores | forward, ms | backward, ms | weight gradient | step predicted, ms | step measured, ms |",
            "|---|---|---|---|---|---|"]
    for member in result["members"]:
        count = member["members"]
        seen = f"{1e3 * real[count]:.0f}" if count in real else ""
        rows.append(f"| {count} | {1e3 * member['forward']:.1f} | {1e3 * member['backward']:.1f} | "
                    f"1/{1 / member['weightGradientShare']:.0f} | {1e3 * predicted[count]:.1f} | {seen} |")
    bench.note("\n".join(rows))


def plot(results):
    """Both axes are logarithmic: a straight line is a step that halves with each doubling of the cores."""
    from math import log2
    width, height, left, bottom = 720, 420, 70, 50
    every = [value for result in results.values() for value in [*predict(result).values(), *measured(result).values()]]
    low, high = min(every + [TUTORIAL]) / 1.3, max(every) * 1.3

    def place(cores, seconds):
        return (left + log2(cores) / 6 * (width - left - 20),
                20 + (log2(high) - log2(seconds)) / (log2(high) - log2(low)) * (height - bottom - 20))

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
             f'font-size="13"><rect width="{width}" height="{height}" fill="white"/>']
    for cores in (1, 2, 4, 8, 16, 32, 64):
        x, _ = place(cores, low)
        parts.append(f'<text x="{x:.1f}" y="{height - bottom + 20}" text-anchor="middle">{cores}</text>')
    for milliseconds in (5, 10, 20, 50, 100, 200, 500, 1000, 2000):
        if low < milliseconds / 1e3 < high:
            _, y = place(1, milliseconds / 1e3)
            parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                         f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{milliseconds}</text>')
    _, y = place(1, TUTORIAL)
    parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#555" stroke-dasharray="6 4"/>'
                 f'<text x="{left + 8}" y="{y - 6:.1f}" fill="#555">the tutorial\'s GPU, 24 ms</text>')
    for index, (precision, result) in enumerate(results.items()):
        color = COLORS[precision]
        points = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in predict(result).items())
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="3 3"/>')
        for point in measured(result).items():
            x, y = place(*point)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>')
        parts.append(f'<text x="{width - 330}" y="{40 + 20 * index}" fill="{color}">{precision}, '
                     f'{result["arithmetic"]}: predicted; dots measured</text>')
    parts.append(f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">cores</text>'
                 f'<text x="16" y="{height / 2}" transform="rotate(-90 16 {height / 2})" text-anchor="middle">'
                 'ms per step</text>')
    return "\n".join(parts) + "\n</svg>\n"


def cores(bench):
    run(["swift", "build", "-c", "release", "--product", "dtrain-cores", "--package-path", str(ROOT)], timeout=1800)
    program = str(ROOT / ".build" / "release" / "dtrain-cores")
    results = {}
    for precision in ("fp32", "bf16"):
        results[precision] = json.loads(run([program, precision, str(bench.pairs)], timeout=1800))
        table(bench, results[precision], precision)
        limits(bench, results[precision], precision)
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / "cores.json").write_text(json.dumps(results, indent=1))
    (folder / "cores.svg").write_text(plot(results))
    bench.note("the plot is Benchmarks/results/cores.svg")
