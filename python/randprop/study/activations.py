"""Activations other than the step."""

from __future__ import annotations

from typing import Any

import randprop.study.drawing as drawing
from randprop.study.accuracy import DEPTHS
from randprop.study.parts import Context, Experiment, Figure, Section, by_depth, curve

__all__ = ["EXPERIMENT"]

_SAMPLES = {"n_train": 5_000, "n_test": 2_500}
_NAMES = ("step", "sign", "relu", "sigmoid", "tanh", "identity")


def _measure(context: Context) -> dict[str, Any]:
    result = context.sweep(layers=DEPTHS, activation=list(_NAMES), **_SAMPLES)
    return {
        "accuracy": {name: curve(result, activation=name) for name in _NAMES},
        "variance_class_means": {
            name: curve(result, "variance_class_means", activation=name) for name in _NAMES
        },
        "baseline": result.rows[0]["baseline_accuracy"],
    }


def _present(numbers: dict[str, Any]) -> Section:
    found = numbers["accuracy"]
    layers = found["step"]["layers"]
    last = {name: found[name]["mean"][-1] for name in found}
    order = sorted(last, key=lambda name: -last[name])
    smooth = [name for name in ("sigmoid", "tanh") if name in found]
    linear_gap = max(
        abs(a - b)
        for name in smooth
        for a, b in zip(found[name]["mean"], found["identity"]["mean"], strict=True)
    )
    variance = numbers["variance_class_means"]
    shrink = {name: variance[name]["mean"][-1] / variance[name]["mean"][0] for name in found}
    answer = [
        f"At {layers[-1]} hidden layers: "
        + ", ".join(f"{name} {last[name]:.3f}" for name in order)
        + f"; raw pixels {numbers['baseline']:.3f}.",
        (
            f"Sigmoid and tanh are within {linear_gap:.3f} of the identity at every depth: with "
            "these weights they work in their linear range, and a random linear map loses the "
            "classes only slowly."
            if linear_gap < 0.02
            else f"Sigmoid and tanh differ from the identity by up to {linear_gap:.3f}."
        ),
        f"Their variance between class means nevertheless shrinks the most, by a factor of "
        f"{shrink[min(smooth, key=lambda n: shrink[n])]:.1e} "
        f"({min(smooth, key=lambda n: shrink[n])}) against {shrink['step']:.1e} for the step: a "
        "small variance alone loses nothing."
        if min(shrink[name] for name in smooth) < shrink["step"]
        and last[smooth[0]] > last["step"] + 0.05
        else "Variance between class means and accuracy fall together here.",
        (
            "Reading bits as -1 and +1 (sign) is more accurate than as 0 and 1 (step): "
            if last["sign"] > last["step"]
            else "Reading bits as -1 and +1 (sign) is not more accurate than as 0 and 1 (step): "
        )
        + f"{found['sign']['mean'][5]:.3f} against {found['step']['mean'][5]:.3f} at "
        f"{layers[5]} hidden layers.",
    ]

    draw = drawing.depth_curves(
        found,
        (numbers["baseline"], drawing.MUTED, ":", "raw pixels"),
        dashed=("identity",),
        ncols=2,
    )
    means = {name: values["mean"] for name, values in found.items()}
    return Section(
        answer,
        [Figure("activations", "Accuracy by depth for six activations, same weights.", draw)],
        [by_depth("activations", "Mean accuracy by depth and activation", layers, means)],
    )


EXPERIMENT = Experiment(
    "activations",
    "Activations",
    "What do other activations do? (Itoh 2024, only step; others left open)",
    "MNIST, 784 units, 8-bit weights as real numbers w / (256 sqrt(784)), pixels divided by 255 "
    "for smooth activations; 5,000 training and 2,500 test images, evenly spread. Smooth "
    "activations are propagated as differences from one reference point: the outputs of deep "
    "sigmoid and tanh networks are closer together than floating point can tell apart, so that "
    "distances between the outputs themselves would only measure rounding.",
    _measure,
    _present,
)
