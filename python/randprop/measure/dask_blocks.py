"""Data of dask in its own blocks: any other cut would read a block for each piece."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from randprop._labels import as_labels

__all__ = ["alone", "dask_blocks"]


class _Block(NamedTuple):
    """Some blocks of an array, with what of its graph they need: all that a worker gets."""

    get: Callable[..., Any]  # that of dask which computes in the thread that calls it
    graph: dict[Any, Any]
    keys: Any
    finish: Callable[..., Any]
    more: tuple[Any, ...]

    def compute(self, scheduler: str) -> Any:
        """Return the array."""
        return self.finish([self.get(self.graph, self.keys)], *self.more)


def dask_blocks(X: Any, y: Any) -> Iterator[tuple[tuple[Any, Any], int | None]]:
    """Give (X, y) block by block, with the number of rows where it is known."""
    of_dask = hasattr(y, "dask")
    if _known(X) and (not of_dask or _known(y)):
        labels = y if of_dask else as_labels("y", y, len(X), "X")
        if len(labels) != len(X):
            raise ValueError(f"y has {len(labels)} labels for {len(X)} samples of X")
        return _of_known(X, labels, of_dask)
    parts, labels = _n_blocks(X), _n_blocks(y) if of_dask else None
    if labels != parts:
        came = type(y).__name__ if labels is None else f"{labels}"
        raise ValueError(
            f"X has {parts} blocks of unknown size: y must be of dask too, with as many blocks, "
            f"got {came}"
        )
    return ((pair, None) for pair in zip(_blocks(X), _blocks(y), strict=True))


def _of_known(X: Any, y: Any, of_dask: bool) -> Iterator[tuple[tuple[Any, Any], int]]:
    starts = np.concatenate([[0], np.cumsum(X.chunks[0])]).tolist()
    if of_dask and y.chunks[0] == X.chunks[0]:
        labels: Iterator[Any] = _blocks(y)
    else:
        labels = (y[a:b] for a, b in pairwise(starts))
    for block, some, (start, stop) in zip(_blocks(X), labels, pairwise(starts), strict=True):
        if stop > start:
            yield (block, alone(some)), stop - start


def _blocks(data: Any) -> Iterator[Any]:
    graph: Any = data.__dask_graph__() if hasattr(data, "chunks") else None
    if not hasattr(graph, "cull"):
        for i in range(_n_blocks(data)):
            yield alone(data.blocks[i] if hasattr(data, "chunks") else data.partitions[i])
        return
    get = sys.modules["dask"].get
    finish, more = data.__dask_postcompute__()
    for keys in data.__dask_keys__():
        asked = set(_flat(keys))
        yield _Block(get, _cut_arrays(dict(graph.cull(asked)), asked), keys, finish, more)


def _flat(keys: Any) -> Iterator[Any]:
    if isinstance(keys, list):
        for key in keys:
            yield from _flat(key)
    else:
        yield keys


def _cut_arrays(graph: dict[Any, Any], asked: set[Any]) -> dict[Any, Any]:
    """Put slices of arrays in memory in place of the arrays: a block needs no more of them.

    `dask.array.from_array` copies a memmap into memory, and gives each block all of it.
    """
    arrays = {key: value for key, value in graph.items() if isinstance(value, np.ndarray)}
    tasks = [task for key, task in graph.items() if key not in arrays]
    if not arrays or not all(hasattr(task, "dependencies") for task in tasks):
        return graph  # of others it is not known what they need
    cut = {}
    for key, task in graph.items():
        whose = getattr(task, "dependencies", ())
        reads = str(getattr(getattr(task, "func", None), "__name__", "")).startswith("getter")
        cut[key] = task(arrays) if reads and whose and arrays.keys() >= set(whose) else task
    used = asked | {key for task in cut.values() for key in getattr(task, "dependencies", ())}
    return {key: value for key, value in cut.items() if key in used}


def alone(data: Any) -> Any:
    """Return a collection of dask without what other blocks need of its graph."""
    if not hasattr(data, "dask"):
        return data
    if not hasattr(data, "chunks"):  # of a frame, dask.optimize takes the first partition
        return data.optimize()
    (found,) = sys.modules["dask"].optimize(data)
    return found


def _n_blocks(data: Any) -> int:
    return int(data.numblocks[0] if hasattr(data, "chunks") else data.npartitions)


def _known(data: Any) -> bool:
    """Whether the sizes of blocks are known: never those of a frame."""
    return hasattr(data, "chunks") and not any(math.isnan(size) for size in data.chunks[0])
