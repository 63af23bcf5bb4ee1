"""The whole of it: evaluate on MNIST, the process that a person waits for, one image."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from harness import N_THREADS, Bench, main
from randprop import StepNetwork, _core, datasets, evaluate


def run(bench: Bench) -> None:
    """Time evaluate, its phases, the process, and single images."""
    data = datasets.load_mnist()
    if bench.quick:
        data = datasets.Dataset(
            data.X_train[:6000], data.y_train[:6000], data.X_test[:1000], data.y_test[:1000]
        )

    def seeds() -> None:
        for seed in range(3 if bench.quick else 10):
            evaluate(range(16), dataset=data, seed=seed)

    runs: dict[str, Any] = {
        "evaluate(layers=3)": lambda: evaluate(3, dataset=data),
        "evaluate(layers=range(16))": lambda: evaluate(range(16), dataset=data),
        f"the same for {3 if bench.quick else 10} seeds": seeds,
    }
    bench.race(
        f"evaluate with {len(data.X_train):,} + {len(data.X_test):,} MNIST images in memory, "
        f"{N_THREADS} cores, ms",
        runs,
    )
    results = evaluate(range(16), dataset=data)
    phases = {
        "baseline (class means of the pixels)": results[0].seconds["baseline"],
        "propagate, 16 matrices": results[15].seconds["propagate"],
        "fit centroids, 16 depths": sum(r.seconds["fit"] for r in results),
        "predict, 16 depths": sum(r.seconds["predict"] for r in results),
    }
    bench.table(
        "Phases of evaluate(layers=range(16)), ms",
        [{"phase": name, "ms": 1e3 * seconds} for name, seconds in phases.items()],
    )
    # NumPy first, which every process waits for: the others as multiples of it.
    bench.race("Processes, start to exit, ms", _processes())
    image = data.X_test[:1]
    repeats = 200
    contestants: dict[str, Any] = {}
    for weight_bits in (8, 4, 1):
        network = StepNetwork(784, 3, weight_bits=weight_bits)

        def in_python(network: StepNetwork = network) -> None:
            for _ in range(repeats):
                network.propagate(image)

        def in_core(network: StepNetwork = network) -> None:
            for _ in range(repeats):
                network._core.propagate_bytes(image, 0, 4, _core.Keep.last, N_THREADS)

        contestants[f"{weight_bits}-bit, propagate"] = in_python
        contestants[f"{weight_bits}-bit, only the compiled core"] = in_core
    medians = bench.race(f"One image through 4 matrices, {repeats} times, ms", contestants)
    bench.table(
        "One image through 4 matrices, microseconds per call",
        [{"call": name, "us": 1e3 * ms / repeats} for name, ms in medians.items()],
    )


def _processes() -> dict[str, Any]:
    """Return what starts each process: imports, and the command at each SIMD level but the base."""

    def start(*arguments: str, level: str = "") -> Callable[[], Any]:
        environment = {**os.environ, **({"RANDPROP_SIMD": level} if level else {})}
        command = [sys.executable, *arguments]
        return lambda: subprocess.run(command, check=True, capture_output=True, env=environment)

    evaluate_3 = ("-m", "randprop", "evaluate", "--layers", "3")
    return {
        "python -c 'import numpy'": start("-c", "import numpy"),
        "python -c 'import randprop'": start("-c", "import randprop"),
        "randprop evaluate --layers 3": start(*evaluate_3),
        **{
            f"the same, RANDPROP_SIMD={level}": start(*evaluate_3, level=level)
            for level in _core.simd_levels_supported()
            if level not in ("scalar", _core.simd_level())
        },
    }


if __name__ == "__main__":
    main(run)
