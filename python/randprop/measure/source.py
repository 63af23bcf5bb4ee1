"""Sources: data that are read a chunk at a time, by whoever computes with them.

A source says how many samples it has and of how many features, reads some of them, and goes to
another process as little more than a description, by which it is opened there. What the library
makes sources of itself: a memory-mapped file, data of HDF5 and Zarr, and whatever else has a shape
and gives rows by slices. A user's own class needs no more than `Source` names.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np

from randprop.measure.travel import described, is_mapped, mapped_file, travels

__all__ = [
    "Sliced", "Source", "aligned", "describe", "file_stamp", "is_sliced", "is_source",
]  # fmt: skip


@runtime_checkable
class Source(Protocol):
    """Samples that are read a chunk at a time; it must pickle, and into little.

    An attribute ``description``, of text, is what `describe` goes by, where there is one.
    """

    @property
    def n_samples(self) -> int:
        """How many samples there are."""

    @property
    def n_features(self) -> int:
        """How many features a sample has."""

    def read(self, start: int, stop: int) -> Any:
        """Return samples [start, stop): features, or (features, labels)."""


class Sliced:
    """A source of what has a shape and gives rows by slices.

    Parameters
    ----------
    data : array-like of shape (n_samples, ...)
        A memmap, data of HDF5 or Zarr, or of a class of a user.
    """

    def __init__(self, data: Any) -> None:
        self.data = data

    @property
    def n_samples(self) -> int:
        """How many samples there are."""
        return int(self.data.shape[0])

    @property
    def n_features(self) -> int:
        """How many features a sample has."""
        return math.prod(self.data.shape[1:])

    def read(self, start: int, stop: int) -> Any:
        """Return samples [start, stop)."""
        return self.data[start:stop]


def is_source(X: Any) -> bool:
    """Whether this is a source as it stands."""
    return not hasattr(X, "shape") and isinstance(X, Source)


def is_sliced(X: Any) -> bool:
    """Whether workers can read rows of this by slices for themselves."""
    if isinstance(X, np.ndarray):
        return is_mapped(X)
    if hasattr(X, "__dlpack__"):
        return False  # a tensor of another library, in memory
    return hasattr(X, "shape") and hasattr(X, "__getitem__") and travels(X)


def aligned(data: Any, size: int) -> int:
    """Return about so many rows of a chunk, whole ones of those in which the data are stored.

    A stored chunk is unpacked as a whole, however few of its rows are asked for.
    """
    stored = getattr(data, "shards", None) or getattr(data, "chunks", None)
    if not isinstance(stored, tuple) or not stored or not isinstance(stored[0], int):
        return size
    rows = max(1, stored[0])
    return max(rows, size // rows * rows)


def describe(*data: Any) -> str:
    """Return a sum that tells data from others, the same in every process.

    Of what stands in a file it knows the path, the place in it, the file's size and the time of its
    last change, and not its content; of an array in memory its content.
    """
    total = hashlib.blake2b(digest_size=16)
    for one in data:
        for piece in _told(one):
            total.update(len(piece).to_bytes(8, "little"))
            total.update(piece)
    return total.hexdigest()


def file_stamp(path: str | os.PathLike[str]) -> str:
    """Return what tells a file from others without reading it."""
    found = os.stat(path)
    return f"{os.path.abspath(path)} {found.st_size} {found.st_mtime_ns}"


def _told(data: Any) -> Iterator[Any]:
    text = data if isinstance(data, str) else getattr(data, "description", None)
    if isinstance(text, str):
        yield text.encode()
        return
    shape, dtype = getattr(data, "shape", ""), getattr(data, "dtype", "")
    yield f"{type(data).__name__} {shape} {dtype}".encode()
    h5py = sys.modules.get("h5py")
    if hasattr(data, "dask"):
        yield str(getattr(data, "name", None) or getattr(data, "_name", "")).encode()
    elif h5py is not None and isinstance(data, h5py.Dataset):
        yield f"{data.name} {file_stamp(data.file.filename)}".encode()
    elif hasattr(data, "store") and hasattr(data, "shape"):  # of Zarr
        yield f"{data.store} {getattr(data, 'path', '')}".encode()
    elif isinstance(data, np.ndarray) and is_mapped(data):
        yield described(data)
        yield file_stamp(str(mapped_file(data))).encode()
    elif isinstance(data, np.ndarray) and not data.dtype.hasobject and data.size:
        yield np.ascontiguousarray(data).reshape(-1).view(np.uint8).data
    else:
        yield described(data)
