"""Whether the variance of the outputs is what makes the accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import randprop.study.drawing as drawing
from randprop.bits import BitMatrix
from randprop.datasets import load
from randprop.network.own_weights import apply_weights
from randprop.network.step_network import StepNetwork
from randprop.readouts.centroids import Centroids
from randprop.study.accuracy import DEPTHS
from randprop.study.parts import Context, Experiment, Figure, Section, Table, curve, spread

__all__ = ["EXPERIMENT", "accuracy_gap"]

_FLIPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.45)
_ERASURES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)
_SHIFTS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
_UNITS = (784, 392, 196, 98, 49, 24)
_SAMPLES = (6000, 600, 60, 10, 3, 1)
_FAMILIES = {
    "depth": "more hidden layers",
    "flip": "bits flipped",
    "erase": "bits set to 0",
    "shift": "threshold raised",
    "units": "fewer units",
    "samples": "fewer training samples",
}


def _measure(context: Context) -> dict[str, Any]:
    data = load("mnist")
    X_train, y_train = data.X_train, data.y_train
    X_test, y_test = np.ascontiguousarray(data.X_test[::2]), data.y_test[::2]
    runs: dict[str, dict[str, list[tuple[float, float]]]] = {}

    def score(train: BitMatrix, labels: NDArray[Any], test: BitMatrix) -> tuple[float, float]:
        readout = Centroids(n_threads=context.n_threads).fit(train, labels)
        means = readout.counts_ / readout.n_samples_[:, None]
        accuracy = float(np.mean(readout.predict(test) == y_test))
        return float(np.mean(np.var(means, axis=0))), accuracy

    scaled_changes = 0
    for seed in range(context.seeds):
        context.say(f"perturbed outputs of seed {seed}")
        rng = np.random.default_rng([8, seed])
        network = StepNetwork(784, seed=seed)
        train = network.propagate(X_train, n_threads=context.n_threads)
        test = network.propagate(X_test, n_threads=context.n_threads)

        def keep(family: str, level: float, found: tuple[float, float]) -> None:
            runs.setdefault(family, {}).setdefault(str(level), []).append(found)

        for p in _FLIPS:
            noisy = [_combine(bits, p, rng, np.bitwise_xor) for bits in (train, test)]
            keep("flip", p, score(noisy[0], y_train, noisy[1]))
        for p in _ERASURES:
            noisy = [_combine(bits, 1.0 - p, rng, np.bitwise_and) for bits in (train, test)]
            keep("erase", p, score(noisy[0], y_train, noisy[1]))
        for shift, W in _raised(network, X_test):
            bits = [
                apply_weights(_with_one(X), W, n_threads=context.n_threads)
                for X in (X_train, X_test)
            ]
            keep("shift", shift, score(bits[0], y_train, bits[1]))
        for units in _UNITS:
            # The first units of a matrix are those of the narrower one.
            narrow = StepNetwork(784, width=units, seed=seed)
            bits = [narrow.propagate(X, n_threads=context.n_threads) for X in (X_train, X_test)]
            keep("units", units, score(bits[0], y_train, bits[1]))
        for count in _SAMPLES:
            rows = np.concatenate(
                [rng.permutation(np.flatnonzero(y_train == c))[:count] for c in range(10)]
            )
            keep("samples", count, score(train[rows], y_train[rows], test))
        scaled_changes += _labels_changed_by_scaling(train, y_train, test)
    depth = context.sweep(layers=DEPTHS)
    variance, accuracy = curve(depth, "variance_class_means"), curve(depth)
    families = {
        "depth": [
            {"level": layer, "variance": variance["mean"][i], "accuracy": accuracy["mean"][i]}
            for i, layer in enumerate(accuracy["layers"])
        ]
    }
    for family, levels in runs.items():
        families[family] = [
            {
                "level": float(level),
                "variance": spread([v for v, _ in found])["mean"],
                "accuracy": spread([a for _, a in found])["mean"],
            }
            for level, found in levels.items()
        ]
    return {"families": families, "labels_changed_by_scaling": scaled_changes}


def _combine(
    bits: BitMatrix, p: float, rng: np.random.Generator, operate: Callable[..., Any]
) -> BitMatrix:
    """Combine every bit with one that is set with probability p, to 16 binary digits."""
    mask = np.zeros(bits.words.shape, dtype=np.uint64)
    # Digits of p, least significant first: OR with a fair bit for a 1, AND for a 0.
    for digit in range(16):
        fair = rng.integers(0, 2**64, bits.words.shape, dtype=np.uint64)
        wanted = (round(p * 2**16) >> digit) & 1
        mask = mask | fair if wanted else mask & fair
    if p >= 1.0:
        mask = np.full(bits.words.shape, 2**64 - 1, dtype=np.uint64)
    words = operate(bits.words, mask)
    tail = bits.n_bits % 64
    if tail:
        words[:, -1] &= np.uint64((1 << tail) - 1)
    return BitMatrix(words, bits.n_bits)


def _with_one(X: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Features and one more that is always 255, whose weight moves the threshold."""
    return np.concatenate([X, np.full((len(X), 1), 255, dtype=np.uint8)], axis=1)


