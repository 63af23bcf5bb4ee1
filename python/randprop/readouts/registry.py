"""Readouts by name. A new one is a class in a file of its own and a line here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from randprop._registry import Registry
from randprop._validation import check_choice, check_int, told
from randprop.readouts.base import Readout
from randprop.readouts.centroids import DISTANCES, Centroids
from randprop.readouts.discriminant import DiscriminantReadout
from randprop.readouts.linear import check_alpha
from randprop.readouts.neighbors import HammingNeighbors
from randprop.readouts.quantized import QuantizedReadout
from randprop.readouts.ridge import RidgeReadout

__all__ = ["READOUTS", "NamedReadout", "label_of", "make_readout", "readout_kinds"]


@dataclass(frozen=True)
class NamedReadout:
    """What a name stands for: a class, arguments that the name fixes, and those beside it."""

    cls: type[Readout]
    fixed: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()


READOUTS: Registry[NamedReadout] = Registry()
READOUTS.add("centroid", NamedReadout(Centroids, options=("metric",)))
READOUTS.add("majority", NamedReadout(Centroids, {"metric": "hamming"}))
READOUTS.add("cosine", NamedReadout(Centroids, {"metric": "cosine"}))
READOUTS.add("knn", NamedReadout(HammingNeighbors, options=("n_neighbors",)))
READOUTS.add("ridge", NamedReadout(RidgeReadout, options=("alpha",)))
READOUTS.add("discriminant", NamedReadout(DiscriminantReadout, options=("alpha",)))


def readout_kinds() -> dict[str, type[Readout]]:
    """Return the class of every kind that a model file may hold."""
    classes: list[type[Readout]] = [QuantizedReadout, *(entry.cls for entry in READOUTS.values())]
    return {cls.kind: cls for cls in classes}


def make_readout(
    readout: str | Readout,
    *,
    metric: str = "euclidean",
    n_neighbors: int = 1,
    alpha: float | str = "auto",
    n_threads: int | None = None,
    argument: str = "readout",
) -> Readout:
    """Return an unfitted readout: of a name of `READOUTS`, ``"knn_3"`` and the like, or as given.

    Of a given one the parameters are taken, and nothing that it was fitted to. Options that a
    readout does not have it does not look at. `argument` is what errors call `readout`.
    """
    if isinstance(readout, Readout):
        made = readout.fresh()
        made.n_threads = n_threads
        return made
    options: dict[str, Any] = {"metric": metric, "n_neighbors": n_neighbors, "alpha": alpha}
    name = readout
    if isinstance(readout, str) and (match := re.fullmatch(r"knn_([1-9]\d{0,3})", readout)):
        name, options["n_neighbors"] = "knn", int(match[1])
    if not isinstance(name, str):
        raise TypeError(
            f"{argument} must be a name or an unfitted readout such as Centroids(), "
            f"got {told(name)}"
        )
    entry = READOUTS.choose(argument, name)
    check_choice("metric", metric, DISTANCES)
    check_int("n_neighbors", n_neighbors, 1, 1000)
    check_alpha(alpha)
    if metric == "cosine" and "metric" not in entry.options:
        raise ValueError(f"metric 'cosine' is for readout 'centroid', got {readout!r}")
    given = {option: options[option] for option in entry.options}
    return entry.cls(**entry.fixed, **given, n_threads=n_threads)  # type: ignore[call-arg]


def label_of(readout: Readout) -> str:
    """Return the shortest name of an unfitted readout: ``centroid``, ``knn_3``, or its repr."""
    fresh = readout.fresh()
    for name, entry in READOUTS.items():
        if type(fresh) is entry.cls:
            usual = entry.cls(**entry.fixed)
            if all(getattr(fresh, p) == getattr(usual, p) for p in fresh.parameters):
                return name
    if isinstance(fresh, HammingNeighbors):
        return f"knn_{fresh.n_neighbors}"
    return repr(fresh)
