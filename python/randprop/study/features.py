"""Networks whose features are read by more than class means: inputs, features, accuracies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop.bits import BitMatrix, Features
from randprop.measure.metrics import metrics
from randprop.measure.split import Split
from randprop.network.chain import chain
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Readout
from randprop.readouts.centroids import Centroids
from randprop.readouts.discriminant import DiscriminantReadout
from randprop.readouts.ridge import RidgeReadout
from randprop.study.parts import spread

__all__ = [
    "IMAGE", "LEVEL", "READOUTS", "accuracies", "accuracies_by_depth", "binary", "curve_of",
    "majority", "spreads",
]  # fmt: skip

IMAGE = (28, 28, 1)
LEVEL = 63  # a pixel above it is set: a quarter of the range
READOUTS: Mapping[str, type[Readout]] = {
    "class means": Centroids,
    "ridge": RidgeReadout,
    "discriminant": DiscriminantReadout,
}


def binary(X: NDArray[np.uint8]) -> BitMatrix:
    """Return the pixels that are above a quarter of the range."""
    return BitMatrix.from_array((X > LEVEL).astype(np.uint8))


def accuracies(
    train: Features,
    test: Features,
    split: Split,
    readouts: Iterable[str] = READOUTS,
    *,
    n_threads: int | None = None,
) -> dict[str, float]:
    """Return what each readout gets right of the features of a split."""
    names = list(readouts)
    fresh = [READOUTS[name](n_threads=n_threads) for name in names]  # type: ignore[call-arg]
    found = metrics(fresh, train, test, split, n_threads=n_threads).scored
    return {name: scored.accuracy for name, scored in zip(names, found, strict=True)}


def accuracies_by_depth(
    network: StepNetwork,
    train: Features,
    test: Features,
    split: Split,
    *,
    n_threads: int | None = None,
) -> list[float]:
    """Return what class means get right behind each stage."""
    return [
        metrics([Centroids()], one, other, split, n_threads=n_threads).scored[0].accuracy
        for _, one, other in chain(network, train, test, n_threads=n_threads)
    ]


def majority(counts: NDArray[np.uint8], network: StepNetwork) -> BitMatrix:
    """Return, for the counts of a last stage, whether more than half of each window is set."""
    stage: Any = network.stages[-1]
    rows, columns, channels = network.shapes[-1]
    height, width, _ = type(stage)(
        stage.channels, stage.kernel, stage.stride, stage.padding
    ).output_shape(network.shapes[-2])
    sizes = np.outer(*(
        np.diff([j * size // grid for j in range(grid + 1)])
        for size, grid in ((height, rows), (width, columns))
    ))  # fmt: skip
    positions = np.repeat(sizes.ravel(), channels)
    return BitMatrix.from_array((2 * counts.astype(np.int64) > positions).astype(np.uint8))


def spreads(runs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return mean and spread over seeds of what each run has by name."""
    return {name: spread([run[name] for run in runs]) for name in runs[0]}


def curve_of(runs: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return accuracies by depth, a list a seed, as `parts.curve` does those of a sweep."""
    found = [spread(values) for values in zip(*runs, strict=True)]
    return {
        "layers": list(range(len(found))),
        **{key: [entry[key] for entry in found] for key in ("mean", "sd", "ci95")},
        "n_seeds": len(runs),
    }
