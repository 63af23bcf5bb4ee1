"""What the networks for images, series and tables get right, with peers beside them.

Every network is a preset of `StepClassifier`, with nothing chosen on test data. Seconds are of one
run each on all cores, and tell orders of magnitude.
"""

from __future__ import annotations

import os
import statistics
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from accuracy_data import SERIES, TABLES, Parts, images, series, table
from accuracy_peers import Maker, image_peers, mini_rocket, table_peers
from harness import N_THREADS, Bench, main
from randprop import StepClassifier

# Threads of a library that has just worked wait for more, and take the core from the next one.
PAUSE = 0.3

ABOUT = {
    "images": (
        '`StepClassifier(stages="images", width=features, readout=readout)` on one split into '
        "training and test images. Accuracy is the mean over seeds 0, 1, ... Seconds are medians. "
        "The time to solve the readout's equations counts as fitting. Peers get pixels from 0 to "
        "1. Their ridge chooses its penalty on a sixth of the training images. The CNN has two "
        "convolutions of 16 and 32 channels and two dense layers. It is trained by Adam on batches "
        "of 64."
    ),
    "series": (
        '`StepClassifier(stages="series", width=features)` and `MiniRocketClassifier` of aeon '
        "on the splits of the UCR and UEA archives in the package of aeon. Seconds are the sum "
        "over all data sets, with one seed each. Both are compiled beforehand."
    ),
    "tables": (
        '`StepClassifier(stages="table", width=width)` on raw features. Accuracy is the mean '
        "over the folds of every repeat, which are the same for all. Peers get standardised "
        "features, except the forest. The ELM is written for this bench: tanh of normal random "
        "projections and biases, then ridge. ELM, RBFSampler and RidgeClassifier choose the "
        "penalty of ridge by generalised cross-validation."
    ),
    "scales": (
        '`StepClassifier(stages="table", width=width)` finds the range of every feature. So '
        "scaling the features beforehand should change nothing, except by rounding to 8 bits."
    ),
}


@dataclass
class Runs:
    """Accuracies and seconds of one contestant."""

    accuracy: list[float] = field(default_factory=list)
    fit: list[float] = field(default_factory=list)
    predict: list[float] = field(default_factory=list)

    def add(self, classifier: Any, parts: Parts) -> None:
        """Fit and predict once."""
        started = time.perf_counter()
        classifier.fit(parts.X_train, parts.y_train)
        classifier.predict(parts.X_train[:1])  # some solve what they fit when first asked
        fitted = time.perf_counter()
        predicted = classifier.predict(parts.X_test)
        self.predict.append(time.perf_counter() - fitted)
        self.fit.append(fitted - started)
        self.accuracy.append(float(np.mean(predicted == parts.y_test)))

    def row(self) -> dict[str, Any]:
        """Return what a table shows."""
        return {
            "seeds": len(self.accuracy),
            "accuracy": _share(self.accuracy),
            "lowest": f"{min(self.accuracy):.4f}",
            "highest": f"{max(self.accuracy):.4f}",
            "fit, s": statistics.median(self.fit),
            "predict, s": statistics.median(self.predict),
        }


def run(bench: Bench) -> None:
    """Measure images, series and tables."""
    busy = os.getloadavg()[0]
    load = f"At the start, the load of the machine was {busy:.1f} on {N_THREADS} cores."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of peers; what a preset warns of shows in its accuracy
        _images(bench, f"{ABOUT['images']} {load}")
        _series(bench)
        _tables(bench)
        _scales(bench)


def preset(stages: str, width: int, seed: int, **more: Any) -> StepClassifier:
    """Return the network for data of a kind."""
    return StepClassifier(stages=stages, width=width, random_state=seed, n_jobs=N_THREADS, **more)


def measured(make: Maker, seeds: Sequence[int], parts: Parts) -> Runs:
    """Fit and predict with every seed."""
    time.sleep(PAUSE)
    runs = Runs()
    for seed in seeds:
        runs.add(make(seed), parts)
    return runs


def _share(accuracies: Sequence[float]) -> str:
    return f"{statistics.fmean(accuracies):.4f}"


def _images(bench: Bench, about: str) -> None:
    names = ("digits",) if bench.quick else ("mnist", "fashion_mnist", "cifar10", "digits")
    widths = (256,) if bench.quick else (512, 1024, 4096)
    for name in names:
        parts = images(name)
        if isinstance(parts, str):
            bench.table(f"Images: {name}", [{"contestant": "randprop", "note": parts}])
            continue
        n_seeds = 1 if bench.quick else 5 if name == "mnist" else 3
        rows = []
        for width in widths:
            for readout in ("ridge", "discriminant"):

                def make(seed: int, width: int = width, readout: str = readout) -> Any:
                    return preset("images", width, seed, readout=readout)

                runs = measured(make, range(n_seeds), parts)
                rows.append(
                    {"contestant": f"randprop, {width:,} features, {readout}", **runs.row()}
                )
        if bench.quick or name == "mnist":
            rows += _image_peers(bench, parts)
        title = f"Images: {name}, {len(parts.X_train):,} + {len(parts.X_test):,}"
        shape = " x ".join(map(str, parts.X_train.shape[1:]))
        bench.table(f"{title}, {shape}", rows, about if name == names[0] else "")


