"""Accuracy and variance of the outputs against the number of hidden layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from randprop.study import _drawing as drawing
from randprop.study._parts import (
    Context,
    Experiment,
    Figure,
    Section,
    Table,
    curve,
    interval,
    percent,
)
from randprop.theory import half_depth

__all__ = ["ACCURACY", "BEYOND", "VARIANCE"]

_DEPTHS = range(16)
_DEEP = (*range(0, 20), *range(20, 40, 4), *range(40, 65, 8))
_VARIANCES = {
    "variance_units": "over the units of an output vector",
    "variance_samples": "over samples, per unit",
    "variance_class_means": "between class means, per unit",
    "variance_floor": "of the last, by sampling alone",
}
# The paper: the variance falls until about 10 hidden layers, then stays.
_FLAT_BETWEEN = (8, 13)


def _measure_accuracy(context: Context) -> dict[str, Any]:
    result = context.sweep(layers=_DEPTHS)
    return {
        "accuracy": curve(result),
        "baseline": result.rows[0]["baseline_accuracy"],
        "n_classes": 10,
    }


def _present_accuracy(numbers: dict[str, Any]) -> Section:
    found, baseline = numbers["accuracy"], numbers["baseline"]
    mean = np.array(found["mean"])
    chance = 1.0 / numbers["n_classes"]
    half = half_depth(found["layers"], mean)
    last = found["layers"][-1]
    shallow = mean[:3].min() >= 0.7 and mean[0] >= 0.78
    lost = mean[-1] < chance + 0.02
    answer = [
        f"Accuracy is {interval(mean[0], found['ci95'][0])} without a hidden layer, "
        f"{mean[1]:.3f} with one and {mean[2]:.3f} with two, "
        + (
            f"falls through one half at {half:.1f} layers, "
            if not np.isnan(half)
            else "does not fall through one half, "
        )
        + f"and is {interval(mean[-1], found['ci95'][-1])} at {last} "
        f"(mean and 95 % confidence interval over {found['n_seeds']} seeds).",
        "The paper's picture, about 80 % at few layers and chance by 15, "
        + (
            "is reproduced, with 80 % kept by up to one hidden layer rather than two."
            if shallow and lost and mean[2] < 0.78
            else "is reproduced."
            if shallow and lost
            else "is not reproduced by these numbers."
        ),
        f"Class means of the raw pixels, no network at all, are right for {percent(baseline)}: "
        + (
            "no depth of the random network does better."
            if mean.max() <= baseline + 0.002
            else f"the network does better at {int(np.argmax(mean))} hidden layers."
        ),
    ]

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        drawing.band(ax, found["layers"], found, color=drawing.COLORS[0], label="random network")
        ax.axhline(baseline, color=drawing.COLORS[1], linestyle="--", label="raw pixels")
        ax.axhline(chance, color=drawing.MUTED, linestyle=":", label="chance")
        ax.set_ylim(0, 1)
        drawing.finish(ax, "hidden layers", "accuracy")

    return Section(
        answer,
        [Figure("accuracy", "Accuracy of the nearest class mean, MNIST. Band: 95 % "
                "confidence interval of the mean over seeds.", draw)],
        [Table("accuracy", "Accuracy by depth", ("hidden layers", "mean", "sd", "ci95"),
               _rows(found))],
    )  # fmt: skip


def _measure_variance(context: Context) -> dict[str, Any]:
    result = context.sweep(layers=_DEPTHS)
    return {name: curve(result, name) for name in _VARIANCES}


def describe_fall(layers: list[int], values: list[float]) -> dict[str, Any]:
    """Say whether a curve falls, and from where it stays.

    ``flat_from`` is the first depth from which all values are within a third of the last; the
    curve behaves as the paper describes if it falls by more than half and flattens near 10 layers.
    """
    array = np.array(values)
    near = np.abs(array / array[-1] - 1.0) < 1 / 3
    flat = next(depth for i, depth in enumerate(layers) if near[i:].all())
    falls = bool(array[0] > 2 * array[-1])
    return {
        "falls": falls,
        "ratio": float(array[0] / array[-1]),
        "flat_from": flat,
        "as_paper": falls and _FLAT_BETWEEN[0] <= flat <= _FLAT_BETWEEN[1],
    }


def _present_variance(numbers: dict[str, Any]) -> Section:
    layers = numbers["variance_units"]["layers"]
    falls = {name: describe_fall(layers, numbers[name]["mean"]) for name in _VARIANCES}
    sentences = []
    for name, what in list(_VARIANCES.items())[:3]:
        fall, mean = falls[name], numbers[name]["mean"]
        sentences.append(
            f"Variance {what}: {mean[0]:.4g} to {mean[-1]:.4g}, "
            + (
                f"a fall by a factor of {fall['ratio']:.3g}, flat from {fall['flat_from']} "
                "hidden layers on"
                if fall["falls"]
                else "no fall worth the name"
            )
            + "."
        )
    fitting = [_VARIANCES[name] for name in list(_VARIANCES)[:3] if falls[name]["as_paper"]]
    means, floor = numbers["variance_class_means"]["mean"], numbers["variance_floor"]["mean"]
    reached = [d for d, a, b in zip(layers, means, floor, strict=True) if a < 1.5 * b]
    sentences.append(
        "What the paper describes, a fall until about 10 layers and then a flat line, "
        + (
            "is how the variance " + " and the variance ".join(fitting) + ", behaves."
            if fitting
            else "is how none of the three behaves."
        )
        + (
            f" The flat part is the finite sample: from {reached[0]} layers on, the variance "
            "between class means is at the floor that samples without any class differences "
            "would show. The signal itself goes on falling below it."
            if reached
            else " It stays above what sampling alone would show."
        )
    )

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        for i, (name, what) in enumerate(_VARIANCES.items()):
            drawing.band(
                ax,
                layers,
                numbers[name],
                color=drawing.COLORS[i] if name != "variance_floor" else drawing.MUTED,
                label=what,
                linestyle="--" if name == "variance_floor" else "-",
            )
        ax.set_yscale("log")
        drawing.finish(ax, "hidden layers", "variance")

    rows = [
        [layer, *(numbers[name]["mean"][i] for name in _VARIANCES)]
        for i, layer in enumerate(layers)
    ]
    return Section(
        sentences,
        [Figure("variance", "Three variances of the output bits, and what sampling leaves of the "
                "last. Means over seeds.", draw)],
        [Table("variance", "Mean variances by depth", ("hidden layers", *_VARIANCES.values()),
               rows)],
    )  # fmt: skip


def _measure_beyond(context: Context) -> dict[str, Any]:
    result = context.sweep(layers=_DEEP, n_train=20_000)
    return {
        "accuracy": curve(result),
        "variance_class_means": curve(result, "variance_class_means"),
        "variance_floor": curve(result, "variance_floor"),
        "n_classes": 10,
    }


def _present_beyond(numbers: dict[str, Any]) -> Section:
    found = numbers["accuracy"]
    chance = 1.0 / numbers["n_classes"]
    deep = [i for i, layer in enumerate(found["layers"]) if layer > 15]
    best = max(deep, key=lambda i: found["mean"][i])
    gap = max(abs(found["mean"][i] - chance) for i in deep)
    ratio = float(
        np.mean(
            [numbers["variance_class_means"]["mean"][i] / numbers["variance_floor"]["mean"][i]
             for i in deep]
        )
    )  # fmt: skip
    answer = [
        (
            f"Nothing comes back: from 16 to {found['layers'][-1]} hidden layers every mean is "
            f"within {gap:.3f} of chance, the largest {found['mean'][best]:.3f} at "
            f"{found['layers'][best]} layers."
            if gap < 0.02
            else f"Accuracy is not at chance throughout: {found['mean'][best]:.3f} at "
            f"{found['layers'][best]} hidden layers."
        ),
        f"The variance between class means stays at {ratio:.2f} of what sampling alone gives.",
    ]

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        drawing.band(ax, found["layers"], found, color=drawing.COLORS[0], label="random network")
        ax.axhline(chance, color=drawing.MUTED, linestyle=":", label="chance")
        ax.set_ylim(0, 1)
        drawing.finish(ax, "hidden layers", "accuracy")

    return Section(
        answer,
        [Figure("beyond", "Accuracy up to 64 hidden layers.", draw)],
        [Table("beyond", "Accuracy by depth", ("hidden layers", "mean", "sd", "ci95"),
               _rows(found))],
    )  # fmt: skip


def _rows(found: dict[str, Any]) -> list[list[Any]]:
    return [
        list(row)
        for row in zip(found["layers"], found["mean"], found["sd"], found["ci95"], strict=True)
    ]


ACCURACY = Experiment(
    "accuracy",
    "Accuracy against depth",
    "How much does a random network still tell about the class, by its number of hidden layers? "
    "(Itoh 2024, experiments with 0 to 15 layers, one network each)",
    "MNIST, 784 units in every matrix, 8-bit weights, step; class means of the outputs for the "
    "60,000 training images, nearest mean for the 10,000 test images.",
    _measure_accuracy,
    _present_accuracy,
)
VARIANCE = Experiment(
    "variance",
    "Variance of the outputs against depth",
    "The paper explains the loss by the variance of the outputs, which falls until about 10 layers "
    "and then stays: which variance does that? (Itoh 2024, discussion)",
    "The networks of the first experiment; variances over the training images. The floor is what "
    "the variance between class means would be if images of all classes had one distribution.",
    _measure_variance,
    _present_variance,
)
BEYOND = Experiment(
    "beyond",
    "Beyond 15 layers",
    "What happens with more layers than the paper's 15? (Itoh 2024, left open)",
    "As the first experiment, up to 64 hidden layers, with 20,000 training images evenly spread "
    "over the 60,000.",
    _measure_beyond,
    _present_beyond,
)
