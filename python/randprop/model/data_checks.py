"""Whether data suit a network whose features share one range and whose threshold is 0.

Nothing here changes a result. What is looked at is bounded, however large the data: units are
counted exactly, features by some samples, evenly spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

import randprop._core as _core
from randprop._validation import check_threads
from randprop._warnings import warn_data
from randprop.bits import BitMatrix, Features
from randprop.model.fixed_scaling import AS_BYTES, FixedScaling
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Readout, from_core
from randprop.readouts.summing import SummingReadout

__all__ = ["DataWatch", "UnitCounts", "check_fitted", "check_table"]

_ROWS = 512  # samples that are looked at
_COLUMNS = 1 << 13  # features
_VALUES = 1 << 19  # both together
_LEAST = 32  # samples; of fewer nothing is said
_FEW = 8  # levels of the 256 that are few
_PROBE = 256  # units that stand for those of any network
# How much farther than any training sample is far from all of them: in squares, of the median of a
# batch and of one sample, which may be an outlier.
_FAR, _FAR_ALONE, _BATCH = 1.5, 6.0, 8
_SMALL = 1e-3  # of the energy of the smallest training sample: 3 % of its size
_CURE = (
    'scale each feature, as stages="table" does by itself (see "Scale and range" in the '
    "documentation of your own data)"
)


class DataWatch:
    """What the training data of one fit looked like, part by part, and what was said of them.

    Parameters
    ----------
    scaling : FixedScaling
        What maps features.
    plain : bool
        Whether the network is the paper's: one range, thresholds 0.
    """

    plain = True  # of what an older release has pickled

    def __init__(self, scaling: FixedScaling, *, plain: bool = True) -> None:
        self.scaling = scaling
        self.plain = plain
        self._ones: NDArray[np.int64] | int = 0  # by unit: see _changed
        self._first = np.zeros(0, dtype=np.uint8)  # of counts
        self._n_samples = 0
        self._usual = _Usual()
        self._news: list[str] = []
        self._said: set[str] = set()

    def units(self, n_threads: int | None = 1) -> UnitCounts:
        """Return what counts the outputs of a part that is to be added."""
        return UnitCounts(self._first if self._n_samples else None, n_threads)

    def with_part(self, X: Any, bits: Features | UnitCounts) -> DataWatch:
        """Return a watch that has seen this part too: features, and what came of them."""
        after = copy(self)
        after._said = set(self._said)
        if isinstance(bits, UnitCounts):
            units = bits
        else:
            units = self.units()
            units.add(bits)
        if not self._n_samples:
            after._first = units.first
        after._ones = self._ones + units.changed_from(after._first)
        after._n_samples = self._n_samples + len(bits)
        after._news = []
        # Of a stream ever fewer: what is looked at grows with its logarithm.
        n_rows = _ROWS * len(bits) // after._n_samples
        if n_rows:
            rows, columns = _some(X, n_rows)
            after._usual = self._usual.with_rows(self.scaling.levels(rows, columns), rows)
        if "range" not in self._said and len(bits) >= _LEAST // 2:  # once: the range stays
            after._say("range", _squeezed(X, self.scaling))
            after._said.add("range")
        if "units" not in self._said:
            of_bits = units.of_bits
            after._say(
                "units", _stuck(after._ones, after._n_samples, of_bits=of_bits, plain=self.plain)
            )
        return after

    def _say(self, cause: str, message: str | None) -> None:
        if message:
            self._said.add(cause)
            self._news.append(message)

    def warn(self) -> None:
        """Warn of what the last part has shown and no part before it."""
        news, self._news = self._news, []
        for message in news:
            warn_data(message)

    def compare(self, X: Any) -> None:
        """Warn, once, where features to be predicted are far from those of training."""
        if not X.shape[0]:
            return
        rows, columns = _some(X, 64)
        cause, message = self._usual.strange(self.scaling.levels(rows, columns), rows)
        if message and cause not in self._said:
            self._said.add(cause)
            warn_data(message)

    def __getstate__(self) -> dict[str, Any]:
        """Say again, in another process, what was said of data to be predicted here."""
        return {**self.__dict__, "_said": self._said - {"far", "small"}}

    @property
    def dead_units(self) -> NDArray[np.bool_]:
        """Units, as a mask, whose bit was the same for all training samples."""
        ones = np.asarray(self._ones)
        return np.asarray((ones == 0) | (ones == self._n_samples))


class UnitCounts:
    """By unit, the samples with a 1; of counts those that differ from the first sample's.

    Parameters
    ----------
    first : ndarray of shape (n_units,), dtype uint8, or None
        The first sample, where there was one before.
    n_threads : int, optional
    """

    def __init__(self, first: NDArray[np.uint8] | None, n_threads: int | None = 1) -> None:
        self._n_threads = check_threads(n_threads)
        self.first = np.zeros(0, dtype=np.uint8) if first is None else first
        self.of_bits = True
        self._ones: NDArray[np.int64] | int = 0
        self._n_samples = 0

    def __len__(self) -> int:
        return self._n_samples

    def add(self, features: Features) -> None:
        """Count samples in."""
        self.of_bits = isinstance(features, BitMatrix)
        if not self.of_bits and not self.first.size and len(features):
            self.first = np.array(features[0])
        self._ones = self._ones + _changed(features, self.first, self._n_threads)
        self._n_samples += len(features)

    def watch(self, parts: Iterable[Features]) -> Iterator[Features]:
        """Count parts in as they pass by."""
        for features in parts:
            self.add(features)
            yield features

    def changed_from(self, first: NDArray[np.uint8]) -> NDArray[np.int64] | int:
        """Return the counts; where they are of another first sample, at least so many."""
        if first is self.first or not first.size:
            return self._ones
        other = self.first != first
        return np.where(other, np.maximum(self._n_samples - self._ones, self._ones), self._ones)


class _Usual:
    """Where training samples lie: mean and variance of the features, and the farthest sample.

    How far a sample lies is judged before it is counted in, as one of later data would be. Class by
    class, or one by one, parts make this milder and not stricter.
    """

    def __init__(self) -> None:
        self._n = 0
        self._sum: NDArray[np.float64] | float = 0.0
        self._squares: NDArray[np.float64] | float = 0.0
        self._farthest = 0.0
        self._smallest = np.inf  # energy about zero, of those that have any
        self._judged = 0
        self._scale: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def with_rows(self, levels: NDArray[np.float64], rows: NDArray[np.float64]) -> _Usual:
        after = copy(self)
        halves = [levels] if self._n >= _LEAST else [levels[::2], levels[1::2]]
        for half in halves:
            if after._n >= _LEAST // 2:
                after._farthest = max(after._farthest, float(after._far(half).max(initial=0.0)))
                after._judged += len(half)
            after._n += len(half)
            after._sum = after._sum + half.sum(axis=0)
            after._squares = after._squares + np.einsum("ij,ij->j", half, half)
            after._scale = None
        energy = _energy(rows)
        after._smallest = min(self._smallest, float(energy[energy > 0].min(initial=np.inf)))
        return after

    def strange(
        self, levels: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> tuple[str, str | None]:
        """Say what sets most of these samples apart from all training samples, if anything.

        With it the name of the cause.
        """
        if self._n < _LEAST or self._judged < _LEAST // 2:
            return "far", None
        far = _median(self._far(levels)) / max(self._farthest, 1.0)
        if far > (_FAR if len(rows) >= _BATCH else _FAR_ALONE):
            mean = np.asarray(self._sum) / self._n
            return "far", (
                f"the features are far from the training features: half of {len(rows)} samples lie "
                f"at least {np.sqrt(far):.1f} times as far from the training mean as any of the "
                f"{self._n} training samples. Their mean level is {levels.mean():.0f} of 255, that "
                f"of the training features is {mean.mean():.0f}. The labels are probably wrong. "
                "Are images inverted, columns in another order, or features in another unit?"
            )
        energy = _median(_energy(rows))
        if 0.0 < energy < _SMALL * self._smallest:
            return "small", (
                f"the features are far from the training features: half of {len(rows)} samples "
                f"have a root mean square of at most {np.sqrt(energy):.2g}, and the smallest of "
                f"the {self._n} training samples has {np.sqrt(self._smallest):.2g}. The labels are "
                "probably wrong. Are features in another unit, such as [0, 1] instead of [0, 255]?"
            )
        return "far", None

    def _far(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean squared distance from the mean, of each feature by its own variance."""
        if self._scale is None:
            mean = np.asarray(self._sum) / self._n
            variance = np.maximum(np.asarray(self._squares) / self._n - mean**2, 0.0)
            # A feature that hardly varied in a sample of the data may well do so in the rest.
            weight = 1.0 / (variance + max(0.25 * float(variance.mean()), 1e-3))
            self._scale = mean, weight / len(mean)
        mean, weight = self._scale
        # Not by BLAS, whose threads would go on waiting for more.
        return np.asarray(np.einsum("ij,j->i", np.square(levels - mean), weight))


