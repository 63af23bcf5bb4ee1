"""Atheris target: any bytes are a model that `load` reads and that predicts, or a `ValueError`.

The reader of C++ takes the same bytes, and its model predicts the same. The stored sum is set right
first: it would keep the fuzzer from getting any further.
"""

from __future__ import annotations

import io
import tempfile
import zlib
from pathlib import Path

import numpy as np

import randprop
import randprop._core as _core
from harness import fuzz
from randprop.model.container import read_container

_FOLDER = tempfile.TemporaryDirectory()
_PATH = Path(_FOLDER.name) / "model.safetensors"


def _with_right_sum(data: bytes) -> bytes:
    """Put the sum that the reader computes in front of the description."""
    try:
        stored, arrays = read_container(io.BytesIO(data), len(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return data
    given, _, text = stored.partition(" ")
    found = zlib.crc32(text.encode())
    for name in sorted(arrays):
        found = zlib.crc32(arrays[name].tobytes(), found)
    return data.replace(f'"{given} '.encode(), f'"{found:08x} '.encode(), 1)


def _cpp_takes(data: bytes) -> bool:
    try:
        _core.read_model(data)
    except ValueError:
        return False
    return True


def test_one(data: bytes) -> None:
    """Load the bytes, as they are and with the right sum; predict if the network is small."""
    for content in {data, _with_right_sum(data)}:
        _PATH.write_bytes(content)
        cpp_takes = _cpp_takes(content)
        try:
            model = randprop.load(_PATH)
        except ValueError as error:
            if not str(error).startswith(str(_PATH)):
                raise
            assert not cpp_takes, error
            continue
        assert cpp_takes
        network = model.network
        inputs = (network.n_features, *network.widths)
        if sum(a * b for a, b in zip(inputs, network.widths, strict=False)) > 300_000:
            continue
        X = np.repeat([[77.0], [0.5], [-1e300]], network.n_features, axis=1)
        predicted = model.predict(X)
        assert np.isin(predicted, model.classes_).all()
        mapped = model.scaling.transform(X)
        mapped = mapped.to_array() if model.scaling.gives_bits else mapped
        assert (_core.read_model_and_map(content, X) == mapped).all()
        # Sums of doubles may differ in the last bits.
        if not model.readout.linear:
            theirs = _core.read_model_and_predict(content, X, 1)
            assert (model.classes_[theirs] == predicted).all()


if __name__ == "__main__":
    fuzz(test_one)
