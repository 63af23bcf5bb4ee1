"""Atheris target: any bytes are a model that `load` reads and that predicts, or a `ValueError`.

The stored sum is set right first: it would keep the fuzzer from getting any further.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as unpack

import randprop
from harness import fuzz
from randprop.model import files

_FOLDER = tempfile.TemporaryDirectory()
_PATH = Path(_FOLDER.name) / "model.safetensors"


def _with_right_sum(data: bytes) -> bytes:
    """Put the sum that the reader computes in front of the description."""
    try:
        arrays = unpack(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        stored = header["__metadata__"]["randprop"]
        total = f"{files._sum(stored.partition(' ')[2], arrays):08x}".encode()
    except (SafetensorError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return data
    return data.replace(stored.partition(" ")[0].encode() + b" ", total + b" ", 1)


def test_one(data: bytes) -> None:
    """Load the bytes, as they are and with the right sum; predict if the network is small."""
    for content in {data, _with_right_sum(data)}:
        _PATH.write_bytes(content)
        try:
            model = randprop.load(_PATH)
        except ValueError as error:
            if not str(error).startswith(str(_PATH)):
                raise
            continue
        network = model.network
        inputs = (network.n_features, *network.widths)
        if sum(a * b for a, b in zip(inputs, network.widths, strict=False)) > 300_000:
            continue
        X = np.full((3, network.n_features), 77, dtype=np.uint8)
        assert np.isin(model.predict(X), model.classes_).all()


if __name__ == "__main__":
    fuzz(test_one)