def check_table(X: Any, scaling: FixedScaling) -> None:
    """Warn where training features suit no network, tried on units of one that stands for all."""
    _warn_of(_squeezed(X, scaling))
    rows, columns = _some(X, _ROWS)
    levels = np.rint(np.clip(scaling.levels(rows, columns), 0.0, 255.0)).astype(np.uint8)
    bits = StepNetwork(levels.shape[1], width=_PROBE).propagate(levels, n_threads=1)
    _warn_of(_stuck(_changed(bits, levels[:0]), len(bits)))


def check_fitted(X: Any, scaling: FixedScaling, readout: Readout) -> None:
    """Warn of features that are at hand as an array, and of units where a readout has sums."""
    if isinstance(X, np.ndarray):
        _warn_of(_squeezed(X.reshape(len(X), -1), scaling))
    if isinstance(readout, SummingReadout) and readout.reads_bits:
        _warn_of(_stuck(readout.counts_.sum(axis=0), int(readout.n_samples_.sum())))


def _stuck(
    ones: NDArray[np.int64] | int, n_samples: int, *, of_bits: bool = True, plain: bool = True
) -> str | None:
    """Say it where more than half of the units change on less than 1 % of the samples.

    `ones` are set bits, or samples whose count differs from the first one's.
    """
    ones = np.asarray(ones)
    if n_samples < _LEAST:
        return None
    rarer = np.minimum(ones, n_samples - ones) if of_bits else ones
    n_never, n_hardly = int((rarer == 0).sum()), int((100 * rarer < n_samples).sum())
    if 2 * n_hardly <= ones.size:
        return None
    hardly = (
        f", and {n_hardly - n_never} more change on less than 1 % of them"
        if n_hardly > n_never
        else ""
    )
    told = (
        f"{n_never} of {ones.size} units never change on {n_samples} training samples{hardly}: "
        "these units say little or nothing about a sample. "
    )
    if not plain:
        return told + (
            "Do the features hardly vary, do they take few values, or are there a few extreme "
            "values?"
        )
    return told + (
        "A unit compares a weighted sum of the features with 0. One range maps all features. If "
        "they lie far from 0, or if a few are much larger than the others, the sums stay on one "
        f"side of 0; {_CURE}"
    )


