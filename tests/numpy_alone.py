"""What NumPy alone is enough for, done in a folder: prints as JSON what came of it.

`test_extras.py` compares that with a whole installation; `nox -s package` runs it with the wheel
where nothing else is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import randprop
from randprop.cli import main


def sum_of(*arrays: Any) -> str:
    """Return a sum of arrays or of the files of a folder."""
    found = hashlib.sha256()
    for array in arrays:
        if isinstance(array, Path):
            for path in sorted(array.rglob("*.[ch]")):
                found.update(path.read_bytes())
        else:
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def told(*arguments: str) -> str:
    """Return what the command prints: a table, whose times are left out."""
    out = StringIO()
    # As wide as whatever terminal, so that no line is cut in one process and whole in another.
    with mock.patch.dict(os.environ, COLUMNS="200"), redirect_stdout(out):
        assert main(arguments) == 0
    lines = [line for line in out.getvalue().splitlines() if "second" not in line]
    return "\n".join(line for line in lines if "time" not in line)


def everything(folder: Path) -> dict[str, Any]:
    """Return the results of the README's commands, and of save, load, predict, sweep, export."""
    found: dict[str, Any] = {
        "evaluate --layers 3": told("evaluate", "--layers", "3"),
        "evaluate --stages images": told("evaluate", "--stages", "images"),
    }
    X_train, y_train, X_test, y_test = randprop.datasets.load_mnist()
    network = randprop.StepNetwork(784, 1, width=512, seed=7)
    train, test = network.propagate(X_train), network.propagate(X_test)
    found["bits"] = sum_of(train.words, test.words)
    readouts = {
        "centroid": randprop.Centroids(),
        "neighbors": randprop.HammingNeighbors(),
        "ridge": randprop.RidgeReadout(),
        "ridge of an alpha": randprop.RidgeReadout(alpha=1e-3),
        "discriminant": randprop.DiscriminantReadout(),
    }
    for name, readout in readouts.items():
        model = randprop.Model(network, readout.fit(train[:9000], y_train[:9000]))
        randprop.save(model, folder / "model.safetensors")
        labels = randprop.load(folder / "model.safetensors").predict(X_test[:2000])
        found[name] = sum_of(labels)
        if name != "neighbors":
            few = model.quantize(readout_bits=4)
            found[f"{name} in 4 bits"] = float(few.score(X_test[:2000], y_test[:2000]))
    few_samples = randprop.RidgeReadout().fit(train[:300], y_train[:300])
    found["ridge of few samples"] = sum_of(few_samples.predict(test))
    model = randprop.Model(network, readouts["centroid"])
    found["export c"] = sum_of(randprop.export_c(model, folder / "c"))
    rows = randprop.sweep(layers=[0, 2], width=64, seeds=3, n_train=2000, progress=False)
    found["sweep"] = str(rows)
    found["every name"] = "StepNetwork" in star_names()
    return found


def star_names() -> dict[str, Any]:
    """Return what an import of everything brings."""
    names: dict[str, Any] = {}
    exec("from randprop import *", names)
    return names


if __name__ == "__main__":
    print(json.dumps(everything(Path(sys.argv[1]))))
