"""Gzip files, unpacked a block at a time: who reads says how much it wants.

Time and memory are linear in what is read, whatever the file states and however many members it
has.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

__all__ = ["Inflated", "inflate"]

_LEAST_IN, _MOST_IN = 1 << 8, 1 << 16
_MOST_OUT = 1 << 18


def inflate(data: bytes | memoryview) -> Iterator[bytes]:
    """Give what a gzip file holds, member after member, at most 256 KiB at a time.

    Zeros may follow the last member, as with gzip itself. Raises ValueError where the file is
    damaged or cut short, or holds anything else behind the last member.
    """
    view = memoryview(data)
    at = 0
    while at < len(view):
        if at and not view[at] and not any(bytes(view[at:])):
            return
        member = zlib.decompressobj(wbits=31)
        step = _LEAST_IN  # a file of nothing but empty members is not copied for each of them
        while not member.eof:
            if at >= len(view):
                raise ValueError(f"the gzip file is cut short at byte {at}")
            block: bytes | memoryview = view[at : at + step]
            at += len(block)
            step = min(4 * step, _MOST_IN)
            while block:
                try:
                    part = member.decompress(block, _MOST_OUT)
                except zlib.error as error:
                    raise ValueError(f"not a valid gzip file: {error}") from None
                if part:
                    yield part
                block = member.unconsumed_tail
        at -= len(member.unused_data)


class Inflated(io.RawIOBase):
    """What a gzip file holds as a file to be read, of `most` bytes; more is a ValueError."""

    def __init__(self, data: bytes, most: int) -> None:
        self._blocks = inflate(data)
        self._left = most
        self._block = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill some of the buffer; 0 at the end."""
        if not self._block:
            self._block = memoryview(next(self._blocks, b""))
            self._left -= len(self._block)
            if self._left < 0:
                raise ValueError("unpacks to more bytes than are allowed")
        count = min(len(buffer), len(self._block))
        buffer[:count] = self._block[:count]
        self._block = self._block[count:]
        return count
