"""Accuracy against the number of hidden layers."""

from __future__ import annotations

from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.study.parts import (
    Context,
    Experiment,
    Figure,
    Section,
    curve,
    interval,
    percent,
    statistics_by_depth,
)
from randprop.theory import half_depth

__all__ = ["DEPTHS", "EXPERIMENT"]

DEPTHS = range(16)  # the paper's


def _measure(context: Context) -> dict[str, Any]:
    result = context.sweep(layers=DEPTHS)
    return {
        "accuracy": curve(result),
        "baseline": result.rows[0]["baseline_accuracy"],
        "n_classes": 10,
    }


def _present(numbers: dict[str, Any]) -> Section:
    found, baseline = numbers["accuracy"], numbers["baseline"]
    mean = np.array(found["mean"])
    chance = 1.0 / numbers["n_classes"]
    one = found["n_seeds"] == 1
    half = half_depth(found["layers"], mean)
    last = found["layers"][-1]
    shallow = mean[:3].min() >= 0.7 and mean[0] >= 0.78
    lost = mean[-1] < chance + 0.02
    answer = [
        f"Accuracy is {interval(mean[0], found['ci95'][0])} without a hidden layer, "
        f"{mean[1]:.3f} with one and {mean[2]:.3f} with two, "
        + (
            f"falls through one half at {half:.1f} hidden layers, "
            if not np.isnan(half)
            else "does not fall through one half, "
        )
        + f"and is {interval(mean[-1], found['ci95'][-1])} at {last} "
        + (
            "(one seed, so there is no interval)."
            if one
            else f"(mean and 95 % confidence interval over {found['n_seeds']} seeds)."
        ),
        "The paper's picture, about 80 % at few hidden layers and chance by 15, "
        + (
            "is reproduced, but here only up to one hidden layer keeps 80 %, not two."
            if shallow and lost and mean[2] < 0.78
            else "is reproduced."
            if shallow and lost
            else "is not reproduced by these numbers."
        ),
        f"Class means of the raw pixels, without a network, are right for {percent(baseline)}: "
        + (
            "no depth of the random network does better."
            if mean.max() <= baseline + 0.002
            else f"the network does better at {int(np.argmax(mean))} hidden layers."
        ),
    ]

    draw = drawing.depth_curves(
        {"random network": found},
        (baseline, drawing.COLORS[1], "--", "raw pixels"),
        (chance, drawing.MUTED, ":", "chance"),
    )
    caption = "Accuracy of the nearest class mean, MNIST. " + (
        "One seed, so there is no interval."
        if one
        else "Band: 95 % confidence interval of the mean over seeds."
    )
    return Section(
        answer,
        [Figure("accuracy", caption, draw)],
        [statistics_by_depth("accuracy", "Accuracy by depth", found)],
    )


EXPERIMENT = Experiment(
    "accuracy",
    "Accuracy against depth",
    "How does the accuracy of a random network depend on its number of hidden layers? "
    "(Itoh 2024, experiments with 0 to 15 hidden layers, one network each)",
    "MNIST, 784 units in every matrix, 8-bit weights, step; class means of the outputs for the "
    "60,000 training images, nearest mean for the 10,000 test images.",
    _measure,
    _present,
)
