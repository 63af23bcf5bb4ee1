"""What the width buys."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.study.accuracy import DEPTHS
from randprop.study.parts import Context, Experiment, Figure, Section, Table, by_depth, curve
from randprop.study.theory import FEW, cosines_of, seeds_of
from randprop.theory import CosineStatistics, fixed_point, half_depth, predict, slope, width_for

__all__ = ["EXPERIMENT"]

_WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
_WIDTHS_FULL = (*_WIDTHS, 8192)
_WANTED = ((1, 0.8), (2, 0.75), (3, 0.7), (5, 0.6))  # a depth, and an accuracy there


def _measure(context: Context) -> dict[str, Any]:
    widths = _WIDTHS_FULL if context.full else _WIDTHS
    depths = range(31) if context.full else DEPTHS
    statistics = cosines_of(context, "mnist")
    cases = []
    for width in widths:
        result = context.sweep(
            layers=depths,
            width=width,
            weight_bits=1,
            # The widest differ least from seed to seed, and take longest.
            seeds=min(FEW, context.seeds)
            if width > 4096
            else seeds_of(context, FEW if width == 4096 else None),
        )
        predicted = predict(statistics, depths, width)
        cases.append(
            {
                "width": width,
                "accuracy": curve(result),
                "predicted_accuracy": predicted.accuracy.tolist(),
                "signal": predicted.signal.tolist(),
            }
        )
    return {"cases": cases, "wanted": _wanted(context, statistics)}


def _wanted(context: Context, statistics: CosineStatistics) -> list[dict[str, Any]]:
    """Ask the theory for the width that a depth needs, and measure networks of that width."""
    found = []
    for depth, accuracy in _WANTED:
        try:
            width = width_for(depth, accuracy, statistics=statistics)
        except ValueError:
            continue  # no width has that accuracy
        seeds = seeds_of(context, FEW)
        measured = curve(context.sweep(layers=depth, width=width, weight_bits=1, seeds=seeds))
        entry = {"mean": measured["mean"][0], "ci95": measured["ci95"][0]}
        found.append({"depth": depth, "accuracy": accuracy, "width": width, "measured": entry})
    return found


def _draw_collapse(cases: list[dict[str, Any]], figure: Any) -> None:
    ax = figure.subplots()
    for i, case in enumerate(cases):
        _draw_case(ax, case, case["width"] * np.array(case["signal"]), drawing.COLORS[i])
    ax.axvline(1.0, color=drawing.MUTED, linestyle=":")
    ax.set_xscale("log")
    ax.set_xlim(1e-4, None)
    ax.set_ylim(0, 1)
    drawing.finish(ax, "width x variance between class means at infinite width", "accuracy")


def _draw_half(halves: dict[int, tuple[float, float]], figure: Any) -> None:
    widths = list(halves)
    measured, predicted = zip(*halves.values(), strict=True)
    ax = figure.subplots()
    ax.plot(widths, measured, "o", color=drawing.COLORS[0], label="measured")
    ax.plot(widths, predicted, color=drawing.COLORS[1], label="predicted")
    ax.set_xscale("log", base=2)
    ax.set_xticks(widths, [str(width) for width in widths])
    ax.minorticks_off()
    ax.set_ylim(0, None)
    drawing.finish(ax, "units of every matrix", "hidden layers at accuracy 0.5")


def _draw_depth(cases: list[dict[str, Any]], figure: Any) -> None:
    ax = figure.subplots()
    for i, case in enumerate(cases):
        _draw_case(ax, case, case["accuracy"]["layers"], drawing.COLORS[i])
    ax.set_ylim(0, 1)
    drawing.finish(ax, "hidden layers", "accuracy")


def _draw_case(ax: Any, case: dict[str, Any], x: Any, color: str) -> None:
    drawing.points(ax, x, case["accuracy"], color=color, label=f"{case['width']} units")
    ax.plot(x, case["predicted_accuracy"], color=color, linewidth=1)


def _what_widths_have(wanted: list[dict[str, Any]]) -> list[str]:
    entries = "; ".join(
        f"{entry['accuracy']} at {entry['depth']} hidden layer{'s' if entry['depth'] > 1 else ''} "
        f"takes {entry['width']} units, measured {entry['measured']['mean']:.3f}"
        for entry in wanted
    )
    return [
        "The width that an accuracy at a depth needs, by the theory, and the accuracy measured at "
        f"that width: {entries}."
    ] if wanted else []  # fmt: skip


def _present(numbers: dict[str, Any]) -> Section:
    cases = numbers["cases"]
    halves, predicted_halves, at_half = [], [], []
    for case in cases:
        layers = case["accuracy"]["layers"]
        half = half_depth(layers, case["accuracy"]["mean"])
        halves.append(half)
        predicted_halves.append(half_depth(layers, case["predicted_accuracy"]))
        log_signal = np.log(np.array(case["signal"]))
        at_half.append(case["width"] * float(np.exp(np.interp(half, layers, log_signal))))
    widths = np.array([case["width"] for case in cases])
    known = np.isfinite(halves)
    # The narrowest are not yet on the line: their noise is as large as the signal from the start.
    fit = known & (widths >= 256) if np.sum(known & (widths >= 256)) > 1 else known
    if fit.sum() < 2:
        return Section(["Accuracy passes one half for fewer than two widths: nothing to compare."])
    gain = float(np.polyfit(np.log2(widths[fit]), np.array(halves)[fit], 1)[0])
    last = int(np.flatnonzero(known)[-1])
    spread_at_half = [value for value, ok in zip(at_half, fit, strict=True) if ok]
    expected = 1.0 / abs(np.log2(float(slope(fixed_point()))))
    error = max(
        abs(a - b)
        for a, b in zip(halves, predicted_halves, strict=True)
        if np.isfinite(a) and np.isfinite(b)
    )
    collapses = max(spread_at_half) < 2 * min(spread_at_half)
    answer = [
        f"Accuracy is one half at {', '.join(f'{h:.2f}' for h in halves)} hidden layers for "
        f"{', '.join(str(w) for w in widths)} units: each doubling of the width adds {gain:.2f} "
        f"layers, up to {halves[last]:.1f} at {widths[last]} units. In the limit, a signal that "
        "shrinks by the slope of the fixed point and noise that falls like 1/N give "
        f"{expected:.2f} layers. The prediction with the noise model is within {error:.2f} "
        "layers of every measured depth.",
        f"Accuracy is one half where width times the variance between class means at infinite "
        f"width is {min(spread_at_half):.2f} to {max(spread_at_half):.2f}"
        + (
            ": as functions of that product, the curves of all widths coincide. The ratio of "
            "signal to noise decides, not the depth."
            if collapses
            else ", too wide a range for one curve: the curves do not collapse."
        ),
    ]
    wanted = numbers["wanted"]
    answer += _what_widths_have(wanted)
    rows = [
        [case["width"], case["accuracy"]["n_seeds"], half, predicted, product]
        for case, half, predicted, product in zip(
            cases, halves, predicted_halves, at_half, strict=True
        )
    ]
    means = {f"{case['width']} units": case["accuracy"]["mean"] for case in cases}
    pairs = dict(zip(widths.tolist(), zip(halves, predicted_halves, strict=True), strict=True))
    return Section(
        answer,
        [Figure("collapse", "Accuracy of all widths and depths against one product. Points "
                "measured, lines predicted.", partial(_draw_collapse, cases), (5.4, 4.1)),
         Figure("half_depth", "The depth at which accuracy is one half, by width.",
                partial(_draw_half, pairs),
                (5.4, 4.1)),
         Figure("width_depth", "Accuracy by depth and width. Points measured, lines predicted.",
                partial(_draw_depth, cases))],
        [Table("half_depth", "Depth at accuracy 0.5",
               ("width", "seeds", "measured", "predicted", "width x signal there"), rows),
         Table("width_for", "The width for an accuracy at a depth, by the theory, and measured",
               ("hidden layers", "wanted accuracy", "width", "measured", "ci95"),
               [[e["depth"], e["accuracy"], e["width"], e["measured"]["mean"],
                 e["measured"]["ci95"]] for e in wanted]),
         by_depth("width_depth", "Mean accuracy by depth and width",
                  cases[0]["accuracy"]["layers"], means)],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "width",
    "Width against depth",
    "How deep can the network be before the class is lost, and how does this depend on width? "
    "(Itoh 2024, only 784 units)",
    "MNIST, step, 1-bit weights, all images; the depth at accuracy 0.5 interpolated between "
    "depths. Points: means over seeds (number in the table); lines: randprop.theory.",
    _measure,
    _present,
)
