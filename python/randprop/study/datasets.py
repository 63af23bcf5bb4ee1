"""Other data sets."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import randprop.study.drawing as drawing
from randprop.datasets import load
from randprop.measure.split import load_split
from randprop.network.convolutions import Conv2D
from randprop.network.stages import Dense, Stage
from randprop.network.step_network import StepNetwork
from randprop.study.accuracy import DEPTHS
from randprop.study.features import IMAGE, LEVEL, READOUTS, accuracies, binary, spreads
from randprop.study.parts import Context, Experiment, Figure, Section, Table, by_depth, curve
from randprop.theory import half_depth

__all__ = ["EXPERIMENT", "available"]

_NAMES = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "cifar10": "CIFAR-10",
}


_COLOUR = (32, 32, 3)
_MOST_WIDE = 3  # seeds of networks of more than 1,024 features
# (data set, binary input, shape, kernel, inputs a unit, bias, windows down and across).
_USEFUL = {
    "mnist": (True, IMAGE, 7, 4, 0, 2),
    "fashion_mnist": (False, IMAGE, 7, 4, 0.1, 4),
    "kmnist": (True, IMAGE, 7, 4, 0, 2),
    "cifar10": (False, _COLOUR, 6, 2, 0.1, 2),
}
_WIDTHS = (1024, 4096)
_PIXELS, _BITS = "raw pixels", "1,024 dense units"


def available(name: str) -> str | None:
    """None if a data set can be loaded, else why not."""
    try:
        load(name)
    except (OSError, ValueError) as error:
        return str(error).splitlines()[0]
    return None


def _stages(name: str) -> dict[str, Stage]:
    _, _, kernel, fan_in, bias, pool = _USEFUL[name]
    stages: dict[str, Stage] = {_BITS: Dense(1024)}
    for width in _WIDTHS:
        conv = Conv2D(width // pool**2, kernel, fan_in=fan_in, bias=bias, pool=pool)
        stages[f"{width:,} counts"] = conv
    return stages


def _networks(context: Context, name: str) -> dict[str, Any]:
    """Return accuracies of pixels, of the paper's features and of useful ones, by readout."""
    split, threads = load_split(name, dims=3), context.n_threads
    context.say(f"readouts of {name}")
    pixels = accuracies(split.X_train, split.X_test, split, n_threads=threads)
    found: dict[str, Any] = {_PIXELS: spreads([pixels])}
    bits = (binary(split.X_train), binary(split.X_test)) if _USEFUL[name][0] else None
    for label, stage in _stages(name).items():
        inputs: Any = (split.X_train, split.X_test)
        if isinstance(stage, Conv2D) and bits is not None:
            inputs = bits
        wide = label == f"{_WIDTHS[-1]:,} counts"
        runs = []
        for seed in range(min(context.seeds, _MOST_WIDE) if wide else context.seeds):
            context.say(f"{label} of {name}, seed {seed}")
            network = StepNetwork(
                split.n_features, stages=[stage], input_shape=_USEFUL[name][1], seed=seed
            )
            train, test = (network.propagate(X, n_threads=threads) for X in inputs)
            runs.append(accuracies(train, test, split, n_threads=threads))
        found[label] = spreads(runs)
    return found


def _measure(context: Context) -> dict[str, Any]:
    found, networks, missing = {}, {}, {}
    for name in _NAMES:
        why = available(name)
        if why is not None:
            missing[name] = why
            continue
        result = context.sweep(
            layers=DEPTHS, dataset=name, weight_bits=8 if name != "cifar10" else 1
        )
        found[name] = {**curve(result), "baseline": result.rows[0]["baseline_accuracy"]}
        networks[name] = _networks(context, name)
    return {"accuracy": found, "networks": networks, "missing": missing}


def _useful(name: str, found: dict[str, Any]) -> str:
    """Say what the network of this data set is worth, against its pixels."""
    pixels, bits = found[_PIXELS], found[_BITS]

    def top(values: dict[str, Any]) -> str:
        return max(READOUTS, key=lambda readout: float(values[readout]["mean"]))

    counts = [values for label, values in found.items() if label not in (_PIXELS, _BITS)]
    best = top(pixels)
    return (
        f"{_NAMES[name]}, useful networks: "
        + ", ".join(
            f"{label} {values[top(values)]['mean']:.3f} ({top(values)}; class means "
            f"{values['class means']['mean']:.3f})"
            for label, values in found.items()
            if label not in (_PIXELS, _BITS)
        )
        + f"; dense units {bits[top(bits)]['mean']:.3f} ({top(bits)}), raw pixels "
        f"{pixels[best]['mean']:.3f} ({best}): "
        + (
            "counts of patches are clearly better than both."
            if min(values[top(values)]["mean"] for values in counts)
            > max(pixels[best]["mean"], bits[top(bits)]["mean"]) + 0.02
            else "counts of patches are hardly better."
        )
    )


