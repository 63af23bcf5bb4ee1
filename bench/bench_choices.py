"""Whether the kernel chosen for a dense layer is the fastest there is, over a grid of cases.

Cases beyond 5 % of the fastest are raced again, the chosen kernel against the fastest alone, since
a slow spell of the machine looks just the same.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_propagate import KERNELS, onnx_layer
from harness import Bench, forced, main, not_installed, peer, random_bits, using
from randprop import BitMatrix, StepNetwork, _core

WEIGHT_BITS = (1, 2, 4, 8)
NEAR = 1.05
# A time is of at least this long a run of calls.
RUN_SECONDS = 0.0005
# A kernel this much slower than another over few samples is not raced over many.
HOPELESS = 3.0
FEW = 256


@dataclass(frozen=True)
class Case:
    """A layer and what it reads."""

    level: str
    reads: str
    weight_bits: int
    width: int
    n_samples: int

    def kernel(self) -> str:
        """Name the kernel in use."""
        reads = getattr(_core.Features, self.reads)
        return _core.kernel_choice(self.weight_bits, reads, self.width, self.n_samples)

    def reason(self) -> str:
        """Say why."""
        reads = getattr(_core.Features, self.reads)
        return _core.kernel_reason(self.weight_bits, reads, self.width, self.n_samples)


def grid(bench: Bench) -> list[tuple[int, int]]:
    """List widths and numbers of samples."""
    widths = (64, 256, 1024, 4096) if bench.quick else (64, 128, 256, 512, 784, 1024, 2048, 4096)
    samples = (1, 16, 256, 4096, 100_000) if bench.quick else (
        1, 4, 16, 64, 256, 1024, 4096, 16_384, 100_000
    )  # fmt: skip
    most_products = 2**32 if bench.quick else 2**34
    return [(w, n) for w in widths for n in samples if n * w * w <= most_products]


def best_times(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the least seconds of a call of each, in turn."""
    repeats: dict[str, int] = {}
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            run()  # its weights come into the caches
            taken = time.perf_counter() - started
            count = repeats.setdefault(name, max(1, round(RUN_SECONDS / taken)))
            if count == 1:
                best[name] = min(best[name], taken)
            started = time.perf_counter()
            for _ in range(count):
                run()
            best[name] = min(best[name], (time.perf_counter() - started) / count)
    return best


def ratio(case: Case, x: Any, few: Any, network: StepNetwork, rounds: int) -> tuple[float, str]:
    """Return the time of the chosen kernel over that of the fastest, and the fastest."""
    stage = 1 if case.reads == "bits" else 0

    def calls(data: Any, kernels: list[str]) -> dict[str, Callable[[], Any]]:
        return {
            kernel: forced(
                case.level, kernel, lambda: network.propagate_stage(stage, data, n_threads=1)
            )
            for kernel in kernels
        }

    kernels = []
    for kernel in KERNELS:
        with using(case.level, kernel):
            if case.kernel() == kernel:
                kernels.append(kernel)
    with using(case.level):
        chosen = case.kernel()
    if case.n_samples > FEW:
        probed = best_times(calls(few, ["popcount", "dot"]), 2)
        slow = HOPELESS * min(probed.values())
        kernels = [k for k in kernels if k == chosen or probed.get(k, 0.0) < slow]
    if kernels == [chosen]:
        return 1.0, chosen
    times = best_times(calls(x, kernels), rounds)
    fastest = min(times, key=lambda kernel: times[kernel])
    for _ in range(3):
        if times[chosen] <= NEAR * times[fastest]:
            break
        again = best_times(calls(x, [chosen, fastest]), 2 * rounds)
        times.update({kernel: min(times[kernel], again[kernel]) for kernel in again})
    return times[chosen] / times[fastest], fastest


