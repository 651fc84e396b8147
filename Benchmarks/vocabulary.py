"""Compares dtrain with PyTorch on a text of 5,000 different characters: rows of benchmark.py."""
import random
import tempfile
from pathlib import Path

from avx2 import best_set, has_bf16


def many_characters(path, count=5_000, length=1_100_000):
    """Writes a text with a Chinese novel's frequencies: the r-th character in proportion to 1/r, each at least once."""
    chance = random.Random(5_000)
    characters = [chr(0x4E00 + index) for index in range(count)]
    text = characters + chance.choices(characters, [1 / rank for rank in range(1, count + 1)], k=length - count)
    chance.shuffle(text)
    Path(path).write_text("".join(text), encoding="utf-8")


def vocabulary(bench):
    with tempfile.TemporaryDirectory() as folder:
        text = f"{folder}/characters.txt"
        many_characters(text)
        # Without bf16 instructions, PyTorch takes a minute per step.
        bars = {"fp32": "≥ 1.8 with AVX-512" if best_set() == "avx512" else "", **({"bf16": ""} if has_bf16() else {})}
        for precision, bar in bars.items():
            name = f"{precision} step, 5,000 characters, 1 process × 2 threads"
            flags = ("--precision", precision)
            if bench.python:
                bench.compare(
                    f"{name}, against PyTorch", bar, lambda: bench.step(*flags, corpus=text),
                    lambda: bench.torch_step(precision, corpus=text))
            else:
                bench.keep(name, "", [bench.step(*flags, corpus=text) for _ in range(bench.pairs)], [], [], "s")
