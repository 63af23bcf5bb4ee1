"""Theory against measurement, and what the width buys."""

from __future__ import annotations

from typing import Any

import numpy as np

from randprop import theory
from randprop.study import _drawing as drawing
from randprop.study._parts import Context, Experiment, Figure, Section, Table, curve
from randprop.study.data import available

__all__ = ["THEORY", "WIDTH"]

_DEPTHS = range(16)
_FEW = 3
# (data set, width, activation, weight bits, most seeds): wide networks differ little by seed.
_CASES = (
    ("mnist", 784, "step", 8, None),
    ("mnist", 784, "sign", 8, None),
    ("mnist", 256, "step", 1, None),
    ("mnist", 1024, "step", 1, None),
    ("mnist", 4096, "step", 1, _FEW),
    ("fashion_mnist", 784, "step", 1, None),
)
_WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
_WIDTHS_FULL = (*_WIDTHS, 8192)
_EXACT_VARIANCE = 0.05
_EXACT_ACCURACY = {784: 0.008}
_EXACT_OTHER = 0.015


def _label(dataset: str, width: int, activation: str) -> str:
    return f"{dataset.replace('_', '-')}, {width} units, {activation}"


def _seeds(context: Context, most: int | None) -> int:
    return context.seeds if most is None or context.full else min(most, context.seeds)


def _cosines(context: Context, dataset: str) -> theory.CosineStatistics:
    if dataset not in context.cosines:
        from randprop import datasets

        context.say(f"cosines of {dataset}")
        context.cosines[dataset] = theory.cosine_statistics(*datasets.load(dataset))
    return context.cosines[dataset]


def _measure_theory(context: Context) -> dict[str, Any]:
    cases, missing = [], []
    for dataset, width, activation, bits, most in _CASES:
        if available(dataset) is not None:
            missing.append(_label(dataset, width, activation))
            continue
        result = context.sweep(
            layers=_DEPTHS,
            dataset=dataset,
            width=width,
            activation=activation,
            weight_bits=bits,
            seeds=_seeds(context, most),
        )
        context.say(f"theory of {_label(dataset, width, activation)}")
        predicted = theory.predict(
            _cosines(context, dataset), _DEPTHS, width, activation=activation
        )
        cases.append(
            {
                "dataset": dataset,
                "width": width,
                "activation": activation,
                "accuracy": curve(result),
                "variance_class_means": curve(result, "variance_class_means"),
                "predicted_accuracy": predicted.accuracy.tolist(),
                "predicted_infinite": predicted.accuracy_infinite.tolist(),
                "predicted_variance": predicted.variance_class_means.tolist(),
                "signal": predicted.signal.tolist(),
            }
        )
    return {
        "cases": cases,
        "missing": missing,
        "fixed_points": {
            name: {
                "fixed_point": theory.fixed_point(name),
                "slope": float(theory.slope(theory.fixed_point(name), name)),
                "depth_scale": theory.depth_scale(name),
            }
            for name in ("step", "sign")
        },
    }


def errors(case: dict[str, Any]) -> tuple[float, float]:
    """Largest error of the accuracy, and relative error of the variance between class means."""
    measured = np.array(case["accuracy"]["mean"])
    variance = np.array(case["variance_class_means"]["mean"])
    return (
        float(np.abs(np.array(case["predicted_accuracy"]) - measured).max()),
        float(np.abs(np.array(case["predicted_variance"]) / variance - 1.0).max()),
    )


def _allowed(case: dict[str, Any]) -> float:
    main = case["dataset"] == "mnist" and case["activation"] == "step"
    return _EXACT_ACCURACY.get(case["width"], _EXACT_OTHER) if main else _EXACT_OTHER


