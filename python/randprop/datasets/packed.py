"""Images that are mostly zero, packed: a bit for each byte, and the bytes that are not zero.

An IDX file of images in gzip takes more bytes and more time to unpack. A file begins with
``RPBYTES1``, the number of images, their height, their width and the number of chunks, 4 bytes
each. Then comes a line for each chunk: its images, its bytes that are not zero, the lengths of its
two streams. Then come the streams, two a chunk: the bits, packed as a `BitMatrix` is, and the
bytes. Both are deflate without a header. All numbers are little-endian. tools/pack_mnist.py writes
such files.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import randprop._core as _core

__all__ = ["MAGIC", "unpack"]

MAGIC = b"RPBYTES1"
_HEAD = struct.Struct("<8s4I")
_LINE = struct.Struct("<4I")
_MOST_THREADS = 8
# No deflate stream expands further (RFC 1951: 258 bytes from 2 bits, less the block's overhead).
_MAX_RATIO = 1032


class _Chunk(NamedTuple):
    n_images: int
    n_values: int
    bits: memoryview  # deflated
    values: memoryview


def unpack(data: bytes, name: str) -> NDArray[np.uint8]:
    """Return the images of a packed file, of shape (n_images, height * width).

    `name` is what errors call it. Raises ValueError where it is no such file or damaged.
    """
    try:
        return _unpack(data)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _unpack(data: bytes) -> NDArray[np.uint8]:
    n_images, n_features, chunks = _read_head(data)
    out = np.empty((n_images, n_features), dtype=np.uint8)
    n_words = -(-n_features // 64)
    ends = list(accumulate((chunk.n_images for chunk in chunks), initial=0))

    def one(number: int) -> None:
        chunk = chunks[number]
        words = _inflate(chunk.bits, 8 * n_words * chunk.n_images).view("<u8")
        _core.place_values(
            words.reshape(chunk.n_images, n_words),
            n_features,
            _inflate(chunk.values, chunk.n_values),
            out[ends[number] : ends[number + 1]],
        )

    _side_by_side(one, len(chunks))
    return out


def _read_head(data: bytes) -> tuple[int, int, list[_Chunk]]:
    """Return the number of images, the bytes of one, and the chunks, which fit the file."""
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError(f"expected {MAGIC!r} at the start, got {data[: len(MAGIC)]!r}")
    if len(data) < _HEAD.size:
        raise ValueError(f"cut short in the header: {len(data)} bytes, expected {_HEAD.size}")
    _, n_images, height, width, n_chunks = _HEAD.unpack_from(data)
    at = _HEAD.size + n_chunks * _LINE.size
    if len(data) < at:
        raise ValueError(f"cut short in the header: {len(data)} bytes, expected {at}")
    lines = list(_LINE.iter_unpack(data[_HEAD.size : at]))
    length = at + sum(sum(line[2:]) for line in lines)
    if len(data) != length:
        problem = "cut short" if len(data) < length else "too long"
        raise ValueError(f"{problem}: the header says {length} bytes, the file has {len(data)}")
    if sum(line[0] for line in lines) != n_images:
        raise ValueError(f"the chunks do not hold {n_images} images")
    n_features = height * width
    if height * width * n_images > _MAX_RATIO * len(data):
        raise ValueError(f"{n_images} images of {height} x {width} are more than it can hold")
    view = memoryview(data)
    chunks = []
    for in_chunk, n_values, *lengths in lines:
        middle, stop = at + lengths[0], at + sum(lengths)
        chunks.append(_Chunk(in_chunk, n_values, view[at:middle], view[middle:stop]))
        at = stop
    return n_images, n_features, chunks


def _inflate(stream: memoryview, size: int) -> NDArray[np.uint8]:
    """Return what a deflate stream holds, which is of a known size."""
    if size > _MAX_RATIO * len(stream):
        raise ValueError(f"cut short: {len(stream)} bytes cannot hold {size}")
    member = zlib.decompressobj(wbits=-15)
    try:
        # One byte more than there should be, so that the end of the stream is read too.
        content = member.decompress(stream, size + 1)
    except zlib.error as error:
        raise ValueError(f"not a valid deflate stream: {error}") from None
    if not member.eof or len(content) != size or member.unused_data:
        raise ValueError(f"a deflate stream does not hold the {size} bytes that it should")
    return np.frombuffer(content, np.uint8)


def _side_by_side(work: Callable[[int], None], count: int) -> None:
    """Call `work` with 0 to count - 1, in a few threads; the first exception is raised here.

    Not by an executor, whose import takes longer than its threads save.
    """
    left = iter(range(count))
    failures: list[BaseException] = []

    def run() -> None:
        try:
            # zlib and the core release the GIL.
            for number in left:
                work(number)
        except BaseException as error:
            failures.append(error)
            for _ in left:  # the others have nothing more to do
                pass

    n_threads = min(_core.available_cpus(), count, _MOST_THREADS)
    threads = [threading.Thread(target=run) for _ in range(n_threads - 1)]
    for thread in threads:
        thread.start()
    run()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
