"""The container of a model file, safetensors: written, and read without believing a word of it.

Written here rather than left to a package whose rules are those of its version: what is valid is
the table in docs/format.md, and the C++ reader (cpp/src/model) takes exactly the same files.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from randprop._validation import told

__all__ = ["DTYPES", "KEY", "NoModelError", "members", "open_regular", "packed", "parse_json",
           "read_container"]  # fmt: skip

KEY = "randprop"
MAX_HEADER = 100_000_000
MAX_FILE = 1 << 40
DTYPES = {
    "BOOL": "b1", "U8": "u1", "U16": "u2", "U32": "u4", "U64": "u8", "I8": "i1", "I16": "i2",
    "I32": "i4", "I64": "i8", "F16": "f2", "F32": "f4", "F64": "f8",
}  # fmt: skip
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


class NoModelError(ValueError):
    """A safetensors file, but of something else."""


# Widest first, so that each array begins at a multiple of its items: the order of safetensors' own
# writer, whose bytes these are.
_ORDER = ("U64", "I64", "F64", "F32", "U32", "I32", "F16", "U16", "I16", "I8", "U8", "BOOL")


def packed(arrays: dict[str, NDArray[Any]], text: str) -> bytes:
    """Return a file of arrays, and of a text as its one entry of metadata.

    Not left to the package safetensors, which ends the process where a daemon thread is in it when
    the interpreter ends.
    """
    names = {dtype: name for name, dtype in DTYPES.items()}
    kinds = {name: names[array.dtype.str[1:]] for name, array in arrays.items()}
    header: dict[str, Any] = {"__metadata__": {KEY: text}}
    body: list[bytes] = []
    place = 0
    for name in sorted(arrays, key=lambda name: (_ORDER.index(kinds[name]), name)):
        array = arrays[name]
        body.append(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        offsets = [place, place + len(body[-1])]
        header[name] = {"dtype": kinds[name], "shape": array.shape, "data_offsets": offsets}
        place = offsets[1]
    head = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    return b"".join([len(head).to_bytes(8, "little"), head, *body])


@contextmanager
def open_regular(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file for reading and give it with its size.

    A FIFO would wait for one who writes, and a device may never end: neither is read from.
    """
    descriptor = os.open(
        path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        state = os.fstat(descriptor)
        if stat.S_ISDIR(state.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(state.st_mode):
            raise ValueError(f"{path} is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            yield file, state.st_size
    finally:
        os.close(descriptor)


def read_container(file: BinaryIO, size: int) -> tuple[str, dict[str, NDArray[Any]]]:
    """Return the entry of the metadata and the arrays of a file of `size` bytes.

    Nothing is read or allocated before the bytes ahead of it account for it.
    """
    if not 8 <= size <= MAX_FILE:
        raise ValueError(f"the file has {size} bytes, expected 8 to 2**40")
    length = int.from_bytes(_exactly(file, 8), "little")
    if length > min(MAX_HEADER, size - 8):
        raise ValueError(f"the header takes {length} bytes, the file has {size}")
    text = _exactly(file, length).decode("utf-8")
    if not text.startswith("{"):
        raise ValueError("its header is not a JSON object")
    header = parse_json(text)
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or KEY not in metadata:
        raise NoModelError
    members("__metadata__", metadata, [KEY])
    if not isinstance(metadata[KEY], str):
        raise ValueError(f"the entry {KEY!r} of __metadata__ is not a string")
    body_size = size - 8 - length
    # Each byte of the body is of one array.
    end, spans = 0, []
    for name, entry in header.items():
        dtype, shape, (first, last) = _entry(entry, body_size)
        spans.append((first, last, name, dtype, shape))
    spans.sort()
    for first, last, *_ in spans:
        if first != end:
            raise ValueError("arrays overlap, or some bytes belong to no array")
        end = last
    if end != body_size:
        raise ValueError("some bytes belong to no array")
    body = _exactly(file, body_size)
    if file.read(1):
        raise ValueError("it grew while it was read")
    arrays = {}
    for first, last, name, dtype, shape in spans:
        found = np.frombuffer(body, np.uint8, last - first, first)
        if dtype == DTYPES["BOOL"] and (found > 1).any():
            raise ValueError(f"array {told(name)} of type BOOL holds other bytes than 0 and 1")
        arrays[name] = found.view(np.dtype(dtype).newbyteorder("<")).reshape(shape)
    return metadata[KEY], arrays


def parse_json(text: str) -> Any:
    """Return the value of a JSON text: of RFC 8259, where Python's parser takes more."""
    value = json.loads(
        text, object_pairs_hook=_object, parse_int=_integer, parse_constant=_no_constant
    )
    if _HALF_A_PAIR.search(text):
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # finds half of a surrogate pair
    return value


def members(
    what: str, found: Any, names: list[str], optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return an object that has these members, and perhaps optional ones, and no others."""
    if not isinstance(found, dict):
        raise ValueError(f"{what} is not an object")
    for name in names:
        found[name]  # a KeyError says which one is not there
    if unknown := sorted(found.keys() - {*names, *optional}):
        raise ValueError(f"{what} has the unknown member {told(unknown[0])}")
    return found


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise ValueError("the file ends too early")
    return data


def _entry(found: Any, body_size: int) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    """Return type, shape and place of an array, which agree."""
    members("the entry of an array", found, ["dtype", "shape", "data_offsets"])
    dtype, shape, offsets = found["dtype"], found["shape"], found["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"an array has the unknown type {told(dtype)}")
    if not _sizes(shape, body_size) or not _sizes(offsets, body_size) or len(offsets) != 2:
        raise ValueError("shape or data_offsets of an array do not fit the file")
    n_bytes = int(DTYPES[dtype][1])
    for length in shape:
        n_bytes *= length
        if n_bytes > body_size:
            raise ValueError("an array is larger than the file")
    if offsets[1] - offsets[0] != n_bytes:
        raise ValueError("the number of bytes of an array does not fit its shape")
    return DTYPES[dtype], tuple(shape), (offsets[0], offsets[1])


def _sizes(found: Any, largest: int) -> bool:
    return isinstance(found, list) and all(
        type(number) is int and 0 <= number <= largest for number in found
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object of the JSON has a name twice")
    return found


def _integer(text: str) -> int | float:
    return -0.0 if text == "-0" else int(text)  # no integer: a size has no sign


def _no_constant(text: str) -> Any:
    raise ValueError(f"the JSON holds {text}")
