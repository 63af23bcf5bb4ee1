"""Depth with units that look at few inputs, and what the theory says of it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.measure.split import Split, load_split
from randprop.network.stages import Dense
from randprop.network.step_network import StepNetwork
from randprop.study.features import LEVEL, accuracies_by_depth, binary, curve_of
from randprop.study.parts import Context, Experiment, Figure, Section, Table, by_depth
from randprop.theory import (
    CosineStatistics,
    OverlapStatistics,
    cosine_statistics,
    few_input_activity,
    overlap_statistics,
    predict,
    width_for,
)

__all__ = ["EXPERIMENT"]

# (inputs a unit, bias, units): None is all inputs.
_CASES = (
    (None, 0, 784), (2, 0, 784), (3, 0, 784), (4, 0, 784), (8, 0, 784), (4, 1, 784), (2, 0, 4096),
    (4, 0, 4096),
)  # fmt: skip
_DEPTHS = range(11)
_LIMIT = 0.03
_WANTED = (6, 0.7)  # a depth, and an accuracy there


def _label(fan_in: int | None, bias: int, width: int) -> str:
    inputs = "all inputs" if fan_in is None else f"{fan_in} inputs"
    return f"{inputs}{f', thresholds -{bias} to {bias}' if bias else ''}, {width} units"


def _measure(context: Context) -> dict[str, Any]:
    split = load_split("mnist")
    bits = [(X > LEVEL).astype(np.uint8) for X in (split.X_train, split.X_test)]
    # Half of the test images are enough for the theory, which has no noise of seeds.
    known = bits[0], split.y_train, bits[1][::2], split.classes[split.codes_test[::2]]
    context.say("overlaps of mnist")
    overlaps, cosines = overlap_statistics(*known), _cosines(known)
    cases = []
    for fan_in, bias, width in _CASES:
        context.say(f"depth with {_label(fan_in, bias, width)}")
        statistics: Any = cosines if fan_in is None else overlaps
        predicted = predict(statistics, _DEPTHS, width, fan_in=fan_in, bias=bias)
        cases.append(
            {
                "fan_in": fan_in,
                "bias": bias,
                "width": width,
                "accuracy": _curve(context, split, fan_in, bias, width, len(_DEPTHS)),
                "predicted_accuracy": predicted.accuracy.tolist(),
                "predicted_infinite": predicted.accuracy_infinite.tolist(),
                "signal": predicted.signal.tolist(),
            }
        )
    return {
        "cases": cases,
        "wanted": _widths(context, split, overlaps, cosines),
        "activity_of_two": _activities(float(np.mean(bits[0]))),
    }


def _cosines(known: Any) -> CosineStatistics:
    X_train, y_train, X_test, y_test = known
    kept = [X.any(axis=1) for X in (X_train, X_test)]  # no cosine with an image without a pixel
    return cosine_statistics(X_train[kept[0]], y_train[kept[0]], X_test[kept[1]], y_test[kept[1]])


def _curve(
    context: Context, split: Split, fan_in: int | None, bias: int, width: int, n_stages: int
) -> dict[str, Any]:
    train, test = binary(split.X_train), binary(split.X_test)
    # One bit is as good as eight: see the section on weights.
    stage = Dense(width, fan_in=fan_in, bias=bias, weight_bits=None if fan_in else 1)
    n_features = split.n_features
    return curve_of(
        [
            accuracies_by_depth(
                StepNetwork(n_features, stages=[stage] * n_stages, seed=seed),
                train,
                test,
                split,
                n_threads=context.n_threads,
            )
            for seed in range(context.seeds)
        ]
    )


def _widths(
    context: Context, split: Split, overlaps: OverlapStatistics, cosines: CosineStatistics
) -> dict[str, Any]:
    """Ask the theory for the width that a depth needs, and measure networks of that width."""
    depth, accuracy = _WANTED
    found: dict[str, Any] = {"depth": depth, "accuracy": accuracy, "widths": []}
    for fan_in in (None, 8, 4, 3, 2):
        statistics: Any = cosines if fan_in is None else overlaps
        try:
            width = width_for(depth, accuracy, statistics=statistics, fan_in=fan_in)
        except ValueError:
            continue  # no width has that accuracy
        entry: dict[str, Any] = {"fan_in": fan_in, "width": width, "measured": None}
        if width <= 10_000:
            context.say(f"depth with {_label(fan_in, 0, width)}")
            measured = _curve(context, split, fan_in, 0, width, depth + 1)
            entry["measured"] = {key: measured[key][-1] for key in ("mean", "ci95")}
        found["widths"].append(entry)
    return found


def _activities(first: float) -> list[float]:
    values = [first]
    for _ in _DEPTHS:
        values.append(float(few_input_activity(values[-1], 2)))
    return values


def _errors(case: dict[str, Any]) -> float:
    measured = np.array(case["accuracy"]["mean"])
    return float(np.abs(np.array(case["predicted_accuracy"]) - measured).max())


def _draw(cases: list[dict[str, Any]], labels: list[str], figure: Any) -> None:
    left, right = figure.subplots(1, 2)
    for i, (case, label) in enumerate(zip(cases, labels, strict=True)):
        color, layers = drawing.COLORS[i], case["accuracy"]["layers"]
        drawing.points(left, layers, case["accuracy"], color=color, label=label)
        left.plot(layers, case["predicted_accuracy"], color=color, linewidth=1.2)
        if case["width"] == 784:
            right.plot(np.array(layers) + 1, case["signal"], color=color, marker="o",
                       markersize=3, label=label.rsplit(",", 1)[0])  # fmt: skip
    left.set_ylim(0, 1)
    drawing.finish(left, "hidden layers", "accuracy (points measured, lines predicted)",
                   fontsize=7.5, loc="lower left")  # fmt: skip
    right.set_xscale("log")
    right.set_yscale("log")
    ticks = [1, 2, 3, 5, 10]
    right.set_xticks(ticks, [str(tick) for tick in ticks])
    right.minorticks_off()
    drawing.finish(right, "matrices", "variance between class means, infinite width",
                   fontsize=7.5)  # fmt: skip


def _present(numbers: dict[str, Any]) -> Section:
    cases, wanted, activity = (numbers[k] for k in ("cases", "wanted", "activity_of_two"))
    labels = [_label(case["fan_in"], case["bias"], case["width"]) for case in cases]
    last = cases[0]["accuracy"]["layers"][-1]
    ends = [case["accuracy"]["mean"][-1] for case in cases]
    narrow = [i for i, case in enumerate(cases) if case["width"] == 784 and not case["bias"]]
    dense = ends[0]
    best = max(narrow, key=lambda i: ends[i])
    errors = dict(zip(labels, map(_errors, cases), strict=True))
    beyond = [label for label, error in errors.items() if error > _LIMIT]
    shrink = {i: cases[i]["signal"][-1] / cases[i]["signal"][-2] for i in narrow}
    answer = [
        f"At {last} hidden layers of 784 units, the accuracy of class means is "
        + ", ".join(f"{ends[i]:.3f} ({labels[i].split(',')[0]})" for i in narrow)
        + ": "
        + (
            f"few inputs lose less than all inputs, {labels[best].split(',')[0]} the least."
            if ends[best] > dense + 0.1
            else "few inputs lose as much as all inputs."
        ),
        "The theory explains it. The effect of a unit with few inputs on two images follows "
        "exactly from their activities and their overlap. With 2 inputs, the bit is set if the "
        "first is set and the second is not. So a share a of set bits becomes a (1 - a), "
        f"{activity[0]:.3f} to {activity[-1]:.3f} over {len(activity) - 1} matrices, and falls "
        "like 1 / l. The share of the variance between class means, at infinite width, that the "
        "last layer keeps is "
        + ", ".join(f"{shrink[i]:.2f} ({labels[i].split(',')[0]})" for i in narrow)
        + ". With 2 inputs it goes to 1, a power law. The others reach a fixed point, where "
        "every layer loses the same share.",
        "Without fitted parameters, the prediction at finite width is within "
        + "; ".join(f"{error:.3f} ({label})" for label, error in errors.items())
        + f" of every measured depth: within {_LIMIT} "
        + ("everywhere." if not beyond else f"except for {'; '.join(beyond)}."),
        "The theory starts from bits. It does not cover a first stage on bytes, calibrated "
        "thresholds, convolutions and counts, which do not depend on overlaps alone.",
    ]
    if wanted["widths"]:
        answer.append(
            f"For an accuracy of {wanted['accuracy']} at {wanted['depth']} hidden layers the "
            "theory requires "
            + "; ".join(
                f"{_label(entry['fan_in'], 0, entry['width'])}"
                + (
                    ", not measured"
                    if entry["measured"] is None
                    else f", measured {entry['measured']['mean']:.3f}"
                )
                for entry in wanted["widths"]
            )
            + "."
        )
    columns: dict[str, Any] = {}
    for case, label in zip(cases, labels, strict=True):
        columns |= {label: case["accuracy"]["mean"], f"{label}, predicted":
                    case["predicted_accuracy"]}  # fmt: skip
    rows = [
        ["all" if e["fan_in"] is None else e["fan_in"], e["width"], wanted["accuracy"],
         None if e["measured"] is None else e["measured"]["mean"]]
        for e in wanted["widths"]
    ]  # fmt: skip
    return Section(
        answer,
        [Figure("few_inputs", "Accuracy by depth for few inputs per unit (left), and the signal at "
                "infinite width (right).", partial(_draw, cases, labels), (10.4, 4.8))],
        [by_depth("few_inputs", "Measured and predicted accuracy by depth",
                  cases[0]["accuracy"]["layers"], columns),
         Table("few_inputs_width", f"Width for an accuracy at {wanted['depth']} hidden layers",
               ("inputs per unit", "units", "wanted", "measured"), rows)],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "few_inputs",
    "Depth with few inputs",
    "Does a network with few inputs per unit lose accuracy as fast, and can this be derived? "
    "(Itoh 2024, only all inputs)",
    f"MNIST, pixels above {LEVEL} as bits, all images; units of few inputs have half of them "
    "(rounded up) with weight +1, the others with -1, thresholds 0 unless given; dense weights "
    "have 1 bit; class means. "
    "Lines: randprop.theory, from the overlaps of half of the test images with the training "
    "images.",
    _measure,
    _present,
)
