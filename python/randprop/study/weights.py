"""Weights of other ranges and shapes, and of fewer bits."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.datasets import load
from randprop.network.own_weights import apply_weights
from randprop.network.step_network import StepNetwork
from randprop.study.accuracy import DEPTHS
from randprop.study.parts import Context, Experiment, Figure, Section, by_depth, curve, spread

__all__ = ["EXPERIMENT"]

_SAMPLES = {"n_train": 10_000, "n_test": 5_000}
_SHAPES = {
    "uniform": "uniform",
    "gaussian": "Gaussian",
    "ternary": "ternary (-1, 0, 1)",
    "cauchy": "Cauchy",
    "orthogonal": "orthogonal",
    "zero_sum": "rows of sum 0",
    "shifted_1": "shifted by 1 %",
    "shifted_5": "shifted by 5 %",
    "fan_in_2": "2 inputs",
    "fan_in_4": "4 inputs",
    "fan_in_16": "16 inputs",
    "fan_in_2_balanced": "2 inputs, + and -",
    "fan_in_4_balanced": "4 inputs, half +",
    "fan_in_16_balanced": "16 inputs, half +",
}
_SCALES = (3, 100, 1000)
_FEW_BITS = (1, 2, 4, 8)


def _measure(context: Context) -> dict[str, Any]:
    result = context.sweep(layers=DEPTHS, weights=list(_SHAPES), **_SAMPLES)
    by_bits = (*_FEW_BITS, 24)
    bits = context.sweep(layers=DEPTHS, weight_bits=list(by_bits), **_SAMPLES)
    differing, scaled = _compare_bits(context)
    return {
        "accuracy": {name: curve(result, weights=name) for name in _SHAPES},
        "accuracy_by_bits": {str(b): curve(bits, weight_bits=b) for b in by_bits},
        "differing_bits": differing,
        "scaled_differing": scaled,
        "n_classes": 10,
    }


def _compare_bits(context: Context) -> tuple[dict[str, Any], dict[str, int]]:
    """Output bits against those of 24-bit weights, and those of weights times a factor."""
    X = load("mnist").X_test[::2]
    differing: dict[str, list[list[float]]] = {str(b): [] for b in _FEW_BITS}
    scaled = dict.fromkeys(map(str, _SCALES), 0)
    for seed in range(context.seeds):
        context.say(f"bits of seed {seed} against 24-bit weights")
        chains = {
            b: StepNetwork(X.shape[1], DEPTHS[-1], weight_bits=b, seed=seed).propagate_all(
                X, n_threads=context.n_threads
            )
            for b in (*_FEW_BITS, 24)
        }
        for b in _FEW_BITS:
            differing[str(b)].append(
                [
                    float(np.bitwise_count(exact.words ^ bits.words).sum()) / (len(X) * bits.n_bits)
                    for exact, bits in zip(chains[24], chains[b], strict=True)
                ]
            )
        network = StepNetwork(X.shape[1], seed=seed)
        bits = network.propagate(X, n_threads=context.n_threads)
        for factor in _SCALES:
            other = apply_weights(X, factor * network.weights(0), n_threads=context.n_threads)
            scaled[str(factor)] += int(np.bitwise_count(other.words ^ bits.words).sum())
    shares_by_bits = {
        b: [spread([chain[i] for chain in chains]) for i in range(len(DEPTHS))]
        for b, chains in differing.items()
    }
    return shares_by_bits, scaled


def _answer(numbers: dict[str, Any]) -> list[str]:
    found = numbers["accuracy"]
    layers = found["uniform"]["layers"]
    at = layers.index(10) if 10 in layers else len(layers) - 1
    start = {name: found[name]["mean"][0] for name in found}
    deep = {name: found[name]["mean"][at] for name in found}
    order = sorted(deep, key=lambda name: -deep[name])
    kept = [name for name in order if deep[name] > deep["uniform"] + 0.05]
    alike = [name for name in order if name != "uniform"
             and max(abs(a - b) for a, b in zip(found[name]["mean"], found["uniform"]["mean"],
                                                strict=True)) < 0.03]  # fmt: skip
    lost = [name for name in order if found[name]["mean"][2] < found["uniform"]["mean"][2] - 0.1]
    different = sum(numbers["scaled_differing"].values())
    by_bits = numbers["accuracy_by_bits"]
    finest = max(by_bits, key=int)
    bit_gap = max(
        abs(a - b)
        for b_name in by_bits
        for a, b in zip(by_bits[b_name]["mean"], by_bits[finest]["mean"], strict=True)
    )
    shares = numbers["differing_bits"]

    def names(keys: list[str]) -> str:
        return ", ".join(_SHAPES[key] for key in keys)

    return [
        "The range does not matter: weights times "
        + ", ".join(numbers["scaled_differing"])
        + (
            " give exactly the same bits."
            if different == 0
            else f" change {different} output bits."
        ),
        f"The shape matters little if weights are independent and symmetric: {names(alike)} stay "
        "within 0.03 of uniform at every depth."
        if alike
        else "No other shape stays within 0.03 of uniform at every depth.",
        f"At {layers[at]} hidden layers dense uniform weights have {deep['uniform']:.3f}. "
        + (
            "More accurate are "
            + ", ".join(f"{_SHAPES[name]} ({deep[name]:.3f})" for name in kept)
            + "."
            if kept
            else "No shape is clearly more accurate."
        )
        + (
            f" Best without a hidden layer: {_SHAPES[max(start, key=lambda n: start[n])]}, "
            f"{max(start.values()):.3f}."
        ),
        (
            f"A mean other than 0 hurts at once: {names(lost)} (of the half width) falls more than "
            "0.1 behind uniform within two hidden layers, because all units then follow the number "
            "of set inputs."
            if lost and all(name.startswith("shifted") for name in lost)
            else f"More than 0.1 behind within two hidden layers: {names(lost)}."
            if lost
            else "No shape falls more than 0.1 behind uniform within two hidden layers."
        ),
        f"Bits of each weight: with 1 to 8 bits, accuracy differs from {finest}-bit weights by at "
        f"most {bit_gap:.3f} at any depth. Yet {100 * shares['1'][0]['mean']:.1f} % of the output "
        "bits of the first matrix differ with 1 bit and "
        f"{100 * shares['8'][0]['mean']:.2f} % with 8 bits, "
        f"and {100 * shares['1'][-1]['mean']:.1f} % and {100 * shares['8'][-1]['mean']:.1f} % "
        f"after matrix {len(shares['1'])}: the bits differ, the information is the same.",
    ]


def _draw_shapes(found: dict[str, Any], figure: Any) -> None:
    dense, sparse = figure.subplots(1, 2, sharey=True)
    for ax, keys in (
        (dense, [k for k in found if not k.startswith("fan")]),
        (sparse, ["uniform", *(k for k in found if k.startswith("fan"))]),
    ):
        for i, key in enumerate(keys):
            values = found[key]
            drawing.band(ax, values["layers"], values, color=drawing.COLORS[i], label=_SHAPES[key])
        ax.set_ylim(0, 1)
        drawing.finish(ax, "hidden layers", "accuracy" if ax is dense else "", fontsize=7.5)


def _draw_bits(shares: dict[str, Any], figure: Any) -> None:
    ax = figure.subplots()
    for i, (b, entries) in enumerate(shares.items()):
        ax.plot(
            range(len(entries)), [entry["mean"] for entry in entries], marker="o", markersize=3.5,
            color=drawing.COLORS[i], label=f"{b} bit" + ("s" if b != "1" else ""),
        )  # fmt: skip
    ax.set_ylim(0, None)
    drawing.finish(ax, "hidden layers", "share of bits unlike those of 24-bit weights")


def _present(numbers: dict[str, Any]) -> Section:
    found, by_bits, shares = (
        numbers[name] for name in ("accuracy", "accuracy_by_bits", "differing_bits")
    )
    layers = found["uniform"]["layers"]
    columns = {f"accuracy, {b} bits": values["mean"] for b, values in by_bits.items()}
    columns |= {f"share unlike, {b} bits": [e["mean"] for e in shares[b]] for b in shares}
    means = {_SHAPES[name]: values["mean"] for name, values in found.items()}
    return Section(
        _answer(numbers),
        [Figure("weights", "Accuracy by depth for dense weights of other shapes (left) and few "
                "inputs per unit (right).", partial(_draw_shapes, found), (9.6, 4.6)),
         Figure("weight_bits", "Output bits that differ from those of 24-bit weights of the same "
                "seed.", partial(_draw_bits, shares))],
        [by_depth("weights", "Mean accuracy by depth and shape of the weights", layers, means),
         by_depth("weight_bits", "Bits of a weight", layers, columns)],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "weights",
    "Weight range and shape",
    "Does it matter how the weights are drawn? (Itoh 2024, one range, uniform; others left open)",
    "MNIST, 784 units, step, depths 0 to 15; 10,000 training and 5,000 test images, evenly spread "
    "over the data. Shapes other than uniform as integers of 8 bits (Cauchy 16), propagated "
    "exactly. 24-bit weights are the network with float32 weights; fewer bits are its most "
    "significant ones.",
    _measure,
    _present,
)
