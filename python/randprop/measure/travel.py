"""How data go to another process: as what opens them there, never as their bytes.

A memory-mapped file goes as its path and where in it the numbers stand, a data set of HDF5 as its
file and name. Whatever else an object is made of goes as pickle has it, so that these two may
stand anywhere in it: in a task graph of dask, in an object of a user.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRAVELS", "Portable", "described", "is_mapped", "mapped_file", "packed", "travels"]

TRAVELS = 10_000  # bytes: what is larger is data, and no description of them


class Portable:
    """An object that is opened once in every process where it is used.

    Parameters
    ----------
    value : object
        Goes to another process as `packed` has it.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self._packed: tuple[bytes, bytes] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self._packed is None:
            # Not found again by another call: the files may be others then.
            self._packed = os.urandom(8), packed(self.value)
        return _opened, self._packed


@lru_cache(maxsize=4)  # what was opened by earlier calls is closed
def _opened(call: bytes, data: bytes) -> Portable:
    return Portable(pickle.loads(data))


def packed(value: Any, limit: int | None = None) -> bytes:
    """Return an object as bytes that `pickle.loads` reads; ValueError beyond `limit` of them."""
    # What a user defines in a script or a notebook, only cloudpickle takes along. Whoever sends
    # anything to other processes by dask or joblib has loaded it.
    cloudpickle = sys.modules.get("cloudpickle") or sys.modules.get("joblib.externals.cloudpickle")
    return _dumped(pickle.Pickler if cloudpickle is None else cloudpickle.Pickler, value, limit)


def described(value: Any) -> bytes:
    """Return an object as bytes that are the same in every process."""
    return _dumped(pickle.Pickler, value, None)


def _dumped(base: Any, value: Any, limit: int | None) -> bytes:
    stream = _Limited(limit)
    _pickler(base)(stream, protocol=5).dump(value)  # which copies no array to write it
    return stream.getvalue()


def travels(value: Any) -> bool:
    """Whether an object goes to another process as little more than a description."""
    try:
        packed(value, TRAVELS)
    except Exception:  # of whatever library it comes from
        return False
    return True


def is_mapped(array: NDArray[Any]) -> bool:
    """Whether another process can map the file that this array shows, and sees the same."""
    try:
        return _reduced_array(array) is not None
    except ValueError:
        return False


def mapped_file(array: NDArray[Any]) -> str | None:
    """Return the path of the file that an array shows, if it is mapped."""
    root = _mapped_root(array)
    return None if root is None else str(root.filename)


class _Limited(io.BytesIO):
    def __init__(self, limit: int | None) -> None:
        super().__init__()
        self._left = limit

    def write(self, data: Any) -> int:
        if self._left is not None:
            self._left -= memoryview(data).nbytes
            if self._left < 0:
                raise ValueError("too large")
        return super().write(data)


@lru_cache(maxsize=2)
def _pickler(base: Any) -> Any:
    class Pickler(base):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            reduced = _reduced(value)
            if reduced is not None:
                return reduced
            other = getattr(super(), "reducer_override", None)
            return NotImplemented if other is None else other(value)

    return Pickler


def _reduced(value: Any) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """Return what opens an object again: a function and its arguments; None of most objects."""
    if isinstance(value, np.ndarray):
        return _reduced_array(value)
    h5py = sys.modules.get("h5py")
    if h5py is not None and isinstance(value, h5py.Dataset):
        return _open_hdf5, (os.path.abspath(value.file.filename), value.name)
    return None


def _reduced_array(array: NDArray[Any]) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    root = _mapped_root(array)
    # Changes of a mapping that copies on write are in no file.
    if root is None or root.mode == "c" or root.filename is None:
        return None
    if array.dtype.hasobject or any(step < 0 for step in array.strides):
        return None
    path = os.path.abspath(root.filename)
    # Of a slice numpy keeps the offset of the whole: what counts is where its numbers stand.
    offset = root.offset + _address(array) - _address(root)
    spans = ((n - 1) * step for n, step in zip(array.shape, array.strides, strict=True))
    length = sum(spans) + array.itemsize if array.size else 0
    _check_same(path, offset, array, length)
    return _open_mapped, (path, array.dtype, array.shape, array.strides, offset, length)


def _mapped_root(array: Any) -> Any:
    """Return the memmap that an array is, or is a view of, which knows the file."""
    root = None
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            root = array
        array = array.base
    return root if isinstance(array, mmap.mmap) else None


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def _check_same(path: str, offset: int, array: NDArray[Any], length: int) -> None:
    """Refuse a file that was taken away or replaced since it was mapped."""
    flat = array.reshape(-1).view(np.uint8) if array.flags.c_contiguous else np.zeros(0, np.uint8)
    some = min(flat.size, 4096)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            ends = []
            for start in (0, flat.size - some):
                file.seek(offset + start)
                ends.append((flat[start : start + some].tobytes(), file.read(some)))
    except OSError as error:
        raise ValueError(
            f"{path}, which is mapped into memory, cannot be opened by workers: {error.strerror}"
        ) from None
    if size < offset + length or any(mapped != found for mapped, found in ends):
        raise ValueError(f"{path} has changed since it was mapped into memory; map it again")


def _open_mapped(
    path: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
    length: int,
) -> NDArray[Any]:
    if not length:
        return np.empty(shape, dtype)
    file = np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=(length,))
    return np.ndarray(shape, dtype, buffer=file, strides=strides)


def _open_hdf5(path: str, name: str) -> Any:
    import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return h5py.File(path, "r")[name]
