"""Other data sets."""

from __future__ import annotations

from typing import Any

import randprop.study.drawing as drawing
from randprop.datasets import load
from randprop.study.accuracy import DEPTHS
from randprop.study.parts import Context, Experiment, Figure, Section, Table, by_depth, curve
from randprop.theory import half_depth

__all__ = ["EXPERIMENT", "available"]

_NAMES = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "cifar10": "CIFAR-10",
}


def available(name: str) -> str | None:
    """None if a data set can be loaded, else why not."""
    try:
        load(name)
    except (OSError, ValueError) as error:
        return str(error).splitlines()[0]
    return None


def _measure(context: Context) -> dict[str, Any]:
    found, missing = {}, {}
    for name in _NAMES:
        why = available(name)
        if why is not None:
            missing[name] = why
            continue
        result = context.sweep(
            layers=DEPTHS, dataset=name, weight_bits=8 if name != "cifar10" else 1
        )
        found[name] = {**curve(result), "baseline": result.rows[0]["baseline_accuracy"]}
    return {"accuracy": found, "missing": missing}


def _present(numbers: dict[str, Any]) -> Section:
    found, missing = numbers["accuracy"], numbers["missing"]
    sentences = []
    for name, values in found.items():
        half = half_depth(values["layers"], values["mean"], values["mean"][0] / 2)
        sentences.append(
            f"{_NAMES[name]}: {values['mean'][0]:.3f} without a hidden layer (raw pixels "
            f"{values['baseline']:.3f}), half of that at {half:.1f} layers, "
            f"{values['mean'][-1]:.3f} at {values['layers'][-1]}."
        )
    if missing:
        sentences.append(
            "Not measured, since the files are not there: "
            + ", ".join(_NAMES[name] for name in missing)
            + "."
        )
    if len(found) > 1:
        ends = [values["mean"][-1] for values in found.values()]
        sentences.append(
            "All fall to chance with depth: it is not a matter of MNIST."
            if max(ends) < 0.15
            else "Not all fall to chance by the last depth."
        )

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
    return Section(
        sentences,
        [Figure("datasets", "Accuracy by depth; dotted: class means of raw pixels.", draw)],
        [by_depth("datasets", "Mean accuracy by depth", first["layers"], means),
         Table("datasets_missing", "Data sets that are not there", ("data set", "reason"),
               [[_NAMES[name], why] for name, why in missing.items()])],
    )  # fmt: skip


EXPERIMENT = Experiment(
    "datasets",
    "Other data",
    "Is it a matter of MNIST? (Itoh 2024, MNIST alone)",
    "Step, as many units as features (784; 3,072 on CIFAR-10, with 1-bit weights there), depths 0 "
    "to 15, all samples.",
    _measure,
    _present,
)
