"""Compares dtrain with PyTorch, both limited to AVX2: rows of benchmark.py."""
import re
from pathlib import Path

from benchmark import model_flops

# Environment variables that limit PyTorch's libraries to AVX2.
TORCH_AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}


def cpu_flags():
    """Returns this CPU's feature flags according to Linux."""
    line = re.search(r"^flags\s*:(.*)", Path("/proc/cpuinfo").read_text(), re.M)
    return set(line.group(1).split()) if line else set()


def best_set():
    """Returns the best instruction set of this CPU that dtrain has loops for."""
    flags = cpu_flags()
    if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags:
        return "avx512"
    return "avx2" if {"avx2", "fma"} <= flags else "generic"


def has_bf16():
    """Returns whether this CPU has bf16 instructions."""
    return bool({"avx512_bf16", "amx_bf16"} & cpu_flags())


def avx2(bench):
    """Measures the speed of a CPU without AVX-512, on this CPU."""
    best = best_set()
    if best == "generic":
        return bench.note("no AVX2 rows: this CPU has no AVX2")
    held = dict(DTRAIN_MAX_ISA="avx2")
    rows = [row["name"] for row in bench.rows]
    if best == "avx2" and any(row.startswith("fp32 step, 1 process") for row in rows):
        bench.note("AVX2 is this CPU's best: the fp32 rows of one process are those of AVX2 (bars: ≥ 1.5, ≥ 0.80 of the peak)")
    else:
        if bench.python:
            bench.compare(
                "fp32 step, AVX2 only, 1 process × 2 threads, against PyTorch limited to AVX2", "≥ 1.5",
                lambda: bench.step(**held), lambda: bench.torch_step("fp32", **TORCH_AVX2))
        bench.compare(
            "fp32, AVX2 only: share of AVX2's FMA peak (s per step; peak in GFLOP/s)", "≥ 0.80",
            lambda: bench.step(**held), lambda: bench.peak("avx2") * 1e-9,
            ratio=lambda step, peak: model_flops() / step / (peak * 1e9), unit="")
    bench.compare(
        "fp32 step, generic loops (first) against those of AVX2", "≥ 0.5",
        lambda: bench.step(DTRAIN_MAX_ISA="generic"), lambda: bench.step(**held))
