"""Samples in tar files, as WebDataset keeps them: the files of a sample share a name.

``0001.npy`` or ``0001.png`` beside ``0001.cls``, one sample after the other. A file is read from
its beginning to its end, and never as a whole.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from randprop._extras import need

__all__ = ["Shard"]

_IMAGES = ("png", "jpg", "jpeg", "ppm", "pgm", "webp")
_LABELS = ("cls", "txt")


class Shard(NamedTuple):
    """One tar file, read in blocks of so many samples."""

    path: str
    size: int

    def read(self) -> Iterator[tuple[Any, Any]]:
        """Give features and labels, block by block."""
        X: list[Any] = []
        y: list[Any] = []
        for name, features, label in self._samples():
            if X and features.shape != X[0].shape:
                raise ValueError(
                    f"sample {name!r} of {self.path} has shape {features.shape}, "
                    f"those before it {X[0].shape}"
                )
            X.append(features)
            y.append(label)
            if len(X) == self.size:
                yield np.stack(X), y
                X, y = [], []
        if X:
            yield np.stack(X), y

    def _samples(self) -> Iterator[tuple[str, Any, Any]]:
        import tarfile  # by whoever reads one

        found: dict[str, Any] = {}
        now = ""
        try:
            with tarfile.open(self.path, "r|*") as tar:
                for member in tar:
                    if not member.isfile():
                        continue
                    folder, slash, file = member.name.rpartition("/")
                    stem, _, ending = file.partition(".")
                    if (name := folder + slash + stem) != now and found:
                        yield self._whole(now, found)
                        found = {}
                    now = name
                    opened = tar.extractfile(member)
                    kind = _kind(ending)
                    if opened is None or not kind or (ending == "txt" and "y" in found):
                        continue  # a number tells the class where there is a caption too
                    found[kind] = self._decoded(member.name, ending, opened.read())
        except tarfile.TarError as error:
            raise ValueError(f"{self.path} is not a tar file, or is damaged: {error}") from None
        if found:
            yield self._whole(now, found)

    def _whole(self, name: str, found: dict[str, Any]) -> tuple[str, Any, Any]:
        for kind, endings in (("X", ("npy", *_IMAGES)), ("y", _LABELS)):
            if kind not in found:
                listed = ", ".join(f".{ending}" for ending in endings)
                raise ValueError(f"sample {name!r} of {self.path} must have one of {listed}")
        return name, found["X"], found["y"]

    def _decoded(self, name: str, ending: str, data: bytes) -> Any:
        ending = ending.lower()
        try:
            if ending == "npy":
                return np.load(io.BytesIO(data), allow_pickle=False)
            if ending in _LABELS:
                text = data.decode().strip()
                return int(text) if ending == "cls" else text
            return _image(data)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{name} of {self.path} cannot be read: {error}") from None


def _kind(ending: str) -> str:
    ending = ending.lower()
    if ending in _LABELS:
        return "y"
    return "X" if ending == "npy" or ending in _IMAGES else ""


def _image(data: bytes) -> Any:
    Image = need("PIL.Image", "a tar file of images")
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