def choices(bench: Bench) -> None:
    """One row a level, kind of input and number of weight bits."""
    found: dict[tuple[str, str, int], list[tuple[float, str]]] = {}
    rng = np.random.default_rng(0)
    for width, n_samples in grid(bench):
        bits = random_bits(n_samples, width)
        data: dict[str, Any] = {
            "bits": bits,
            "bytes": rng.integers(0, 256, (n_samples, width), dtype=np.uint8),
        }
        for weight_bits in WEIGHT_BITS:
            network = StepNetwork(width, 1, weight_bits=weight_bits)
            for level in _core.simd_levels_supported():
                if level == "scalar":
                    continue
                for reads, x in data.items():
                    case = Case(level, reads, weight_bits, width, n_samples)
                    value, fastest = ratio(case, x, x[:FEW], network, bench.rounds)
                    with using(level):
                        note = f"{width} units, {n_samples:,} samples: {case.kernel()}"
                        if value > NEAR:
                            note += f", fastest {fastest}; {case.reason()}"
                    found.setdefault((level, reads, weight_bits), []).append((value, note))
    rows = []
    for (level, reads, weight_bits), cases in sorted(found.items()):
        beside = sorted((case for case in cases if case[0] > NEAR), reverse=True)
        for value, note in beside:
            print(f"{level}, {reads} in, {weight_bits}-bit, {note}: {value:.2f} times the fastest")
        worst = max(cases)
        rows.append(
            {
                "contestant": f"{level}, {reads} in, {weight_bits}-bit",
                "cases": len(cases),
                "within 5 %": len(cases) - len(beside),
                "worst, times the fastest": worst[0],
                "note": worst[1] if beside else "",
            }
        )
    bench.table(
        "One core: the chosen kernel and the fastest, dense layers with as many units as inputs",
        rows,
    )


def against_onnx(bench: Bench) -> None:
    """Race the 8-bit layer, bits and bytes in, with MatMulInteger."""
    width, n_samples = 784, 4_000 if bench.quick else 20_000
    network = StepNetwork(width, 1)
    bits: BitMatrix = random_bits(n_samples, width)
    runs: dict[str, Any] = {}
    for level in reversed(_core.simd_levels_supported()):
        if level != "scalar":
            runs[f"randprop {level}"] = forced(level, "", lambda: network.propagate_stage(1, bits))
    if peer("onnxruntime") is not None and peer("onnx") is not None:
        session, feed = onnx_layer(bits.to_array(), network.weights(1), integer=True)
        runs["ONNX Runtime int8 MatMulInteger"] = lambda: session.run(None, feed)[0]
    else:
        runs["ONNX Runtime"] = not_installed("onnxruntime")
    bench.race(f"8-bit weights, all cores: {n_samples:,} x {width} -> {width}, ms per layer", runs)


FIRST_QUESTIONS = """
import time
from randprop import _core
for level in _core.simd_levels_supported():
    if level == "scalar":
        continue
    _core.use_simd_level(level)
    for weight_bits in (1, 2, 4, 8):
        for n_inputs in (64, 256, 784):
            started = time.perf_counter()
            reason = _core.kernel_reason(weight_bits, _core.Features.bits, n_inputs, 1_000_000)
            assert reason.startswith("measured"), reason
            print(level, 1e3 * (time.perf_counter() - started))
"""


def measuring(bench: Bench) -> None:
    """Time the first question for each class of cases, in a process that has measured nothing."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RANDPROP_")}
    done = subprocess.run(
        [sys.executable, "-c", FIRST_QUESTIONS], text=True, capture_output=True, env=environment
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    times: dict[str, list[float]] = {}
    for line in done.stdout.splitlines():
        level, ms = line.split()
        times.setdefault(level, []).append(float(ms))
    bench.table(
        "Time to measure the kernels of one case, once per process",
        [
            {"contestant": level, "ms": statistics.median(ms), "most ms": max(ms)}
            for level, ms in times.items()
        ],
    )


def run(bench: Bench) -> None:
    """All of it."""
    measuring(bench)
    choices(bench)
    against_onnx(bench)


if __name__ == "__main__":
    main(run)
