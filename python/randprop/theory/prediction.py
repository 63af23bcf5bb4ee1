"""Variances and accuracy at finite width, from cosines and the noise of finitely many units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import as_reals, check_int, check_ints, check_number, told
from randprop.theory.cosines import CosineStatistics
from randprop.theory.few_inputs import Layer
from randprop.theory.kernels import is_step, iterate, noise_overlap, slope
from randprop.theory.overlaps import OverlapStatistics

__all__ = ["Prediction", "half_depth", "predict", "width_for"]

_MAX_WIDTH = 1 << 62


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predictions of the theory for networks of one width. Every array has one entry per depth.

    Attributes
    ----------
    layers : ndarray of shape (n_depths,), dtype int64
        Numbers of hidden layers.
    width : int
        Units of every matrix.
    activation : str
    accuracy : ndarray of shape (n_depths,)
        Expected accuracy of class means at this width.
    accuracy_infinite : ndarray of shape (n_depths,)
        Accuracy at infinite width with infinitely many training samples. (With finitely many, the
        classes with more samples have nearer means, and win at large depth.)
    signal : ndarray of shape (n_depths,)
        Variance between class means at infinite width with infinitely many training samples,
        averaged over the units.
    variance_class_means : ndarray of shape (n_depths,)
        The same with the given training samples: `signal` plus the noise of their finite number.
    variance_samples : ndarray of shape (n_depths,)
        Variance of a unit over samples, averaged over the units.
    noise : ndarray of shape (n_depths,)
        Noise of a finite number of units: variance of the mean inner product of a test sample with
        a class, minus the mean over classes, in the units of `signal`.
    """

    layers: NDArray[np.int64]
    width: int
    activation: str
    accuracy: NDArray[np.float64]
    accuracy_infinite: NDArray[np.float64]
    signal: NDArray[np.float64]
    variance_class_means: NDArray[np.float64]
    variance_samples: NDArray[np.float64]
    noise: NDArray[np.float64]


def predict(
    statistics: CosineStatistics | OverlapStatistics,
    layers: Iterable[int],
    width: int,
    *,
    activation: str = "step",
    fan_in: int | None = None,
    bias: int = 0,
    n_draws: int = 16,
) -> Prediction:
    """Predict variances and accuracy from the cosines of a data set, or from overlaps of bits.

    Parameters
    ----------
    statistics : CosineStatistics or OverlapStatistics
        Statistics of the data set: cosines for dense weights, overlaps with `fan_in`.
    layers : iterable of int
        Numbers of hidden layers.
    width : int
        Units of every matrix.
    activation : {"step", "sign"}
    fan_in : int, optional
        Number of inputs of a unit, at most 64. Default: all inputs.
    bias : int, default=0
        With `fan_in`: thresholds are uniform over the integers of [-bias, bias].
    n_draws : int, default=16
        Number of random draws of the noise for each test sample. They are the same every time.

    Returns
    -------
    Prediction
        The formulas are at the top of this module.
    """
    depths = np.array(sorted(set(check_ints("layers", layers, 0, 100_000))), dtype=np.int64)
    if not depths.size:
        raise ValueError("layers must have at least one depth, got none")
    width = check_int("width", width, 1, _MAX_WIDTH)
    n_draws = check_int("n_draws", n_draws, 1, 1_000_000)
    rng = np.random.default_rng(0)
    rows = [
        (
            depth.accuracy(width, rng, n_draws),
            float(np.mean(np.argmin(depth.unbiased, axis=1) == depth.codes)),
            depth.signal,
            depth.signal + depth.floor,
            depth.variance_samples,
            depth.unit * float(np.trace(depth.noise)) / len(depth.noise) / width,
        )
        for depth in _by_depth(statistics, depths.tolist(), activation, fan_in, bias)
    ]
    return Prediction(depths, width, activation, *np.array(rows).T)


