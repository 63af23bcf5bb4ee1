"""Model files kept in tests/data/models: the format as it was first written.

`python tests/test_golden_models.py` writes them anew, which only a new version of the format asks
for. tests/cpp/test_model.cpp reads them too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers import known_labels, labels_of, random_bytes
from randprop import (
    BinaryScaling,
    Centroids,
    Conv2D,
    HammingNeighbors,
    LinearScaling,
    Model,
    RidgeReadout,
    StepNetwork,
    load,
    save,
)

FOLDER = Path(__file__).parent / "data" / "models"
NETWORK = {"layers": 1, "width": [70, 50], "weight_bits": 4, "seed": 2**64 - 3}
NAMES = (
    "centroids", "cosine", "hamming", "ridge", "neighbors", "quantized", "convolution", "range",
    "ranges", "level",
)  # fmt: skip


def build(name: str) -> Model:
    network = StepNetwork(20, **NETWORK)
    if name == "convolution":
        layers = [Conv2D(3, kernel=3, padding=1), Conv2D(4, kernel=2, stride=2), 40]
        network = StepNetwork(
            60, 2, width=layers, input_shape=(6, 5, 2), activation="sign", weight_bits=1
        )
    readout = {
        "cosine": Centroids(metric="cosine"),
        "hamming": Centroids(metric="hamming"),
        "ridge": RidgeReadout(2.0),
        "neighbors": HammingNeighbors(3),
    }.get(name, Centroids())
    X = random_bytes(5, 60, network.n_features)
    labels = {"cosine": [0.5, 1.25, 3.0], "hamming": [-2, 7, 2**40]}
    y = np.array(labels.get(name, ["a", "b\u00fc", "c"]))[np.arange(60) % 3]
    scaling = {
        "range": LinearScaling(-1.0, 3.0),
        "ranges": LinearScaling(-np.arange(20) / 3, 255 - 7.5 * np.arange(20)),
        "level": BinaryScaling(63.5),
    }.get(name)
    features = scaling.transform(X) if name == "level" else X
    model = Model(network, readout.fit(network.propagate(features), y), scaling=scaling)
    return model.quantize(centroid_bits=5) if name == "quantized" else model


@pytest.mark.parametrize("name", NAMES)
def test_written_then_and_now(tmp_path, name):
    then = load(FOLDER / f"{name}.safetensors")
    expected = known_labels(FOLDER)
    assert labels_of(then) == expected[name]
    assert len(set(expected[name])) > 1
    if name != "ridge":  # solved in float64, whose last bits are the machine's
        save(build(name), tmp_path / "now")
        assert (tmp_path / "now").read_bytes() == (FOLDER / f"{name}.safetensors").read_bytes()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        save(build(name), FOLDER / f"{name}.safetensors")
    lines = [" ".join([name, *labels_of(build(name))]) for name in NAMES]
    (FOLDER / "labels.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
