"""Ways to carry a model elsewhere, by name. A new one is a function in a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    write: Callable[..., object]  # model, path, bytes for a self-test, and its options by name
    about: str  # what comes of it, for a person
    is_folder: bool = False
    quantized: bool = False  # whether the readout is always in integers of few bits
    package: str | None = None  # that it needs beside NumPy
    options: tuple[str, ...] = ()  # of the `randprop export` verb, that it takes and others do not


def _export_c(model: Model, path: Path, images: NDArray[np.uint8], **options: Any) -> Path:
    mapped = model.scaling.transform(images)
    inputs = mapped.to_array() if model.scaling.gives_bits else mapped
    return export_c(model, path, self_test=inputs, **options)


EXPORTS: Registry[Target] = Registry()
EXPORTS.add(
    "c",
    Target(
        _export_c,
        "a folder of C99 code, see its README.md",
        is_folder=True,
        quantized=True,
        options=("name", "arduino"),
    ),
)
EXPORTS.add(
    "onnx",
    Target(
        lambda model, path, _: export_onnx(model, path),
        "an ONNX file, needs 'randprop[onnx]'",
        package="onnx",
    ),
)
EXPORTS.add(
    "model", Target(lambda model, path, _: save(model, path), "a model file for randprop.load")
)
