"""Convolutions against dense matrices of equal output."""

from __future__ import annotations

from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.measure.metrics import metrics
from randprop.measure.split import load_split
from randprop.network.chain import chain
from randprop.network.convolutions import Conv2D
from randprop.network.step_network import StepNetwork
from randprop.readouts.centroids import Centroids
from randprop.study.parts import Context, Experiment, Figure, Section, Table, by_depth, spread

__all__ = ["EXPERIMENT"]

_KERNELS = (3, 5, 7)
_CHANNELS = (1, 4, 16)
_IMAGE = (28, 28, 1)
_STACKS = ((3, 4), (5, 4), (3, 16))
_STACK_LAYERS = 10
_DENSE_STACK = 4 * 784


def _measure(context: Context) -> dict[str, Any]:
    split = load_split("mnist", n_train=4_000, n_test=2_000)
    threads = context.n_threads

    def accuracies(matrices: list[Any], bits: int, seed: int) -> list[float]:
        network = StepNetwork(
            784, len(matrices) - 1, width=matrices, weight_bits=bits, seed=seed, input_shape=_IMAGE
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
        f"a dense matrix of as many output bits {dense_best:.3f}: "
        + (
            "looking at patches helps."
            if single[best]["mean"] > dense_best + 0.01
            else "looking at patches makes little difference."
            if abs(single[best]["mean"] - dense_best) <= 0.01
            else "looking at patches does not help."
        ),
        f"Stacks, {middle} hidden layers: dense {stacks[dense]['mean'][middle]:.3f}; "
        + ", ".join(f"{name} {stacks[name]['mean'][middle]:.3f}" for name in others)
        + ". "
        + (
            "Convolutions keep more than the dense network of equal output: "
            + ", ".join(better)
            + "."
            if better
            else "No convolution keeps more than the dense network."
        ),
        f"At {_STACK_LAYERS} hidden layers the best stack, {top}, has "
        f"{stacks[top]['mean'][-1]:.3f}, the dense network {stacks[dense]['mean'][-1]:.3f}.",
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
        [Figure("convolution", "One layer of convolutions and dense matrices of equal output "
                "(left), stacks (right).", draw, (9.6, 4.4))],
        [Table("convolution_single", "One layer: kernel, channels (784 output bits each)",
               ("layer", "mean accuracy", "sd", "ci95"),
               [[name, e["mean"], e["sd"], e["ci95"]] for name, e in single.items()]),
         by_depth("convolution_stacks", "Stacks: mean accuracy by depth",
                  stacks[dense]["layers"], means)],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "convolution",
    "Convolution",
    "What do convolutions in place of full matrices do? (Itoh 2024, left open)",
    "MNIST, step, 8-bit weights (1-bit in the dense stack), stride 1, padded to keep 28 x 28; "
    "4,000 training and 2,000 test images, evenly spread. Class means of all output bits.",
    _measure,
    _present,
)
