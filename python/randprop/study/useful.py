"""One change at a time, from the paper's network to one that is useful."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.measure.split import load_split
from randprop.network.convolutions import Conv2D
from randprop.network.stages import Dense, Stage
from randprop.network.step_network import StepNetwork
from randprop.study.features import IMAGE, LEVEL, accuracies, binary
from randprop.study.parts import Context, Experiment, Figure, Section, Table, interval, spread
from randprop.study.theory import FEW

__all__ = ["EXPERIMENT"]

# (what changes, stage, binary input, readout): each line changes one thing of the line above.
_Step = tuple[str, Stage, bool, str]
_STEPS: tuple[_Step, ...] = (
    ("the paper's: 784 dense units, class means", Dense(784), False, "class means"),
    ("ridge for class means", Dense(784), False, "ridge"),
    ("4 inputs a unit", Dense(784, fan_in=4), False, "ridge"),
    ("the 4 within 7 x 7 pixels, at 4 x 4 places", Conv2D(49, 7, 7, fan_in=4), False, "ridge"),
    ("counts in 4 x 4 windows", Conv2D(49, 7, fan_in=4, pool=4), False, "ridge"),
    ("binary pixels", Conv2D(49, 7, fan_in=4, pool=4), True, "ridge"),
    ("discriminant for ridge", Conv2D(49, 7, fan_in=4, pool=4), True, "discriminant"),
    ("1,024 features, 2 x 2 windows", Conv2D(256, 7, fan_in=4, pool=2), True, "discriminant"),
    ("4,096 features", Conv2D(1024, 7, fan_in=4, pool=2), True, "discriminant"),
)  # fmt: skip
# The last but one, and one thing of it taken back. At 2 x 2 places patches start at 0 and 14.
_WHOLE: _Step = _STEPS[-2]
_BACK: tuple[_Step, ...] = (
    ("class means", _WHOLE[1], True, "class means"),
    ("no counts: bits at 2 x 2 places", Conv2D(256, 7, 14, fan_in=4), True, "discriminant"),
    ("no patches (and so no counts)", Dense(1024, fan_in=4), True, "discriminant"),
    ("all 49 inputs", Conv2D(256, 7, pool=2), True, "discriminant"),
    ("8-bit pixels", _WHOLE[1], False, "discriminant"),
    ("256 features", Conv2D(64, 7, fan_in=4, pool=2), True, "discriminant"),
)


def _measure(context: Context) -> dict[str, Any]:
    split = load_split("mnist")
    inputs: dict[bool, Any] = {
        False: (split.X_train, split.X_test),
        True: (binary(split.X_train), binary(split.X_test)),
    }
    found: dict[str, list[dict[str, Any]]] = {"steps": [], "back": []}
    for kind, steps in (("steps", _STEPS), ("back", _BACK)):
        for name, stage, binary_input, readout in steps:
            context.say(f"useful networks: {name}")
            network = StepNetwork(784, stages=[stage], input_shape=IMAGE)
            n_features = network.widths[-1]
            runs = []
            for seed in range(min(context.seeds, FEW) if n_features > 1024 else context.seeds):
                network = StepNetwork(784, stages=[stage], input_shape=IMAGE, seed=seed)
                train, test = (
                    network.propagate(X, n_threads=context.n_threads) for X in inputs[binary_input]
                )
                runs.append(
                    accuracies(train, test, split, [readout], n_threads=context.n_threads)[readout]
                )
            found[kind].append({"name": name, "n_features": n_features, **spread(runs)})
    return found


def _draw(steps: list[dict[str, Any]], back: list[dict[str, Any]], figure: Any) -> None:
    axes = figure.subplots(1, 2, sharex=True)
    for ax, entries, color in zip(axes, (steps, back), drawing.COLORS, strict=False):
        y = np.arange(len(entries))[::-1]
        means = [entry["mean"] for entry in entries]
        ax.errorbar(means, y, xerr=[entry["ci95"] or 0.0 for entry in entries], fmt="o",
                    color=color, markersize=5, capsize=2)  # fmt: skip
        for mean, height in zip(means, y, strict=True):
            ax.annotate(f"{mean:.3f}", (mean, height), (0, 6), textcoords="offset points",
                        ha="center", fontsize=8)  # fmt: skip
        ax.set_yticks(y, [entry["name"] for entry in entries], fontsize=8)
        ax.set_ylim(-0.6, len(entries) - 0.2)
        drawing.finish(ax, "accuracy", "", legend=False)
    axes[0].set_title("one change after the other", fontsize=9.5)
    axes[1].set_title("1,024 features, one change taken back", fontsize=9.5)
    low = min(entry["mean"] for entry in (*steps, *back))
    axes[0].set_xlim(np.floor(20 * low - 0.4) / 20, 1.01)


def _present(numbers: dict[str, Any]) -> Section:
    steps, back = numbers["steps"], numbers["back"]
    first, whole, last = steps[0], steps[-2], steps[-1]
    gains = [b["mean"] - a["mean"] for a, b in itertools.pairwise(steps)]
    lost = [whole["mean"] - entry["mean"] for entry in back]
    most, least = (
        int(np.argmax(gains)),
        [steps[i + 1]["name"] for i, g in enumerate(gains) if g < 0],
    )
    worst = sorted(range(len(back)), key=lambda i: -lost[i])
    answer = [
        f"Accuracy rises from {interval(first['mean'], first['ci95'])} to "
        f"{interval(whole['mean'], whole['ci95'])} with {whole['n_features']:,} features, and to "
        f"{interval(last['mean'], last['ci95'])} with {last['n_features']:,}. No weight is "
        "trained. A random network is useful if its units look at few neighbouring pixels, their "
        "bits are counted, and the readout uses the correlations of features."
        if last["mean"] > first["mean"] + 0.1
        else f"Accuracy goes from {first['mean']:.3f} to {last['mean']:.3f}: these changes do not "
        "make the network useful.",
        "One change after the other: "
        + "; ".join(
            f"{entry['name']} {entry['mean']:.3f} ({gain:+.3f})"
            for entry, gain in zip(steps[1:], gains, strict=True)
        )
        + f". The largest step is {steps[most + 1]['name']}"
        + (f"; accuracy falls with: {', '.join(least)}." if least else "; none is a loss."),
        f"The network with {whole['n_features']:,} features, with one change taken back: "
        + "; ".join(f"{back[i]['name']} {back[i]['mean']:.3f} ({-lost[i]:+.3f})" for i in worst)
        + f". The first of these matters most, {back[worst[0]]['name']}"
        + (
            ": for a readout that looks at each feature alone, counts are worth less than the "
            "paper's bits."
            if back[worst[0]]["name"] == "class means" and back[worst[0]]["mean"] < first["mean"]
            else "."
        ),
    ]
    rows = [
        [what, entry["name"], *(entry[key] for key in ("n_features", "mean", "sd", "ci95", "n"))]
        for what, entries in (("added", steps), ("taken back", back))
        for entry in entries
    ]
    return Section(
        answer,
        [Figure("useful", "From the paper's network, one change at a time (left), and the network "
                "of 1,024 features without one of them (right).", partial(_draw, steps, back),
                (11.0, 4.6))],
        [Table("useful", "Accuracy, one change at a time",
               ("change", "what", "features", "mean accuracy", "sd", "ci95", "seeds"), rows)],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "useful",
    "What makes it useful",
    "Which changes make a random network a useful classifier, if only the readout is fitted? "
    "(Itoh 2024, open question 3)",
    f"MNIST, all images, no hidden layer; binary pixels are those above {LEVEL} of 255, units of 4 "
    "inputs have two of weight +1 and two of -1, thresholds are 0; ridge and linear discriminant "
    "in closed form, their alpha by generalised cross-validation. Each line has one change more "
    f"than the one above it; 4,096 features with at most {FEW} seeds.",
    _measure,
    _present,
)
