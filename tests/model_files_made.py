"""Model files made byte by byte, without the code that writes them."""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "MODEL",
    "Case",
    "I",
    "Text",
    "U",
    "array",
    "base",
    "changed",
    "each",
    "file_of",
    "member",
    "spell",
]

MODEL = Callable[[dict[str, Any], dict[str, Any]], None]
DTYPES = {
    "|b1": "BOOL", "|u1": "U8", "<u2": "U16", "<u4": "U32", "<u8": "U64", "|i1": "I8",
    "<i2": "I16", "<i4": "I32", "<i8": "I64", "<f2": "F16", "<f4": "F32", "<f8": "F64",
}  # fmt: skip
U, I = np.uint8, np.int64  # noqa: E741


@dataclass(frozen=True)
class Case:
    """A file, whether it is valid, and whether its network is small enough to be run."""

    name: str
    data: bytes
    valid: bool
    runs: bool = True


class Text(str):
    """JSON that stands in a description as it is."""


def spell(value: Any) -> str:
    """Return JSON, with `Text` as it is."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{spell(k)}:{spell(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(spell, value)) + "]"
    return json.dumps(value, allow_nan=False)


def file_of(
    description: Any,
    arrays: dict[str, Any],
    *,
    total: Callable[[str], str] = "{} ".format,
    header: Callable[[dict[str, Any]], Any] = lambda found: found,
    text: Callable[[str], str | bytes] = lambda found: found,
    length: int | None = None,
    order: Callable[[list[str]], list[str]] = sorted,
    tail: bytes = b"",
) -> bytes:
    """Return a file whose sum is right, but for what the arguments change."""
    body, entries = b"", {}
    for name in order(list(arrays)):
        array = arrays[name]
        entries[name] = {
            "dtype": DTYPES[array.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [len(body), len(body) + array.nbytes],
        }
        body += array.tobytes()
    described = spell(description)
    crc = zlib.crc32(described.encode())
    for name in sorted(arrays):
        crc = zlib.crc32(arrays[name].tobytes(), crc)
    entries["__metadata__"] = {"randprop": total(f"{crc:08x}") + described}
    spelled = text(spell(header(entries)))
    raw = spelled if isinstance(spelled, bytes) else spelled.encode()
    size = len(raw) if length is None else length
    return size.to_bytes(8, "little") + raw + body + tail


def base(
    kind: str = "centroids", n_bits: int = 3, n_classes: int = 2
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a description and arrays to change."""
    readout, arrays = {
        "centroids": (
            {"metric": "euclidean"},
            {
                "counts": np.arange(n_classes * n_bits, dtype=U).reshape(n_classes, n_bits) % 4,
                "n_samples": np.full(n_classes, 5, dtype=I),
            },
        ),
        "quantized": (
            {"bits": 4, "offset": 8, "multiplier": 3, "scale": 0.25},
            {
                "codes": np.arange(n_classes * n_bits, dtype=U).reshape(n_classes, n_bits) % 16,
                "bias": np.arange(n_classes, dtype=I),
            },
        ),
        "ridge": (
            {"alpha": 0.5},
            {
                "coef": np.cos(np.arange(n_classes * n_bits)).reshape(n_classes, n_bits),
                "intercept": np.arange(n_classes) / 7,
            },
        ),
        "discriminant": (
            {"alpha": 0.25},
            {
                "coef": np.sin(np.arange(n_classes * n_bits)).reshape(n_classes, n_bits),
                "intercept": np.arange(n_classes) / 9,
            },
        ),
        "neighbors": (
            {"n_neighbors": 2},
            {
                "words": (np.arange(4, dtype=np.uint64) * 3 % 8)[:, None],
                "codes": np.arange(4, dtype=U) % n_classes,
            },
        ),
    }[kind]
    description = {
        "version": 1,
        "network": {
            "n_features": 4,
            "matrices": [n_bits],
            "input_shape": None,
            "weight_bits": 8,
            "activation": "step",
            "seed": "7",
        },
        "input_range": [0, 255],
        "classes": [chr(ord("a") + c) for c in range(n_classes)],
        "readout": {"kind": kind, **readout},
    }
    return description, arrays


def changed(change: MODEL, kind: str = "centroids", **options: Any) -> bytes:
    """Return the base file with its description and arrays changed."""
    description, arrays = copy.deepcopy(base(kind))
    change(description, arrays)
    return file_of(description, arrays, **options)


def each(
    about: str, valid: bool, values: dict[str, Any] | list[Any], change: Callable[..., None],
    kind: str = "centroids", runs: bool = True,
) -> Iterator[Case]:  # fmt: skip
    """A case for each value, set by ``change(description, arrays, value)``."""
    if not isinstance(values, dict):
        values = {spell(value)[:40]: value for value in values}
    for name, value in values.items():
        data = changed(lambda d, a, v=value: change(d, a, v), kind)
        yield Case(f"{about}: {name}", data, valid, runs)


def member(*path: str) -> Callable[..., None]:
    """Return a change that sets one member of the description."""

    def change(description: dict[str, Any], arrays: dict[str, Any], value: Any) -> None:
        owner = description
        for step in path[:-1]:
            owner = owner[step]
        owner[path[-1]] = value

    return change


def array(name: str) -> Callable[..., None]:
    """Return a change that sets one array."""
    return lambda d, a, value: a.update({name: value})