def _present_theory(numbers: dict[str, Any]) -> Section:
    cases = numbers["cases"]
    first = cases[0]
    infinite = first["predicted_infinite"]
    found = {_label(c["dataset"], c["width"], c["activation"]): errors(c) for c in cases}
    held = [name for c, name in zip(cases, found, strict=True) if found[name][0] <= _allowed(c)]
    failed = [name for name in found if name not in held]
    points = numbers["fixed_points"]
    signal = first["signal"]
    answer = [
        f"At infinite width accuracy does not fall with depth: {infinite[0]:.3f} without a hidden "
        f"layer, {infinite[-1]:.3f} at {first['accuracy']['layers'][-1]}, while the variance "
        f"between class means falls from {signal[0]:.1e} to {signal[-1]:.1e}."
        if infinite[-1] >= infinite[0] - 0.01
        else f"Even at infinite width accuracy falls, from {infinite[0]:.3f} to "
        f"{infinite[-1]:.3f}.",
        f"The inner product of two outputs, c, goes to 1 - arccos(c)/pi with every layer, towards "
        f"{points['step']['fixed_point']:.5f} with the slope {points['step']['slope']:.5f}: what "
        "tells classes apart shrinks by that slope a layer, equally for all pairs. At finite width "
        "it sinks into the noise of the units, whose size the depth does not change.",
        f"With no fitted parameter the noise model predicts the accuracy at every depth, 0 to "
        f"{first['accuracy']['layers'][-1]}, within "
        + "; ".join(f"{error:.3f} ({name})" for name, (error, _) in found.items())
        + f". Within the limits set beforehand ({_EXACT_ACCURACY[784]} for MNIST, 784 units, step; "
        f"{_EXACT_OTHER} elsewhere): "
        + ("all of them." if not failed else f"all but {', '.join(failed)}."),
        "The variance between class means is predicted within "
        + "; ".join(f"{100 * error:.1f} % ({name})" for name, (_, error) in found.items())
        + f" (limit for MNIST, 784 units, step: {100 * _EXACT_VARIANCE:.0f} %: "
        + ("kept" if next(iter(found.values()))[1] <= _EXACT_VARIANCE else "missed")
        + ").",
    ]
    if numbers["missing"]:
        answer.append("Not measured, no data: " + "; ".join(numbers["missing"]) + ".")

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        for i, case in enumerate(cases):
            color, name = drawing.COLORS[i], list(found)[i]
            layers = case["accuracy"]["layers"]
            drawing.points(left, layers, case["accuracy"], color=color, label=name)
            left.plot(layers, case["predicted_accuracy"], color=color, linewidth=1.3)
        left.plot(
            first["accuracy"]["layers"],
            infinite,
            color=drawing.MUTED,
            linestyle="--",
            label="mnist, infinite width, step",
        )
        left.set_ylim(0, 1)
        drawing.finish(
            left, "hidden layers", "accuracy (points measured, lines predicted)", fontsize=7.5
        )
        layers = first["accuracy"]["layers"]
        drawing.points(
            right,
            layers,
            first["variance_class_means"],
            color=drawing.COLORS[0],
            label="measured, 784 units",
        )
        right.plot(layers, first["predicted_variance"], color=drawing.COLORS[0], label="predicted")
        right.plot(
            layers, signal, color=drawing.COLORS[1], linestyle="--", label="signal, infinite width"
        )
        right.set_yscale("log")
        drawing.finish(right, "hidden layers", "variance between class means")

    rows = [
        [name, depth, case["accuracy"]["mean"][i], case["predicted_accuracy"][i],
         case["variance_class_means"]["mean"][i], case["predicted_variance"][i]]
        for case, name in zip(cases, found, strict=True)
        for i, depth in enumerate(case["accuracy"]["layers"])
    ]  # fmt: skip
    return Section(
        answer,
        [Figure("theory", "Measured (points, means over seeds) and predicted (lines) accuracy, and "
                "variance between class means.", draw, (9.6, 4.8))],
        [Table("theory", "Measured and predicted", ("network", "hidden layers", "accuracy",
               "predicted", "variance between class means", "predicted"), rows),
         Table("fixed_points", "Fixed points of the kernel maps",
               ("activation", "fixed point", "slope", "depth scale in layers"),
               [[name, *values.values()] for name, values in points.items()])],
    )  # fmt: skip


def _measure_width(context: Context) -> dict[str, Any]:
    widths = _WIDTHS_FULL if context.full else _WIDTHS
    depths = range(31) if context.full else _DEPTHS
    statistics = _cosines(context, "mnist")
    cases = []
    for width in widths:
        result = context.sweep(
            layers=depths,
            width=width,
            weight_bits=1,
            # The widest differ least from seed to seed, and take longest.
            seeds=min(_FEW, context.seeds)
            if width > 4096
            else _seeds(context, _FEW if width == 4096 else None),
        )
        predicted = theory.predict(statistics, depths, width)
        cases.append(
            {
                "width": width,
                "accuracy": curve(result),
                "predicted_accuracy": predicted.accuracy.tolist(),
                "signal": predicted.signal.tolist(),
            }
        )
    return {"cases": cases}


