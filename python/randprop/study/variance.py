"""Variance of the outputs against the number of hidden layers."""

from __future__ import annotations

from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.study.accuracy import DEPTHS
from randprop.study.parts import Context, Experiment, Figure, Section, by_depth, curve

__all__ = ["EXPERIMENT", "describe_fall"]

_VARIANCES = {
    "variance_units": "over the units of an output vector",
    "variance_samples": "over samples, per unit",
    "variance_class_means": "between class means, per unit",
    "variance_floor": "of the last, by sampling alone",
}
# The paper: the variance falls until about 10 hidden layers, then stays.
_FLAT_BETWEEN = (8, 13)


def _measure(context: Context) -> dict[str, Any]:
    result = context.sweep(layers=DEPTHS)
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


def _present(numbers: dict[str, Any]) -> Section:
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
                else "almost no fall"
            )
            + "."
        )
    fitting = [_VARIANCES[name] for name in list(_VARIANCES)[:3] if falls[name]["as_paper"]]
    means, floor = numbers["variance_class_means"]["mean"], numbers["variance_floor"]["mean"]
    reached = [d for d, a, b in zip(layers, means, floor, strict=True) if a < 1.5 * b]
    sentences.append(
        "The paper describes a fall until about 10 hidden layers and then a flat line: "
        + (
            "this is the variance " + " and the variance ".join(fitting) + "."
            if fitting
            else "this is none of the three variances."
        )
        + (
            f" The flat part comes from the finite sample: from {reached[0]} hidden layers on, the "
            "variance between class means equals the floor of samples without class differences. "
            "The signal itself keeps falling below this floor."
            if reached
            else " It stays above the variance that sampling alone gives."
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

    table = by_depth(
        "variance",
        "Mean variances by depth",
        layers,
        {what: numbers[name]["mean"] for name, what in _VARIANCES.items()},
    )
    return Section(
        sentences,
        [Figure("variance", "Three variances of the output bits, and the part of the last that "
                "comes from sampling alone. Means over seeds.", draw)],
        [table],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "variance",
    "Variance of the outputs against depth",
    "The paper explains the loss by the variance of the outputs, which falls until about 10 hidden "
    "layers and then stays: which variance does that? (Itoh 2024, discussion)",
    "The networks of the first experiment; variances over the training images. The floor is the "
    "variance between class means if the images of all classes had the same distribution.",
    _measure,
    _present,
)
