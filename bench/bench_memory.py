"""Bits against floats: time, memory traffic, memory held, accuracy, side by side."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from typing import Any

from harness import N_THREADS, Bench, main, save_figure
from randprop import datasets, evaluate

PACKED = """
    import time
    import numpy as np
    import randprop
    X = np.random.default_rng(0).integers(0, 256, ({n}, 784), dtype=np.uint8)
    network = randprop.StepNetwork(784, 3, weight_bits={bits})
    network.propagate(X[:600])
    before = peak()
    times = []
    for _ in range(3):
        started = time.perf_counter()
        network.propagate(X)
        times.append(time.perf_counter() - started)
    print(min(times), peak() - before)
"""
FLOAT = """
    import time
    import numpy as np
    import randprop
    X = np.random.default_rng(0).integers(0, 256, ({n}, 784), dtype=np.uint8)
    weights = [
        randprop.StepNetwork(784, 3, weight_bits=24).weights(m).T.astype(np.float32)
        for m in range(4)
    ]
    def propagate(X):
        x = X.astype(np.float32)
        for w in weights:
            x = ((x @ w) > 0).astype(np.float32)
        return x
    propagate(X[:600])
    before = peak()
    times = []
    for _ in range(3):
        started = time.perf_counter()
        propagate(X)
        times.append(time.perf_counter() - started)
    print(min(times), peak() - before)
"""
PEAK = """
    import re
    def peak():
        return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024
"""


def measured(code: str, **values: Any) -> tuple[float, float]:
    """Return seconds and growth of the peak memory of a process of its own."""
    text = textwrap.dedent(PEAK) + textwrap.dedent(code).format(**values)
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    seconds, grown = out.stdout.split()
    return float(seconds), float(grown)


def float_accuracy(data: datasets.Dataset, depth: int) -> float:
    """Accuracy of the float32 network: 24-bit weights, NumPy's BLAS."""
    import numpy as np

    from randprop import BitMatrix, Centroids, StepNetwork

    network = StepNetwork(784, depth, weight_bits=24)
    bits = []
    for X in (data.X_train, data.X_test):
        parts = []
        for start in range(0, len(X), 10_000):
            x = X[start : start + 10_000].astype(np.float32)
            for m in range(depth + 1):
                x = ((x @ network.weights(m).T.astype(np.float32)) > 0).astype(np.float32)
            parts.append(x.astype(bool))
        bits.append(BitMatrix.from_array(np.concatenate(parts)))
    predicted = Centroids().fit(bits[0], data.y_train).predict(bits[1])
    return float((predicted == data.y_test).mean())


def run(bench: Bench) -> None:
    """Four matrices of 784 x 784, a line for each precision."""
    n = 6_000 if bench.quick else 70_000
    data = datasets.load_mnist()
    depth = 3
    rows = []
    for bits in (1, 2, 4, 8, None):
        started = time.perf_counter()
        if bits is None:
            seconds, grown = measured(FLOAT, n=n)
            accuracy = float_accuracy(data, depth)
        else:
            seconds, grown = measured(PACKED, n=n, bits=bits)
            accuracy = evaluate(depth, dataset=data, weight_bits=bits).accuracy
        activation = 4 * 784 if bits is None else 13 * 8
        rows.append(
            {
                "weights": "float32, NumPy" if bits is None else f"{bits}-bit, packed",
                "ms": 1e3 * seconds,
                "bytes per activation vector": activation,
                # Read and written once a layer, weights aside.
                "activations moved, MB": (2 * 3 * activation + 784 + activation) * n / 1e6,
                "growth of peak memory, MB": grown / 1e6,
                f"MNIST accuracy, {depth} layers": accuracy,
            }
        )
        print(f"({time.perf_counter() - started:.1f} s)", end=" ", flush=True)
    bench.table(f"Bits against floats: {n:,} x 784 through 4 matrices, {N_THREADS} cores", rows)
    if bench.plot is not None:
        plot(bench, rows)


def plot(bench: Bench, rows: list[dict[str, Any]]) -> None:
    """Three bars a precision."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4))
    names = [row["weights"].replace(", packed", "").replace(", NumPy", "") for row in rows]
    colors = ["#1f5fa8"] * (len(rows) - 1) + ["#c0504d"]
    for axis, column, title in zip(
        axes,
        ("ms", "activations moved, MB", "growth of peak memory, MB"),
        ("time, ms", "activations moved, MB", "peak memory, MB above the input"),
        strict=True,
    ):
        bars = axis.bar(names, [row[column] for row in rows], color=colors)
        axis.bar_label(bars, fmt="%.0f", fontsize=8)
        axis.set_title(title, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    assert bench.plot is not None
    save_figure(figure, bench.plot / "bits_against_floats.png", 120)
    plt.close(figure)


if __name__ == "__main__":
    main(run)