def _squeezed(X: Any, scaling: FixedScaling) -> str | None:
    """Say it where features that take many values fall into few of the 256 levels."""
    if X.dtype.kind == "b" or (X.dtype == np.uint8 and scaling == AS_BYTES) or scaling.gives_bits:
        return None  # nothing is mapped to levels
    rows, columns = _some(X, _ROWS // 2, 512)
    if len(rows) < _LEAST // 2:
        return None
    levels = np.rint(np.clip(scaling.levels(rows, columns), 0.0, 255.0))
    n_values, n_levels = _n_distinct(rows), _n_distinct(levels)
    n_varied = int((n_values >= 2).sum())
    candidates = np.flatnonzero((n_values >= 2) & (n_values >= 2 * n_levels))
    found = [_in_few_levels(rows[:, j], levels[:, j]) for j in candidates]
    few = [number for number in found if number]
    if 20 * len(few) > n_varied:
        what = f"{len(few)} of {n_varied} features take"
    elif number := _in_few_levels(rows[::8].ravel(), levels[::8].ravel()):
        few, what = [number], "the features take"
    else:
        return None
    with np.errstate(all="ignore"):  # of what float64 hardly holds
        low, high = np.quantile(rows, [0.05, 0.95])
    levels_told = f"{max(few)} or fewer" if max(few) > 1 else "1"
    return (
        f"{what} many values, and 9 of 10 of them fall into {levels_told} of the 256 levels that "
        "a network reads: most differences between the values are lost. "
    ) + _cause_of(scaling, float(low), float(high))


def _cause_of(scaling: FixedScaling, low: float, high: float) -> str:
    """Say what squeezes features of which 9 of 10 lie between low and high, and what to do."""
    if scaling.input_range is None:
        return (
            "Each feature has its own range, in which a few values lie far from all others: remove "
            "or clip these values, or cut them off with the trim of a Scaling"
        )
    span = "{:.6g} to {:.6g}".format(*scaling.input_range)
    return (
        f"One range, {span}, maps all features, but 9 of 10 of their values lie between "
        f"{low:.4g} and {high:.4g}: are there outliers, or features in other units? Remove or "
        f"clip outliers, or cut them off with the trim of a Scaling, and {_CURE}"
    )


def _n_distinct(columns: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return how many values each column has."""
    ordered = np.sort(np.ascontiguousarray(columns.T), axis=1)
    return np.asarray(1 + np.count_nonzero(ordered[:, 1:] != ordered[:, :-1], axis=1))


def _in_few_levels(values: NDArray[Any], levels: NDArray[np.float64]) -> int | None:
    """Levels that hold 9 of 10 values if they are few for so many; 0 if not, None for a constant.

    The most common value does not count: zeros of a sparse feature, black borders of images.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < 2:
        return None
    if len(distinct) < 2 * len(np.unique(levels)):
        return 0
    others = levels[values != distinct[np.argmax(counts)]]
    low, high = np.quantile(others, [0.05, 0.95], method="nearest")
    return int(high - low) + 1 if high - low < _FEW else 0


def _warn_of(message: str | None) -> None:
    if message:
        warn_data(message)


def _changed(features: Features, first: NDArray[np.uint8], n_threads: int = 1) -> NDArray[np.int64]:
    """Count by unit the samples with a 1; of counts those that differ from the first sample."""
    if not isinstance(features, BitMatrix):
        changed = np.zeros(features.shape[1], dtype=np.int64)
        if len(features):
            _core.count_changed(np.ascontiguousarray(features), first, changed, n_threads)
        return changed
    bits = features
    ones, n_samples = np.zeros((1, bits.n_bits), dtype=np.int64), np.zeros(1, dtype=np.int64)
    codes = np.zeros(len(bits), dtype=np.int32)
    from_core("add_class_counts", bits, codes, ones, n_samples, n_threads)
    return np.asarray(ones[0])


def _some(
    X: Any, n_rows: int, n_columns: int = _COLUMNS
) -> tuple[NDArray[np.float64], NDArray[np.intp] | None]:
    """Return so many samples, of very wide ones some features, each evenly spread over all.

    With them the columns, where they are not all.
    """
    n_samples, n_features = X.shape
    columns = None
    if n_features > n_columns:
        columns = np.arange(n_columns) * n_features // n_columns
    else:
        n_columns = n_features
    n_rows = min(n_samples, max(1, min(n_rows, _VALUES // n_columns)))
    rows = X[np.arange(n_rows) * n_samples // n_rows] if n_rows < n_samples else X
    rows = rows if columns is None else rows[:, columns]
    dense = rows.toarray() if hasattr(rows, "toarray") else rows
    return np.ascontiguousarray(dense, dtype=np.float64), columns


def _energy(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return np.asarray(np.einsum("ij,ij->i", rows, rows) / rows.shape[1])


def _median(values: NDArray[np.float64]) -> float:
    return float(np.sort(values)[len(values) // 2])  # a fifth of np.median's time for one