def _present_width(numbers: dict[str, Any]) -> Section:
    cases = numbers["cases"]
    halves, predicted_halves, at_half = [], [], []
    for case in cases:
        layers = case["accuracy"]["layers"]
        half = theory.half_depth(layers, case["accuracy"]["mean"])
        halves.append(half)
        predicted_halves.append(theory.half_depth(layers, case["predicted_accuracy"]))
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
    expected = 1.0 / abs(np.log2(float(theory.slope(theory.fixed_point()))))
    error = max(
        abs(a - b)
        for a, b in zip(halves, predicted_halves, strict=True)
        if np.isfinite(a) and np.isfinite(b)
    )
    collapses = max(spread_at_half) < 2 * min(spread_at_half)
    answer = [
        f"Half accuracy is reached at {', '.join(f'{h:.2f}' for h in halves)} hidden layers for "
        f"{', '.join(str(w) for w in widths)} units: each doubling of the width buys {gain:.2f} "
        f"layers, up to {halves[last]:.1f} at {widths[last]} units. A signal that shrinks "
        "by the slope of the fixed point against noise that falls like 1/N would give "
        f"{expected:.2f} in the end; the prediction with the noise model is within {error:.2f} "
        "layers of every measured depth.",
        f"Accuracy is one half where width times the variance between class means at infinite "
        f"width is {min(spread_at_half):.2f} to {max(spread_at_half):.2f}"
        + (
            ": against that product the curves of all widths fall on one. The signal against the "
            "noise of the width decides, not the depth."
            if collapses
            else ", too wide a range for one curve: the curves do not collapse."
        ),
    ]
    colors = {case["width"]: drawing.COLORS[i] for i, case in enumerate(cases)}

    def draw_collapse(figure: Any) -> None:
        ax = figure.subplots()
        for case in cases:
            x = case["width"] * np.array(case["signal"])
            drawing.points(
                ax, x, case["accuracy"], color=colors[case["width"]], label=f"{case['width']} units"
            )
            ax.plot(x, case["predicted_accuracy"], color=colors[case["width"]], linewidth=1)
        ax.axvline(1.0, color=drawing.MUTED, linestyle=":")
        ax.set_xscale("log")
        ax.set_xlim(1e-4, None)
        ax.set_ylim(0, 1)
        drawing.finish(ax, "width x variance between class means at infinite width", "accuracy")

    def draw_half(figure: Any) -> None:
        ax = figure.subplots()
        ax.plot(widths, halves, "o", color=drawing.COLORS[0], label="measured")
        ax.plot(widths, predicted_halves, color=drawing.COLORS[1], label="predicted")
        ax.set_xscale("log", base=2)
        ax.set_xticks(widths, [str(width) for width in widths])
        ax.minorticks_off()
        ax.set_ylim(0, None)
        drawing.finish(ax, "units of every matrix", "hidden layers at accuracy 0.5")

    def draw_depth(figure: Any) -> None:
        ax = figure.subplots()
        for case in cases:
            layers = case["accuracy"]["layers"]
            drawing.points(
                ax,
                layers,
                case["accuracy"],
                color=colors[case["width"]],
                label=f"{case['width']} units",
            )
            ax.plot(layers, case["predicted_accuracy"], color=colors[case["width"]], linewidth=1)
        ax.set_ylim(0, 1)
        drawing.finish(ax, "hidden layers", "accuracy")

    rows = [
        [case["width"], case["accuracy"]["n_seeds"], half, predicted, product]
        for case, half, predicted, product in zip(
            cases, halves, predicted_halves, at_half, strict=True
        )
    ]
    depth_rows = [
        [layer, *(case["accuracy"]["mean"][i] for case in cases)]
        for i, layer in enumerate(cases[0]["accuracy"]["layers"])
    ]
    return Section(
        answer,
        [Figure("collapse", "Accuracy of all widths and depths against one product. Points "
                "measured, lines predicted.", draw_collapse, (5.4, 4.1)),
         Figure("half_depth", "The depth at which accuracy is one half, by width.", draw_half,
                (5.4, 4.1)),
         Figure("width_depth", "Accuracy by depth and width. Points measured, lines predicted.",
                draw_depth)],
        [Table("half_depth", "Depth at accuracy 0.5",
               ("width", "seeds", "measured", "predicted", "width x signal there"), rows),
         Table("width_depth", "Mean accuracy by depth and width",
               ("hidden layers", *(f"{width} units" for width in widths)), depth_rows)],
    )  # fmt: skip


THEORY = Experiment(
    "theory",
    "Theory",
    "Why does the accuracy fall? (Itoh 2024 observes it and names the variance)",
    "The kernel map of infinite width and a Gaussian model of the noise of finitely many units "
    "(module randprop.theory), from the cosines between images alone, against means over seeds "
    "(at 4,096 units 3 of them but in the full study; 1-bit weights at widths other than 784).",
    _measure_theory,
    _present_theory,
)
WIDTH = Experiment(
    "width",
    "Width against depth",
    "How deep can the network be before the class is lost, and what does the width do? (Itoh 2024, "
    "784 units alone)",
    "MNIST, step, 1-bit weights, all images; the depth at accuracy 0.5 interpolated between "
    "depths. Points: means over seeds (number in the table); lines: randprop.theory.",
    _measure_width,
    _present_width,
)
