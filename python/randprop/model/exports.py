"""Ways to carry a model elsewhere, by name. A new one is a function in a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from randprop._registry import Registry
from randprop.model.export_c import export_c
from randprop.model.export_onnx import export_onnx
from randprop.model.files import save
from randprop.model.model import Model

__all__ = ["EXPORTS", "Target"]


@dataclass(frozen=True)
class Target:
    """Where a model goes."""

    write: Callable[[Model, Path, NDArray[np.uint8]], object]  # the bytes are for a self-test
    about: str  # what comes of it, for a person
    quantized: bool = False  # whether the readout is always in integers of few bits


EXPORTS: Registry[Target] = Registry()
EXPORTS.add(
    "c",
    Target(
        lambda model, path, images: export_c(model, path, self_test=images),
        "a folder of C99, no stored weights; see its README.md",
        quantized=True,
    ),
)
EXPORTS.add(
    "onnx", Target(lambda model, path, _: export_onnx(model, path), "needs 'randprop[onnx]'")
)
EXPORTS.add("model", Target(lambda model, path, _: save(model, path), "a file for randprop.load"))
