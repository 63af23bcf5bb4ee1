"""Thresholds from data without labels, so that hardly a unit is dead whatever the scale of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import randprop._core as _core
from randprop.bits import BitMatrix
from randprop.features import is_sparse
from randprop.network.convolutions import Conv1D
from randprop.network.passes import count_set, ranked_sums, reads_sparse
from randprop.network.stages import Shape, Stage

__all__ = ["calibrated_stages"]

_GOLDEN = 0x9E3779B9
Integers = NDArray[np.int64]
Stages = tuple[Stage, ...]


def calibrated_stages(
    make_core: Callable[[Sequence[Stage]], _core.Network],
    stages: Stages,
    m: int,
    shape: Shape,
    X: Any,
    weight_bits: int,
    n_threads: int,
) -> Stages:
    """Return a chain with thresholds for stage `m` from its input `X`, which has this shape."""
    stage = stages[m]

    def with_thresholds(thresholds: Integers) -> Stages:
        made = replace(stage, bias=0, thresholds=tuple(thresholds.tolist()))
        return (*stages[:m], made, *stages[m + 1 :])

    def count_above(thresholds: Integers) -> Integers:
        core = make_core(with_thresholds(thresholds)[: m + 1])
        return count_set(core, X, m, n_threads, as_sparse=reads_sparse(stages, m))

    core = make_core(stages[: m + 1])
    n_values = n_positions(stage, shape, core.dilations(m)) * X.shape[0]
    if stage.fan_in is not None:
        found = ranked_sums(core, X, m, ranks_of(n_values), n_threads)
        if found.size:
            return with_thresholds(found)
    largest = largest_sum(stage, shape, weight_bits, reads_bytes=not isinstance(X, BitMatrix))
    if stage.fan_in is None and is_sparse(X):
        # Each step of the search goes through the data: far fewer of them where rows are sparse.
        row_sum = int(X.sum(axis=1, dtype=np.int64).max())
        largest = min(largest, row_sum * largest_weight(stage, weight_bits) + 1)
    return with_thresholds(search_thresholds(count_above, n_values, largest))


def search_thresholds(
    count_above: Callable[[Integers], Integers], n_values: Integers, largest: int
) -> Integers:
    """Return a threshold for each unit at a quantile of its sums that its number chooses.

    That of unit i is the ``(a n) >> 32``-th smallest, from 0, of its n sums, with
    ``a = ((i + 1) * 0x9E3779B9) mod 2**32``. It is found by halving: a sum is never stored.

    Parameters
    ----------
    count_above : callable
        How many sums of each unit lie above a threshold.
    n_values : ndarray of shape (n_units,)
        Sums of each unit.
    largest : int
        Above the magnitude of any sum.
    """
    most_above = n_values - ranks_of(n_values) - 1
    # At `low` more sums lie above than may, at `high` no more.
    low = np.full(len(n_values), -largest, dtype=np.int64)
    high = np.full(len(n_values), largest, dtype=np.int64)
    while (high - low > 1).any():
        middle = low + (high - low) // 2
        fits = count_above(middle) <= most_above
        high[fits] = middle[fits]
        low[~fits] = middle[~fits]
    return high


def ranks_of(n_values: Integers) -> Integers:
    """Return of each unit the rank, from 0, of the sum that is its threshold."""
    if int(n_values.max(initial=0)) >= 2**32:
        whole = [((i + 1) * _GOLDEN % 2**32) * n >> 32 for i, n in enumerate(n_values.tolist())]
        return np.array(whole, dtype=np.int64)
    places = np.arange(1, len(n_values) + 1, dtype=np.uint64)
    shares = places * np.uint64(_GOLDEN) % np.uint64(2**32)
    return (shares * n_values.astype(np.uint64) >> np.uint64(32)).astype(np.int64)


def largest_sum(stage: Stage, shape: Shape, weight_bits: int, *, reads_bytes: bool) -> int:
    """Return a number above the magnitude of any sum of a stage."""
    top = 255 if reads_bytes else 1
    if stage.fan_in is not None:
        return top * stage.fan_in + 1
    return top * stage.inputs_a_unit(shape) * largest_weight(stage, weight_bits) + 1


def largest_weight(stage: Stage, weight_bits: int) -> int:
    """Return the largest weight of a stage whose units look at all inputs."""
    return (1 << (stage.weight_bits or weight_bits)) - 1


def n_positions(stage: Stage, shape: Shape, dilations: Integers) -> Integers:
    """Return the positions of each unit's map."""
    if isinstance(stage, Conv1D) and len(dilations):
        return (shape[0] - dilations * (stage.kernel - 1) - 1) // stage.stride + 1
    return np.full(stage.n_units(), stage.n_positions(shape), dtype=np.int64)
