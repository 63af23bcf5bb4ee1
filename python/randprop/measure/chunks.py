"""Data cut into chunks, each of which is read where it is computed with.

A chunk goes to a worker as a description of a few KB and is read there, unless the data are in
memory here, or come one block after the other.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from randprop._labels import as_codes, as_labels, distinct
from randprop._validation import check_int, refuse_masked, told
from randprop.bits import BitMatrix
from randprop.features import computed, feature_names, frame_names, is_frame, is_sparse
from randprop.measure.dask_blocks import alone, dask_blocks
from randprop.measure.parquet import is_dataset, open_tables, row_groups, table_names
from randprop.measure.shards import Shard
from randprop.measure.source import Sliced, aligned, describe, file_stamp, is_sliced, is_source
from randprop.measure.travel import Portable
from randprop.model.fixed_scaling import check_features
from randprop.model.model import check_names

__all__ = ["Chunk", "Data"]

Block = tuple[Any, Any]
_ENDINGS = (".npy", ".parquet", ".tar")


@dataclass(frozen=True, eq=False)
class Chunk:
    """Samples that one worker reads and computes with.

    Parameters
    ----------
    content : object with a method read
        Returns (X, y), or gives several such blocks one after the other.
    n_samples : int, optional
        How many there are, where that is known before they are read.
    """

    content: Any
    n_samples: int | None

    def blocks(self) -> Iterator[Block]:
        """Read, and give (X, y) block by block."""
        found = self.content.read()
        if isinstance(found, tuple):
            yield found
        else:
            yield from found


class Data:
    """Data cut into chunks, and what is known of them before they are read.

    Parameters
    ----------
    X, y : object
        As `fit_parallel` takes them.
    n_features : int
        That the network reads.
    chunk_size : int
        Samples of a chunk.
    names : tuple of str, optional
        What the features must be called.

    Attributes
    ----------
    names : tuple of str or None
        What all frames among the chunks call their columns.
    n_samples : int or None
        Of all chunks, where it is known.
    """

    def __init__(
        self, X: Any, y: Any, n_features: int, chunk_size: int, names: tuple[str, ...] | None = None
    ) -> None:
        self._size = check_int("chunk_size", chunk_size, 1, 1 << 31)
        self._n_features = n_features
        self.names = names
        self.n_samples: int | None = None
        self._described: tuple[Any, ...] | None = None
        self._y = y
        refuse_masked("X", X)
        paths = _paths(X)
        if paths is not None:
            self._chunks = self._of_files(paths, y)
        elif is_dataset(X):
            self._chunks = self._of_tables(X, y)
            self._described = tuple(map(file_stamp, X.files))
        elif is_source(X):
            self._chunks = self._of_source(X, X, y)
        elif y is None:
            self._chunks = self._of_blocks(X)
        else:
            self._chunks = self._of_array(X, y)

    def __iter__(self) -> Iterator[Chunk]:
        return iter(self._chunks)

    def described(self) -> str | None:
        """Return a sum that tells these data from others; None of those that are read but once."""
        y = self._y
        if self._described is None:
            return None
        if not (y is None or isinstance(y, str) or hasattr(y, "dask") or is_sliced(y)):
            y = as_labels("y", y, len(y), "X")
        return describe(*self._described, y)

    def _of_blocks(self, X: Any) -> Iterable[Chunk]:
        whole = hasattr(X, "shape") or hasattr(X, "dask") or isinstance(X, BitMatrix)
        if whole or not isinstance(X, Iterable):
            raise TypeError(
                "y must be given, unless X is an iterable of (X, y) parts, "
                f"got {type(X).__name__} and no y"
            )
        return self._checked(X)

    def _checked(self, parts: Iterable[Any]) -> Iterator[Chunk]:
        for number, part in enumerate(parts):
            if not isinstance(part, (tuple, list)) or len(part) != 2:
                raise TypeError(f"part {number} of X must be (X, y), got {type(part).__name__}")
            if is_frame(part[0]):
                self._name(f"part {number} of X", frame_names(part[0]))
            yield Chunk(_Given(*part), None)

    def _name(self, said: str, names: tuple[str, ...] | None) -> None:
        check_names(said, names, self.names)
        self.names = self.names or names

    def _of_files(self, paths: Sequence[Path], y: Any) -> Iterable[Chunk]:
        endings = {path.suffix.lower() for path in paths}
        ending = endings.pop() if len(endings) == 1 else ""
        if len(paths) == 1 and paths[0].is_dir() and any(paths[0].glob("*.parquet")):
            ending = ".parquet"
        if ending not in _ENDINGS:
            listed = ", ".join(_ENDINGS)
            raise ValueError(
                f"X must name files that all end in one of {listed}, or a folder of Parquet files, "
                f"got {told(str(paths[0]))}"
            )
        stamps = [file_stamp(path) for path in paths]
        names = [os.path.abspath(path) for path in paths]
        if ending == ".parquet":
            dataset = open_tables(names)
            stamps = [file_stamp(path) for path in dataset.files]
            chunks = self._of_tables(dataset, y)
        elif ending == ".npy":
            mapped = [np.load(name, mmap_mode="r", allow_pickle=False) for name in names]
            for path, array in zip(names, mapped, strict=True):
                self._check_shape(path, tuple(array.shape))
            self.n_samples = sum(len(array) for array in mapped)
            chunks = self._of_sources([Sliced(array) for array in mapped], y)
        else:
            if y is not None:
                raise ValueError(
                    "y must not be given where X names tar files, which hold the labels"
                )
            chunks = (Chunk(Shard(name, self._size), None) for name in names)
        self._described = tuple(stamps)
        return chunks

    def _of_tables(self, dataset: Any, y: Any) -> Iterable[Chunk]:
        if y is None:
            raise TypeError("y must be given: the name of the column of labels, or the labels")
        label = y if isinstance(y, str) else None
        columns, n_features = table_names(dataset, label)
        if n_features != self._n_features:
            raise ValueError(
                f"X has {n_features} features in {len(columns)} columns, "
                f"the network expects {self._n_features}"
            )
        if len(columns) > 1:
            self._name("X", feature_names(columns))
        pieces = list(row_groups(dataset, columns, label, self._size))
        self.n_samples = sum(rows for _, rows in pieces)
        labels = None if label is not None else self._labels(y, self.n_samples)
        starts = np.cumsum([0, *(rows for _, rows in pieces)]).tolist()
        return (
            Chunk(
                content if labels is None else _Labelled(content, labels.cut(start, start + rows)),
                rows,
            )
            for (content, rows), start in zip(pieces, starts, strict=False)
        )

    def _of_source(self, told_by: Any, source: Any, y: Any) -> Iterable[Chunk]:
        n_samples = check_int("n_samples of X", source.n_samples, 0, 1 << 62)
        n_features = check_int("n_features of X", source.n_features, 0, 1 << 62)
        if n_features != self._n_features:
            raise ValueError(f"X has {n_features} features, the network expects {self._n_features}")
        self.n_samples = n_samples
        self._described = (told_by,)
        return self._of_sources([source], y)

    def _of_sources(self, sources: Sequence[Any], y: Any) -> Iterator[Chunk]:
        """Cut sources that follow each other, whose labels are `y` or come with them."""
        labels = None if y is None else self._labels(y, sum(s.n_samples for s in sources))
        return self._rows(sources, labels)

    def _rows(self, sources: Sequence[Any], labels: _Labels | None) -> Iterator[Chunk]:
        before = 0
        for source in sources:
            opener = Portable(source)
            n_samples = source.n_samples
            size = aligned(source.data if isinstance(source, Sliced) else source, self._size)
            for start in range(0, n_samples, size):
                stop = min(start + size, n_samples)
                some = None if labels is None else labels.cut(before + start, before + stop)
                yield Chunk(_Rows(opener, start, stop, some), stop - start)
            before += n_samples

    def _of_array(self, X: Any, y: Any) -> Iterable[Chunk]:
        if hasattr(X, "dask"):
            if hasattr(X, "columns"):
                self._name("X", feature_names(X.columns))
        elif is_frame(X) or is_sparse(X) or not (hasattr(X, "shape") and hasattr(X, "__getitem__")):
            X, names = check_features("X", X)
            self._name("X", names)
        # Whatever else gives rows by slices is checked chunk by chunk: a look at all of a memmap
        # would read all of it.
        shape = tuple(X.shape)
        self._check_shape("X", shape)
        self._described = (X,)
        if hasattr(X, "dask"):
            if hasattr(X, "chunks") and not math.isnan(shape[0]):
                self.n_samples = int(shape[0])
            return (
                Chunk(_Given(Portable(part), _at_hand(labels)), rows)
                for (part, labels), rows in dask_blocks(X, y)
            )
        if is_sliced(X):
            return self._of_source(X, Sliced(X), y)
        n_samples = self.n_samples = int(X.shape[0])
        labels, size = self._labels(y, n_samples), aligned(X, self._size)
        cuts = ((start, min(start + size, n_samples)) for start in range(0, n_samples, size))
        return (Chunk(_Given(X[a:b], labels.cut(a, b)), b - a) for a, b in cuts)

    def _check_shape(self, name: str, shape: tuple[int, ...]) -> None:
        if not 2 <= len(shape) <= 4 or math.prod(shape[1:]) != self._n_features:
            raise ValueError(f"{name} must have shape (n_samples, {self._n_features}), got {shape}")

    def _labels(self, y: Any, n_samples: int) -> _Labels:
        if hasattr(y, "dask"):
            values = y
        elif hasattr(y, "shape") and len(y.shape) == 1 and is_sliced(y):
            values = Portable(y)  # read by the workers too
        elif isinstance(y, str):
            raise ValueError(f"y is the column name {y!r}, but X is not a set of Parquet files")
        else:
            values = as_labels("y", y, n_samples, "X")
        found = int(y.shape[0]) if hasattr(y, "shape") else len(y)
        if found != n_samples:
            raise ValueError(f"y has {found} labels for {n_samples} samples of X")
        return _Labels(values)


def _paths(X: Any) -> list[Path] | None:
    """Return the paths that X names, if it does."""
    some = [X] if isinstance(X, (str, os.PathLike)) else X
    if not isinstance(some, (list, tuple)) or not some:
        return None
    if not all(isinstance(path, (str, os.PathLike)) for path in some):
        return None
    return [Path(os.fspath(path)) for path in some]


class _Given(NamedTuple):
    """A block that is at hand, and goes to a worker as it is."""

    X: Any
    y: Any

    def read(self) -> Block:
        X = self.X.value if isinstance(self.X, Portable) else self.X
        return X, self.y.read() if isinstance(self.y, (_Codes, _Slice, _Whole)) else self.y


class _Labelled(NamedTuple):
    """What is read without labels, and its labels."""

    content: Any
    y: Any

    def read(self) -> Block:
        return self.content.read()[0], self.y.read()


class _Rows(NamedTuple):
    """Some samples of a source, with their labels, or none where they come with it."""

    source: Portable
    start: int
    stop: int
    y: Any

    def read(self) -> Block:
        found = self.source.value.read(self.start, self.stop)
        if isinstance(found, tuple) != (self.y is None):
            raise ValueError(
                "y must be given, because X has no labels" if self.y is None
                else "y must not be given, because X has labels too"
            )  # fmt: skip
        X, y = found if self.y is None else (found, self.y.read())
        X = computed(X)
        n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
        if n_samples != self.stop - self.start:
            raise ValueError(
                f"X must return {self.stop - self.start} samples for read({self.start}, "
                f"{self.stop}), got {n_samples}"
            )
        return X, y


class _Labels(NamedTuple):
    """Labels of all samples: an array, data of dask, or what workers read for themselves."""

    values: Any

    def cut(self, start: int, stop: int) -> Any:
        if isinstance(self.values, Portable):
            return _Slice(self.values, start, stop)
        if hasattr(self.values, "dask"):
            return _at_hand(alone(self.values[start:stop]))
        return _at_hand(self.values[start:stop])


class _Slice(NamedTuple):
    values: Portable
    start: int
    stop: int

    def read(self) -> Any:
        return self.values.value[self.start : self.stop]


class _Whole(NamedTuple):
    values: Portable

    def read(self) -> Any:
        return computed(self.values.value)


class _Codes(NamedTuple):
    """Labels as positions among those that there are, which are few: a byte each."""

    codes: NDArray[Any]
    classes: NDArray[Any]

    def read(self) -> NDArray[Any]:
        return np.asarray(self.classes[self.codes])


def _at_hand(labels: Any) -> Any:
    return _Whole(Portable(labels)) if hasattr(labels, "compute") else _codes(labels)


def _codes(labels: NDArray[Any]) -> _Codes:
    classes = distinct(labels)
    codes = as_codes(labels, classes)
    return _Codes(codes.astype(np.min_scalar_type(max(0, len(classes) - 1))), classes)