def _draw_networks(networks: dict[str, Any], figure: Any) -> None:
    axes = figure.subplots(1, len(networks), sharey=True, squeeze=False)[0]
    for ax, (name, found) in zip(axes, networks.items(), strict=True):
        for i, readout in enumerate(READOUTS):
            entries = [values[readout] for values in found.values()]
            ax.errorbar(np.arange(len(entries)) + 0.15 * (i - 1), [e["mean"] for e in entries],
                        yerr=[e["ci95"] or 0.0 for e in entries], fmt="o", markersize=5, capsize=2,
                        color=drawing.COLORS[i], label=readout)  # fmt: skip
        ax.set_xticks(range(len(found)), [label.replace(" ", "\n", 1) for label in found],
                      fontsize=7.5)  # fmt: skip
        ax.set_title(_NAMES[name], fontsize=9.5)
        first = ax is axes[0]
        drawing.finish(ax, "", "accuracy" if first else "", legend=first, loc="lower right")
    axes[0].set_ylim(0, 1)


def _present(numbers: dict[str, Any]) -> Section:
    found, networks, missing = (numbers[key] for key in ("accuracy", "networks", "missing"))
    sentences = []
    for name, values in found.items():
        half = half_depth(values["layers"], values["mean"], values["mean"][0] / 2)
        sentences.append(
            f"{_NAMES[name]}: {values['mean'][0]:.3f} without a hidden layer (raw pixels "
            f"{values['baseline']:.3f}), half of that at {half:.1f} hidden layers, "
            f"{values['mean'][-1]:.3f} at {values['layers'][-1]}."
        )
    if missing:
        sentences.append(
            "Not measured, because the files were not found: "
            + ", ".join(_NAMES[name] for name in missing)
            + "."
        )
    if len(found) > 1:
        ends = [values["mean"][-1] for values in found.values()]
        sentences.append(
            "All fall to chance with depth: the loss is not special to MNIST."
            if max(ends) < 0.15
            else "Not all fall to chance by the last depth."
        )

    sentences += [_useful(name, values) for name, values in networks.items()]

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        for i, (name, values) in enumerate(found.items()):
            color = drawing.COLORS[i]
            drawing.band(ax, values["layers"], values, color=color, label=_NAMES[name])
            ax.axhline(values["baseline"], color=color, linestyle=":", linewidth=1)
        ax.set_ylim(0, 1)
        drawing.finish(ax, "hidden layers", "accuracy")

    first = next(iter(found.values()))
    means = {_NAMES[name]: values["mean"] for name, values in found.items()}
    rows = [
        [_NAMES[name], label, *(values[r][key] for r in READOUTS for key in ("mean", "ci95")),
         values["ridge"]["n"]]
        for name, by_label in networks.items()
        for label, values in by_label.items()
    ]  # fmt: skip
    return Section(
        sentences,
        [Figure("datasets", "Accuracy by depth; dotted: class means of raw pixels.", draw),
         Figure("datasets_networks", "Pixels, the paper's features and counts of patches, by "
                "readout.", partial(_draw_networks, networks), (3.4 * len(networks), 4.2))],
        [by_depth("datasets", "Mean accuracy by depth", first["layers"], means),
         Table("datasets_networks", "Accuracy without a hidden layer, by features and readout",
               ("data set", "features", *(f"{r}{x}" for r in READOUTS for x in ("", " ci95")),
                "seeds"), rows),
         Table("datasets_missing", "Data sets that are not there", ("data set", "reason"),
               [[_NAMES[name], why] for name, why in missing.items()])],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "datasets",
    "Other data",
    "Is the loss of accuracy special to MNIST? (Itoh 2024, only MNIST)",
    "Step, as many units as features (784; 3,072 on CIFAR-10, with 1-bit weights there), depths 0 "
    "to 15, all samples. Useful networks: counts of 7 x 7 patches, 4 inputs per unit, in 2 x 2 "
    f"windows, of pixels above {LEVEL} (MNIST, KMNIST); in 4 x 4 windows, of 8-bit pixels, "
    "thresholds within 0.1 of the largest sum (Fashion-MNIST); of 6 x 6 patches of three colours, "
    "2 inputs per unit, 2 x 2 windows, the same thresholds (CIFAR-10). Alpha by generalised "
    f"cross-validation; 4,096 features with at most {_MOST_WIDE} seeds.",
    _measure,
    _present,
)
