"""The whole of it: evaluate on MNIST, the process that a person waits for, one image."""

from __future__ import annotations

import subprocess
import sys
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
    command = [sys.executable, "-m", "randprop", "evaluate", "--layers", "3"]
    bench.race(
        "Processes, start to exit, ms",
        {
            "randprop evaluate --layers 3": lambda: subprocess.run(
                command, check=True, capture_output=True
            ),
            "python -c 'import randprop'": lambda: subprocess.run(
                [sys.executable, "-c", "import randprop"], check=True
            ),
            "python -c 'import numpy'": lambda: subprocess.run(
                [sys.executable, "-c", "import numpy"], check=True
            ),
        },
    )
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
        contestants[f"{weight_bits}-bit, the core alone"] = in_core
    medians = bench.race(f"One image through 4 matrices, {repeats} times, ms", contestants)
    bench.table(
        "One image through 4 matrices, microseconds a call",
        [{"call": name, "us": 1e3 * ms / repeats} for name, ms in medians.items()],
    )


if __name__ == "__main__":
    main(run)