def _raised(
    network: StepNetwork, X: NDArray[np.uint8]
) -> Iterator[tuple[float, NDArray[np.int32]]]:
    weights = network.weights(0)
    sample = X[::50].astype(np.float64)
    sd = float(np.std(sample @ weights.T.astype(np.float64)))
    for shift in _SHIFTS:
        column = np.full((len(weights), 1), -round(shift * sd / 255), dtype=np.int32)
        yield shift, np.concatenate([weights, column], axis=1)


def _labels_changed_by_scaling(train: BitMatrix, y: NDArray[Any], test: BitMatrix) -> int:
    """Labels that change when all outputs are multiplied by 2^-6: distances by 2^-12."""
    distances = Centroids().fit(train, y).distances(test)
    return int(np.sum(distances.argmin(axis=1) != (distances * 2.0**-12).argmin(axis=1)))


def accuracy_gap(curve_a: list[dict[str, float]], curve_b: list[dict[str, float]]) -> float:
    """Largest difference in accuracy of two curves at one variance, where both have it."""
    log_a, log_b = (
        np.array(sorted((np.log(point["variance"]), point["accuracy"]) for point in points))
        for points in (curve_a, curve_b)
    )
    low = max(log_a[0, 0], log_b[0, 0])
    high = min(log_a[-1, 0], log_b[-1, 0])
    if low > high:
        # No variance in common: the nearest ends, which are further apart than any two points.
        low = high = (low + high) / 2
    grid = np.linspace(low, high, 200)
    values = [np.interp(grid, log[:, 0], log[:, 1]) for log in (log_a, log_b)]
    return float(np.abs(values[0] - values[1]).max())


def _present(numbers: dict[str, Any]) -> Section:
    families = numbers["families"]
    depth = families["depth"]
    gaps = {
        name: accuracy_gap(points, depth) for name, points in families.items() if name != "depth"
    }
    several = [name for name, gap in gaps.items() if gap > 0.05]
    changed = numbers["labels_changed_by_scaling"]
    first, last = families["samples"][0], families["samples"][-1]
    more_variance_less = last["variance"] > first["variance"] and (
        last["accuracy"] < first["accuracy"]
    )
    answer = [
        "Outputs multiplied by 2^-6 have 1/4096 of every variance, and "
        + ("no label changes." if changed == 0 else f"{changed} labels change."),
        f"With {last['level']:.0f} training sample"
        + ("s" if last["level"] > 1 else "")
        + f" per class the variance between class means is {last['variance']:.3f} and the accuracy "
        f"{last['accuracy']:.3f}; with all of them {first['variance']:.3f} and "
        f"{first['accuracy']:.3f}: "
        + (
            "more variance, less accuracy." if more_variance_less else "the two move together here."
        ),
        "At equal variance between class means, accuracy differs from the depth curve by up to "
        + ", ".join(f"{gap:.2f} ({_FAMILIES[name]})" for name, gap in gaps.items())
        + ": "
        + (
            f"{1 + len(several)} curves, not one. So variance does not cause accuracy. The cause "
            "is how large the differences between classes are beside the noise of the units: see "
            "the sections on theory and width."
            if several
            else "one curve. These interventions do not speak against the variance as the cause."
        ),
    ]

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        for i, (name, entries) in enumerate(families.items()):
            ax.plot(
                [e["variance"] for e in entries],
                [e["accuracy"] for e in entries],
                marker="o", markersize=4, color=drawing.COLORS[i], label=_FAMILIES[name],
                linewidth=2.2 if name == "depth" else 1.4,
            )  # fmt: skip
        ax.set_xscale("log")
        ax.set_ylim(0, 1)
        drawing.finish(ax, "variance between class means", "accuracy")

    rows = [
        [_FAMILIES[name], entry["level"], entry["variance"], entry["accuracy"]]
        for name, entries in families.items()
        for entry in entries
    ]
    return Section(
        answer,
        [Figure("cause", "Accuracy against the variance between class means, for six ways to "
                "change both.", draw)],
        [Table("cause", "Level: hidden layers, probability, standard deviations, units, samples "
               "per class", ("what changes", "level", "variance between class means", "accuracy"),
               rows)],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "cause",
    "Does variance cause accuracy?",
    "The paper says that accuracy falls because the variance of the outputs falls: is this the "
    "cause? (Itoh 2024, discussion)",
    "The network without a hidden layer, MNIST, all training and 5,000 test images: output bits "
    "flipped or set to 0 at random, the threshold raised by multiples of the standard deviation of "
    "the preactivation, the first units alone, fewer training samples; against the depths 0 to 15.",
    _measure,
    _present,
)
