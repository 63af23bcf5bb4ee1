"""Convolutions against dense matrices of equal output."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.measure.metrics import metrics
from randprop.measure.split import load_split
from randprop.network.chain import chain
from randprop.network.convolutions import Conv2D
from randprop.network.stages import Dense, Stage
from randprop.network.step_network import StepNetwork
from randprop.readouts.centroids import Centroids
from randprop.study.features import IMAGE, READOUTS, accuracies, binary, majority, spreads
from randprop.study.parts import Context, Experiment, Figure, Section, Table, by_depth, spread

__all__ = ["EXPERIMENT"]

_KERNELS = (3, 5, 7)
_CHANNELS = (1, 4, 16)
_STACKS = ((3, 4), (5, 4), (3, 16))
_STACK_LAYERS = 10
_DENSE_STACK = 4 * 784
_SIZES = (512, 1024)
_WEIGHTS = {"4 inputs": 4, "all inputs": None}
_DENSE, _FORMS = "no patches", ("bits", "majorities", "counts")
_HELPS = 0.01


def _stage(form: str, n_features: int, fan_in: int | None) -> Stage:
    """Return a layer of so many features: dense, or of 7 x 7 patches of all channels at 4 x 4."""
    channels = n_features // 16
    if form == _DENSE:
        return Dense(n_features, fan_in=fan_in)
    if form == "bits":  # patches side by side
        return Conv2D(channels, 7, 7, fan_in=fan_in)
    return Conv2D(channels, 7, fan_in=fan_in, pool=4)


def _measure_features(context: Context) -> dict[str, Any]:
    """Return accuracies by number of features, form, weights and readout."""
    split, threads = load_split("mnist"), context.n_threads
    inputs = binary(split.X_train), binary(split.X_test)
    runs: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for seed in range(context.seeds):
        context.say(f"counts, bits and majorities of seed {seed}")
        for size in _SIZES:
            for weights, fan_in in _WEIGHTS.items():
                kept: list[Any] = []
                for form in (_DENSE, *_FORMS):
                    stage = _stage(form, size, fan_in)
                    network = StepNetwork(784, stages=[stage], input_shape=IMAGE, seed=seed)
                    if form != "counts":  # made of the same counts as the majorities
                        kept = [network.propagate(X, n_threads=threads) for X in inputs]
                    found = [majority(X, network) for X in kept] if form == "majorities" else kept
                    runs.setdefault((str(size), form, weights), []).append(
                        accuracies(found[0], found[1], split, n_threads=threads)
                    )
    features: dict[str, Any] = {}
    for (size_name, form, weights), values in runs.items():
        features.setdefault(size_name, {}).setdefault(form, {})[weights] = spreads(values)
    return features


def _measure(context: Context) -> dict[str, Any]:
    return {**_measure_maps(context), "features": _measure_features(context)}


def _measure_maps(context: Context) -> dict[str, Any]:
    split = load_split("mnist", n_train=4_000, n_test=2_000)
    threads = context.n_threads

    def accuracies(matrices: list[Any], bits: int, seed: int) -> list[float]:
        network = StepNetwork(
            784, len(matrices) - 1, width=matrices, weight_bits=bits, seed=seed, input_shape=IMAGE
        )
        return [
            metrics([Centroids()], train, test, split, n_threads=threads).scored[0].accuracy
            for _, train, test in chain(network, split.X_train, split.X_test, n_threads=threads)
        ]

    def conv(kernel: int, channels: int) -> Conv2D:
        return Conv2D(channels, kernel, padding=kernel // 2)

    single: dict[str, list[float]] = {}
    stacks: dict[str, list[list[float]]] = {}
    for seed in range(context.seeds):
        context.say(f"convolutions of seed {seed}")
        for channels in _CHANNELS:
            for kernel in _KERNELS:
                single.setdefault(f"{kernel} x {kernel}, {channels}", []).append(
                    accuracies([conv(kernel, channels)], 8, seed)[0]
                )
            single.setdefault(f"dense, {channels}", []).append(
                accuracies([784 * channels], 8, seed)[0]
            )
        for kernel, channels in _STACKS:
            stacks.setdefault(f"{kernel} x {kernel}, {channels} channels", []).append(
                accuracies([conv(kernel, channels)] * (_STACK_LAYERS + 1), 8, seed)
            )
        stacks.setdefault(f"dense, {_DENSE_STACK} units", []).append(
            accuracies([_DENSE_STACK] * (_STACK_LAYERS + 1), 1, seed)
        )
    return {
        "single": {name: spread(values) for name, values in single.items()},
        "stacks": {
            name: {
                "layers": list(range(_STACK_LAYERS + 1)),
                **{
                    key: [spread([run[i] for run in runs])[key] for i in range(_STACK_LAYERS + 1)]
                    for key in ("mean", "sd", "ci95")
                },
            }
            for name, runs in stacks.items()
        },
    }


def _patches_help(features: dict[str, Any]) -> list[str]:
    """Say where features of patches beat as many without, of one readout at a time."""
    size = max(features, key=int)
    found = features[size]

    def top(form: str, readout: str) -> float:
        return max(float(entry[readout]["mean"]) for entry in found[form].values())

    gains = {
        (form, readout): top(form, readout) - top(_DENSE, readout)
        for form in _FORMS
        for readout in READOUTS
    }
    helped = {key for key, gain in gains.items() if gain > _HELPS}
    counted = {("counts", readout) for readout in READOUTS if readout != "class means"}
    neither = {key for key in gains if key[0] == "bits" or key[1] == "class means"}
    best = max(gains, key=lambda key: top(*key))
    few, every = (found[best[0]][weights][best[1]]["mean"] for weights in _WEIGHTS)
    return [
        f"Counts, and readouts that use the correlations of features, with {int(size):,} features "
        "of binary pixels. For each readout, units that look at the whole image come first: "
        + "; ".join(
            f"{readout} {top(_DENSE, readout):.3f}, "
            + ", ".join(f"{form} of patches {top(form, readout):.3f}" for form in _FORMS)
            for readout in READOUTS
        )
        + ". "
        + (
            "Patches do not help with single bits or with class means. With counts, and with ridge "
            "or the discriminant, they gain at least "
            f"{min(gains[key] for key in counted):.3f}."
            if counted <= helped and not helped & neither
            else "Patches help nowhere."
            if not helped
            else "Patches help "
            + ", ".join(f"{form} read by {readout}" for form, readout in sorted(helped))
            + "."
        ),
        f"The best, {best[0]} read by {best[1]}, has {few:.3f} with 4 inputs per unit and "
        f"{every:.3f} with all 49: "
        + (
            "few inputs help."
            if few > every + 0.003
            else "few inputs do no harm."
            if few > every - 0.003
            else "few inputs cost something."
        ),
    ]


def _draw_features(features: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots(1, len(features), sharey=True, squeeze=False)[0]
    forms = (_DENSE, *_FORMS)
    for ax, (size, found) in zip(axes, features.items(), strict=True):
        for i, readout in enumerate(READOUTS):
            for weights, style in zip(_WEIGHTS, ("full", "none"), strict=True):
                entries = [found[form][weights][readout] for form in forms]
                ax.errorbar(
                    np.arange(len(forms)) + 0.22 * (i - 1) + (0.06 if style == "none" else -0.06),
                    [entry["mean"] for entry in entries],
                    yerr=[entry["ci95"] or 0.0 for entry in entries],
                    fmt="o", markersize=5, capsize=2, color=drawing.COLORS[i], fillstyle=style,
                    label=f"{readout}, {weights}",
                )  # fmt: skip
        ax.set_xticks(range(len(forms)), ["no patches", *(f"{f} of patches" for f in _FORMS)],
                      fontsize=8)  # fmt: skip
        ax.set_title(f"{int(size):,} features", fontsize=9.5)
        drawing.finish(ax, "", "accuracy" if ax is axes[0] else "", legend=ax is axes[0],
                       fontsize=7.5, loc="lower center", ncols=3)  # fmt: skip
    low = min(e[r]["mean"] for by in features.values() for f in by.values() for e in f.values()
              for r in READOUTS)  # fmt: skip
    axes[0].set_ylim(low - 0.08, 1.0)


def _present(numbers: dict[str, Any]) -> Section:
    single, stacks = numbers["single"], numbers["stacks"]
    best = max((name for name in single if "dense" not in name), key=lambda n: single[n]["mean"])
    dense_best = single["dense, " + best.rsplit(", ", 1)[1]]["mean"]
    dense = next(name for name in stacks if name.startswith("dense"))
    others = [name for name in stacks if name != dense]
    middle = 5
    better = [n for n in others if stacks[n]["mean"][middle] > stacks[dense]["mean"][middle] + 0.02]
    top = max(others, key=lambda n: stacks[n]["mean"][-1])
    answer = [
        f"One layer: the best convolution, {best} channels, reaches {single[best]['mean']:.3f}, "
        f"a dense matrix with as many output bits {dense_best:.3f}: "
        + (
            "patches help class means of bits."
            if single[best]["mean"] > dense_best + 0.01
            else "patches make little difference."
            if abs(single[best]["mean"] - dense_best) <= 0.01
            else "patches do not help class means of bits."
        ),
        f"Stacks, {middle} hidden layers: dense {stacks[dense]['mean'][middle]:.3f}; "
        + ", ".join(f"{name} {stacks[name]['mean'][middle]:.3f}" for name in others)
        + ". "
        + (
            "More accurate than the dense network with as many outputs: " + ", ".join(better) + "."
            if better
            else "No convolution is more accurate than the dense network."
        ),
        f"At {_STACK_LAYERS} hidden layers the best stack, {top}, has "
        f"{stacks[top]['mean'][-1]:.3f}, the dense network {stacks[dense]['mean'][-1]:.3f}.",
        *_patches_help(numbers["features"]),
    ]

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        x = np.arange(len(_CHANNELS))
        for i, kind in enumerate([*(f"{k} x {k}" for k in _KERNELS), "dense"]):
            entries = [single[f"{kind}, {channels}"] for channels in _CHANNELS]
            left.errorbar(
                x + 0.06 * (i - 1.5),
                [entry["mean"] for entry in entries],
                yerr=[entry["ci95"] or 0.0 for entry in entries],
                fmt="o", markersize=5, capsize=2, color=drawing.COLORS[i], label=kind,
            )  # fmt: skip
        left.set_xticks(x, [str(784 * channels) for channels in _CHANNELS])
        left.set_ylim(0.6, 0.9)
        right.set_ylim(0, 1)
        drawing.finish(left, "output bits of one layer", "accuracy", loc="lower right")
        for i, name in enumerate(stacks):
            drawing.band(right, stacks[name]["layers"], stacks[name], color=drawing.COLORS[i],
                         label=name, linestyle="--" if name == dense else "-")  # fmt: skip
        drawing.finish(right, "hidden layers", "accuracy")

    means = {name: values["mean"] for name, values in stacks.items()}
    return Section(
        answer,
        [Figure("convolution", "One layer of convolutions, and dense matrices with as many "
                "outputs (left). Stacks (right).", draw, (9.6, 4.4)),
         Figure("convolution_features", "One layer with the same number of features, by kind of "
                "feature and readout. Filled: 4 inputs per unit; open: all inputs.",
                partial(_draw_features, numbers["features"]), (10.4, 4.6))],
        [Table("convolution_single", "One layer: kernel, channels (784 output bits each)",
               ("layer", "mean accuracy", "sd", "ci95"),
               [[name, e["mean"], e["sd"], e["ci95"]] for name, e in single.items()]),
         by_depth("convolution_stacks", "Stacks: mean accuracy by depth",
                  stacks[dense]["layers"], means),
         Table("convolution_features", "As many features, binary pixels, by form and readout",
               ("features", "form", "inputs a unit", *(f"{r}{x}" for r in READOUTS
                                                       for x in ("", " ci95"))),
               [[int(size), form, weights,
                 *(e[r][key] for r in READOUTS for key in ("mean", "ci95"))]
                for size, found in numbers["features"].items()
                for form, by_weights in found.items() for weights, e in by_weights.items()])],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "convolution",
    "Convolution",
    "What do convolutions do, instead of full matrices? (Itoh 2024, left open)",
    "MNIST, step, 8-bit weights (1-bit in the dense stack), stride 1, padded to keep 28 x 28; "
    "4,000 training and 2,000 test images, evenly spread; class means of all output bits. As many "
    "features: all images, binary pixels (above 63), 7 x 7 patches: bits at 4 x 4 places that do "
    "not overlap, counts in 4 x 4 windows of all places, or whether more than half of a window is "
    "set.",
    _measure,
    _present,
)