def width_for(
    depth: int,
    accuracy: float,
    *,
    statistics: CosineStatistics | OverlapStatistics,
    activation: str = "step",
    fan_in: int | None = None,
    bias: int = 0,
    n_draws: int = 16,
) -> int:
    """Return the width that an accuracy needs at a depth: the inverse of `predict`.

    Parameters
    ----------
    depth : int
        Number of hidden layers.
    accuracy : float
        Accuracy of class means to reach, in (0, 1).
    statistics : CosineStatistics or OverlapStatistics
        Statistics of the data set, as for `predict`. So are the next arguments.
    activation : {"step", "sign"}
    fan_in : int, optional
    bias : int, default=0
    n_draws : int, default=16

    Returns
    -------
    int
        The smallest number of units per matrix whose predicted accuracy is at least `accuracy`.

    Raises
    ------
    ValueError
        If no width reaches that accuracy at that depth.

    Examples
    --------
    >>> from randprop import datasets, theory
    >>> statistics = theory.cosine_statistics(*datasets.load_digits())
    >>> [theory.width_for(depth, 0.7, statistics=statistics) for depth in (0, 2, 4)]
    [47, 290, 1356]
    """
    depth = check_int("depth", depth, 0, 100_000)
    wanted = check_number("accuracy", accuracy)
    if not 0.0 < wanted < 1.0:
        raise ValueError(f"accuracy must lie in (0, 1), got {wanted}")
    n_draws = check_int("n_draws", n_draws, 1, 1_000_000)
    (found,) = _by_depth(statistics, [depth], activation, fan_in, bias)

    def reached(width: int) -> float:
        # The same draws for every width: the accuracy then rises with it all but for ties.
        return found.accuracy(width, np.random.default_rng(0), n_draws)

    if (most := reached(_MAX_WIDTH)) < wanted:
        raise ValueError(
            f"accuracy {wanted} is above what any width reaches at {depth} hidden layers, "
            f"{most:.4f}"
        )
    low, high = 0, 1
    while reached(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= wanted else (middle, high)
    return high


@dataclass(frozen=True, eq=False)
class _Depth:
    """What the theory says behind one matrix; the noise is that of one unit."""

    codes: NDArray[np.int64]  # classes of the test samples
    unbiased: NDArray[np.float64]  # distances to class means of infinitely many samples
    own: NDArray[np.float64]  # what finitely many add to each class
    noise: NDArray[np.float64]  # covariance over classes, times the width
    inner: NDArray[np.float64]  # mean inner products of classes
    mean_square: float  # of an output
    unit: float  # of variances: what an inner product of 1 stands for

    def accuracy(self, width: int, rng: np.random.Generator, n_draws: int) -> float:
        """Return the share of test samples that are right at a width, mean over draws."""
        values, vectors = np.linalg.eigh(self.noise / width)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        distances = self.unbiased + self.own
        hits = 0
        for _ in range(n_draws):
            shaken = distances - 2.0 * rng.standard_normal(distances.shape) @ root.T
            hits += int(np.sum(np.argmin(shaken, axis=1) == self.codes))
        return hits / (n_draws * len(distances))

    @property
    def signal(self) -> float:
        """Variance between class means."""
        centred = _centred(len(self.own))
        return self.unit * float(np.trace(centred @ self.inner @ centred)) / len(self.own)

    @property
    def floor(self) -> float:
        """What finitely many training samples add to it."""
        return self.unit * (1.0 - 1.0 / len(self.own)) * float(self.own.mean())

    @property
    def variance_samples(self) -> float:
        """Variance of a unit over samples."""
        return self.unit * (self.mean_square - float(self.inner.mean()))


def _centred(n_classes: int) -> NDArray[np.float64]:
    """Return the projection that subtracts the mean over classes."""
    return np.eye(n_classes) - 1.0 / n_classes


def _by_depth(
    statistics: object, depths: list[int], activation: str, fan_in: int | None, bias: int
) -> Iterator[_Depth]:
    """Check what is predicted from what, and return what the theory says at each depth."""
    is_step(activation)
    wanted = CosineStatistics if fan_in is None else OverlapStatistics
    if not isinstance(statistics, wanted):
        why = "without fan_in" if fan_in is None else "with fan_in"
        raise TypeError(f"{why} statistics must be {wanted.__name__}, got {told(statistics)}")
    if isinstance(statistics, OverlapStatistics):
        assert fan_in is not None
        first = Layer(fan_in, bias)  # the first input is read as 0 and 1
        return _few_inputs(statistics, depths, first, Layer(fan_in, bias, activation=activation))
    if check_int("bias", bias, 0, 2**31 - 1):
        raise ValueError(
            f"bias needs fan_in: there is no theory of it for dense weights, got {bias}"
        )
    assert isinstance(statistics, CosineStatistics)
    return _dense(statistics, depths, activation)


def _dense(statistics: CosineStatistics, depths: list[int], activation: str) -> Iterator[_Depth]:
    centred = _centred(len(statistics.class_sizes))
    table = iterate(statistics.cosines, depths[-1] + 1, activation)
    noise = np.zeros_like(centred)
    before = float(np.mean(statistics.pairs @ table[0]))
    for m in range(depths[-1] + 1):
        inner = statistics.pairs @ table[m + 1]
        mean = float(inner.mean())
        own = (1.0 - np.diag(inner)) / statistics.class_sizes
        spread = centred @ (inner + np.diag(own)) @ centred
        noise = float(slope(before, activation)) ** 2 * noise
        noise += noise_overlap(before, activation) * (1.0 - mean) * spread
        before = mean
        if m not in depths:
            continue
        # Differences between classes shrink below float32's grid of numbers near 1: the mean goes
        # first, in float64, and what is left is stretched to order 1.
        stretch = float(np.ptp(table[m + 1]))
        relative = ((table[m + 1] - mean) / stretch).astype(np.float32)
        near = stretch * (statistics.test @ relative).astype(np.float64)
        yield _Depth(
            codes=statistics.test_codes,
            unbiased=np.diag(inner) - mean - 2.0 * near,
            own=own,
            noise=noise.copy(),
            inner=inner,
            mean_square=1.0,
            # Squares of bits (0, 1) have mean 1/2, of signs 1: variances are in those units.
            unit=0.5 if is_step(activation) else 1.0,
        )


def _few_inputs(
    statistics: OverlapStatistics, depths: list[int], first: Layer, later: Layer
) -> Iterator[_Depth]:
    n_classes = len(statistics.class_sizes)
    centred = _centred(n_classes)
    noise = np.zeros_like(centred)
    members = np.eye(n_classes)[statistics.train_codes]
    members /= members.sum(axis=0)
    sides = [(statistics.train, statistics.train_activities),
             (statistics.test, statistics.test_activities)]  # fmt: skip
    others = statistics.activities
    tables = [np.tile(statistics.overlaps, (len(rows), 1)) for _, rows in sides]

    def of_classes(side: int) -> NDArray[np.float64]:
        """Return the mean overlap of each sample with each class."""
        mean = float(tables[side].mean())
        relative = (tables[side] - mean).astype(np.float32)
        found = np.einsum("ncb,nb->nc", sides[side][0], relative)
        return mean + np.asarray(found, dtype=np.float64)

    def means() -> tuple[NDArray[np.float64], float]:
        inner = members.T @ of_classes(0)
        return (inner + inner.T) / 2, float(np.mean(sides[0][1]))

    inner, activity = means()
    for m in range(depths[-1] + 1):
        layer = later if m else first
        mean = float(inner.mean())
        passed = layer.slope(activity, mean) ** 2 * noise
        rho = layer.noise_overlap(activity, mean)
        for i, (counts, rows) in enumerate(sides):
            tables[i] = layer.kernel(rows[:, None], others[None, :], tables[i])
            sides[i] = (counts, layer.activity(rows))
        others = layer.activity(others)
        inner, activity = means()
        own = (activity - np.diag(inner)) / statistics.class_sizes
        spread = centred @ (inner + np.diag(own)) @ centred
        noise = passed + rho * (activity - float(inner.mean())) * spread
        if m in depths:
            yield _Depth(
                codes=statistics.test_codes,
                unbiased=np.diag(inner) - 2.0 * of_classes(1),
                own=own,
                noise=noise.copy(),
                inner=inner,
                mean_square=activity,
                unit=later.unit,
            )


def half_depth(layers: ArrayLike, accuracy: ArrayLike, level: float = 0.5) -> float:
    """Return the depth at which accuracy, which falls with depth, reaches a level.

    Parameters
    ----------
    layers : array-like of shape (n_depths,)
        Numbers of hidden layers, increasing.
    accuracy : array-like of shape (n_depths,)
        Accuracy at each depth.
    level : float, default=0.5
        The accuracy to reach.

    Returns
    -------
    float
        Interpolated between the last depth above the level and the next depth. NaN if the accuracy
        starts below the level or never falls to it.

    Examples
    --------
    >>> from randprop import theory
    >>> theory.half_depth([0, 1, 2], [0.8, 0.6, 0.4])
    1.5
    """
    depths, values = as_reals("layers", layers), as_reals("accuracy", accuracy)
    level = check_number("level", level)
    if depths.ndim != 1:
        raise ValueError(f"layers must have 1 dimension, got shape {depths.shape}")
    if (np.diff(depths) <= 0).any():
        raise ValueError("layers must increase")
    if values.shape != depths.shape:
        raise ValueError(
            f"accuracy must have shape {depths.shape}, one for each of layers, got {values.shape}"
        )
    below = np.flatnonzero(values < level)
    if not below.size or below[0] == 0:
        return float("nan")
    i = int(below[0])
    share = (values[i - 1] - level) / (values[i - 1] - values[i])
    return float(depths[i - 1] + share * (depths[i] - depths[i - 1]))
