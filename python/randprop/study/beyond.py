"""More hidden layers than the paper's."""

from __future__ import annotations

from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.study.parts import Context, Experiment, Figure, Section, curve, statistics_by_depth

__all__ = ["EXPERIMENT"]

_DEEP = (*range(0, 20), *range(20, 40, 4), *range(40, 65, 8))


def _measure(context: Context) -> dict[str, Any]:
    result = context.sweep(layers=_DEEP, n_train=20_000)
    return {
        "accuracy": curve(result),
        "variance_class_means": curve(result, "variance_class_means"),
        "variance_floor": curve(result, "variance_floor"),
        "n_classes": 10,
    }


def _present(numbers: dict[str, Any]) -> Section:
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
            f"Accuracy does not come back: from 16 to {found['layers'][-1]} hidden layers every "
            f"mean is within {gap:.3f} of chance, the largest {found['mean'][best]:.3f} at "
            f"{found['layers'][best]} hidden layers."
            if gap < 0.02
            else f"Accuracy is not at chance throughout: {found['mean'][best]:.3f} at "
            f"{found['layers'][best]} hidden layers."
        ),
        f"The variance between class means stays at {ratio:.2f} times the value that "
        "sampling alone gives.",
    ]

    draw = drawing.depth_curves({"random network": found}, (chance, drawing.MUTED, ":", "chance"))
    return Section(
        answer,
        [Figure("beyond", "Accuracy up to 64 hidden layers.", draw)],
        [statistics_by_depth("beyond", "Accuracy by depth", found)],
    )


EXPERIMENT = Experiment(
    "beyond",
    "Beyond 15 hidden layers",
    "What happens with more hidden layers than the paper's 15? (Itoh 2024, left open)",
    "As the first experiment, up to 64 hidden layers, with 20,000 training images evenly spread "
    "over the 60,000.",
    _measure,
    _present,
)