def _image_peers(bench: Bench, parts: Parts) -> list[dict[str, Any]]:
    rows = []
    peers = image_peers(256, 10, 1) if bench.quick else image_peers(1024, 100, 2)
    for peer_name, (make, n_seeds) in peers.items():
        if isinstance(make, str):
            rows.append({"contestant": peer_name, "note": make})
        else:
            runs = measured(make, range(1 if bench.quick else n_seeds), parts)
            rows.append({"contestant": peer_name, **runs.row()})
    return rows


def _series(bench: Bench) -> None:
    names = ("ItalyPowerDemand",) if bench.quick else tuple(SERIES)
    widths = (500,) if bench.quick else (1000, 10_000)
    n_kernels = 500 if bench.quick else 10_000
    title = f"Time series: accuracy, {'1 seed' if bench.quick else 'mean of 3 seeds'}"
    makers: dict[str, Maker] = {
        f"randprop, {width:,}": lambda seed, width=width: preset("series", width, seed)
        for width in widths
    }
    rocket = mini_rocket(n_kernels)
    note = rocket if isinstance(rocket, str) else ""
    if not isinstance(rocket, str):
        makers[f"MiniRocket, {n_kernels:,}"] = rocket
    rows: list[dict[str, Any]] = []
    found: dict[str, list[Runs]] = {name: [] for name in makers}
    for name in names:
        parts = series(name)
        if isinstance(parts, str):
            note = parts
            break
        if not rows and not isinstance(rocket, str):
            rocket(0).fit(parts.X_train, parts.y_train)  # compiles
        row: dict[str, Any] = {"data": name}
        for contestant, make in makers.items():
            runs = measured(make, range(1 if bench.quick else 3), parts)
            found[contestant].append(runs)
            row[contestant] = _share(runs.accuracy)
        rows.append(row)
    if rows:
        for what in ("mean", "seconds, fit", "seconds, predict"):
            key = what.rpartition(" ")[2]
            row = {"data": what}
            for contestant, several in found.items():
                if what == "mean":
                    row[contestant] = _share([value for runs in several for value in runs.accuracy])
                else:
                    row[contestant] = sum(statistics.median(getattr(r, key)) for r in several)
            rows.append(row)
    bench.table(title, rows or [{"data": ", ".join(names), "note": note}], ABOUT["series"])


def _cross_validated(make: Maker, X: Any, y: Any, n_repeats: int) -> Runs:
    """Return the accuracy on each fold; a repeat is a seed."""
    time.sleep(PAUSE)
    runs = Runs()
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=n_repeats, random_state=0)
    for index, (train, test) in enumerate(folds.split(X, y)):
        runs.add(make(index // 5), Parts(X[train], y[train], X[test], y[test]))
    return runs


def _tables(bench: Bench) -> None:
    names = ("iris",) if bench.quick else (*TABLES, "pima")
    width = 256 if bench.quick else 1024
    n_repeats = 1 if bench.quick else 3
    makers: dict[str, Maker] = {
        "randprop": lambda seed: preset("table", width, seed),
        **table_peers(width, 10 if bench.quick else 100),
    }
    rows: list[dict[str, Any]] = []
    seconds = dict.fromkeys(makers, 0.0)
    for name in names:
        data = table(name)
        if isinstance(data, str):
            rows.append({"data": name, "note": data})
            continue
        row: dict[str, Any] = {"data": f"{name}, {data[0].shape[0]:,} x {data[0].shape[1]}"}
        for contestant, make in makers.items():
            runs = _cross_validated(make, *data, n_repeats)
            row[contestant] = _share(runs.accuracy)
            seconds[contestant] += statistics.median(runs.fit)
        rows.append(row)
    rows.append({"data": "seconds, one fit of each", **seconds})
    repeats = "1 repeat" if n_repeats == 1 else f"{n_repeats} repeats"
    bench.table(f"Tables: accuracy, width {width:,}, 5-fold, {repeats}", rows, ABOUT["tables"])


def _scales(bench: Bench) -> None:
    names = ("wine",) if bench.quick else ("wine", "breast cancer", "pima")
    width = 256 if bench.quick else 1024
    rows: list[dict[str, Any]] = []
    for name in names:
        data = table(name)
        if isinstance(data, str):
            rows.append({"data": name, "note": data})
            continue
        X, y = data
        found = {}
        for how, scaled in (
            ("raw", X),
            ("standardised", StandardScaler().fit_transform(X)),
            ("min-max", MinMaxScaler().fit_transform(X)),
        ):
            runs = _cross_validated(
                lambda seed: preset("table", width, seed), scaled, y, 1 if bench.quick else 3
            )
            found[how] = statistics.fmean(runs.accuracy)
        apart = max(found.values()) - min(found.values())
        shown = {how: f"{value:.4f}" for how, value in found.items()}
        rows.append({"data": name, **shown, "largest difference": f"{apart:.4f}"})
    bench.table("Tables: the same network for raw and for scaled features", rows, ABOUT["scales"])


if __name__ == "__main__":
    main(run)
