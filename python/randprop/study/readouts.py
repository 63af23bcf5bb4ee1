"""Other readouts of the same bits."""

from __future__ import annotations

from typing import Any

import randprop.study.drawing as drawing
from randprop.study.accuracy import DEPTHS
from randprop.study.parts import Context, Experiment, Figure, Section, by_depth, curve

__all__ = ["EXPERIMENT"]

_LABELS = {
    "centroid": "class mean",
    "majority": "class mean of 1 bit",
    "cosine": "class mean, cosine",
    "knn": "nearest neighbour",
    "knn_3": "3 neighbours",
    "knn_5": "5 neighbours",
    "ridge": "ridge",
    "discriminant": "discriminant",
}
_WIDE = 2048


def _measure(context: Context) -> dict[str, Any]:
    samples = {"n_test": 2_500}
    result = context.sweep(layers=DEPTHS, readout=list(_LABELS), **samples)
    wide = context.sweep(layers=0, width=_WIDE, readout=["centroid", "ridge"], **samples)
    return {
        "accuracy": {name: curve(result, readout=name) for name in _LABELS},
        "wide": {name: curve(wide, readout=name)["mean"][0] for name in ("centroid", "ridge")},
        "n_classes": 10,
    }


def _present(numbers: dict[str, Any]) -> Section:
    found = numbers["accuracy"]
    layers = found["centroid"]["layers"]
    start = {name: found[name]["mean"][0] for name in found}
    best = max(start, key=lambda name: start[name])
    chance = 1.0 / numbers["n_classes"]

    def lasts(name: str) -> int:
        """Depth to which a readout is clearly above chance."""
        return max((d for d, v in zip(layers, found[name]["mean"], strict=True)
                    if v > chance + 0.05), default=-1)  # fmt: skip

    centroid = found["centroid"]["mean"]
    other = [name for name in found if name not in ("centroid", "cosine")]
    beyond = [i for i, value in enumerate(centroid) if value < 0.5]
    gains = {
        name: max((found[name]["mean"][i] - centroid[i] for i in beyond), default=0.0)
        for name in other
    }
    most = max(gains, key=lambda name: gains[name])
    answer = [
        "Without a hidden layer: "
        + ", ".join(
            f"{_LABELS[name]} {start[name]:.3f}"
            for name in sorted(start, key=lambda name: -start[name])
        )
        + f"; with {_WIDE} units class mean {numbers['wide']['centroid']:.3f}, ridge "
        f"{numbers['wide']['ridge']:.3f}. The bits hold far more than class means use: "
        f"{_LABELS[best]} is {100 * (start[best] - start['centroid']):.0f} points better."
        if start[best] > start["centroid"] + 0.05
        else "Without a hidden layer no readout is much better than class means.",
        f"Where class means are below one half, no other readout is more than "
        f"{max(gains[most], 0.0):.3f} better ({_LABELS[most]}): the class is then lost for all "
        "readouts, in the noise of the units."
        if gains[most] < 0.1
        else f"Where class means are below one half, {_LABELS[most]} is up to "
        f"{gains[most]:.3f} better: it uses information that class means do not use.",
        "Clearly above chance up to: "
        + ", ".join(f"{_LABELS[name]} {lasts(name)}" for name in found)
        + " hidden layers. "
        + (
            "Neighbours, which depend on single training samples, lose the class earlier than "
            "means of thousands."
            if lasts("knn") < lasts("centroid")
            else "Neighbours lose the class as late as class means."
        ),
    ]

    curves = {_LABELS[name]: values for name, values in found.items()}
    draw = drawing.depth_curves(curves, (chance, drawing.MUTED, ":", None))
    means = {label: values["mean"] for label, values in curves.items()}
    return Section(
        answer,
        [Figure("readouts", "Accuracy by depth for readouts of the same bits.", draw)],
        [by_depth("readouts", "Mean accuracy by depth and readout", layers, means)],
    )


EXPERIMENT = Experiment(
    "readouts",
    "Readouts",
    "How much information is left when the nearest class mean no longer finds the class? "
    "(Itoh 2024, only class means)",
    "MNIST, 784 units, 8-bit weights, step; 60,000 training images, 2,500 test images evenly "
    "spread. Ridge regression to one-hot classes and the linear discriminant, their alpha by "
    "generalised cross-validation, are fitted to the labels. They are not in the paper.",
    _measure,
    _present,
)
