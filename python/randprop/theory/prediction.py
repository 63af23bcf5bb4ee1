"""Variances and accuracy at finite width, from cosines and the noise of finitely many units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import as_reals, check_int, check_ints, check_number, told
from randprop.theory.cosines import CosineStatistics
from randprop.theory.kernels import is_step, iterate, noise_overlap, slope

__all__ = ["Prediction", "half_depth", "predict"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the theory says of networks of one width, one entry a depth in every array.

    Attributes
    ----------
    layers : ndarray of shape (n_depths,), dtype int64
        Hidden layers.
    width : int
        Units of every matrix.
    activation : str
    accuracy : ndarray of shape (n_depths,)
        Expected accuracy of class means at this width.
    accuracy_infinite : ndarray of shape (n_depths,)
        At infinite width with infinitely many training samples. (With finitely many, classes with
        more of them have the nearer means, and win in the end.)
    signal : ndarray of shape (n_depths,)
        Variance between class means at infinite width with infinitely many training samples, mean
        over the units.
    variance_class_means : ndarray of shape (n_depths,)
        With the training samples there are: `signal` and the noise of their finite number.
    variance_samples : ndarray of shape (n_depths,)
        Variance of a unit over samples, mean over the units.
    noise : ndarray of shape (n_depths,)
        What finitely many units add: variance of the mean inner product of a test sample with a
        class, less the mean over classes; in the units of `signal`.
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
    statistics: CosineStatistics,
    layers: Iterable[int],
    width: int,
    *,
    activation: str = "step",
    n_draws: int = 16,
) -> Prediction:
    """Predict variances and accuracy from the cosines of a data set.

    Parameters
    ----------
    statistics : CosineStatistics
        Of the data set.
    layers : iterable of int
        Hidden layers.
    width : int
        Units of every matrix.
    activation : {"step", "sign"}
    n_draws : int, default=16
        Draws of the noise for each test sample; the same draws every time.

    Returns
    -------
    Prediction
        See the formulas at the head of this module.
    """
    if not isinstance(statistics, CosineStatistics):
        raise TypeError(f"statistics must be a CosineStatistics, got {told(statistics)}")
    depths = np.array(sorted(set(check_ints("layers", layers, 0, 100_000))), dtype=np.int64)
    if not depths.size:
        raise ValueError("layers must name at least one depth, got none")
    width = check_int("width", width, 1, 1 << 62)
    n_draws = check_int("n_draws", n_draws, 1, 1_000_000)
    n_classes = len(statistics.class_sizes)
    centred = np.eye(n_classes) - 1.0 / n_classes
    table = iterate(statistics.cosines, int(depths[-1]) + 1, activation)
    # Squares of bits (0, 1) have mean 1/2, of signs 1: variances are in those units.
    unit = 0.5 if is_step(activation) else 1.0
    right = statistics.test_codes
    rng = np.random.default_rng(0)
    noise = np.zeros((n_classes, n_classes))
    before = float(np.mean(statistics.pairs @ table[0]))
    rows: list[tuple[float, ...]] = []
    for m in range(int(depths[-1]) + 1):
        inner = statistics.pairs @ table[m + 1]
        mean = float(inner.mean())
        own = (1.0 - np.diag(inner)) / statistics.class_sizes
        spread = centred @ (inner + np.diag(own)) @ centred
        noise = float(slope(before, activation)) ** 2 * noise
        noise += noise_overlap(before, activation) * (1.0 - mean) / width * spread
        before = mean
        if m not in depths:
            continue
        # Differences between classes shrink below float32's grid of numbers near 1: the mean goes
        # first, in float64, and what is left is stretched to order 1.
        stretch = float(np.ptp(table[m + 1]))
        relative = ((table[m + 1] - mean) / stretch).astype(np.float32)
        near = stretch * (statistics.test @ relative).astype(np.float64)
        unbiased = np.diag(inner) - mean - 2.0 * near
        distances = unbiased + own
        values, vectors = np.linalg.eigh(noise)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        hits = 0
        for _ in range(n_draws):
            shaken = distances - 2.0 * rng.standard_normal(near.shape) @ root.T
            hits += int(np.sum(np.argmin(shaken, axis=1) == right))
        signal = unit * float(np.trace(centred @ inner @ centred)) / n_classes
        floor = unit * (1.0 - 1.0 / n_classes) * float(own.mean())
        rows.append(
            (
                hits / (n_draws * len(right)),
                float(np.mean(np.argmin(unbiased, axis=1) == right)),
                signal,
                signal + floor,
                unit * (1.0 - mean),
                unit * float(np.trace(noise)) / n_classes,
            )
        )
    columns = np.array(rows).T
    return Prediction(depths, width, activation, *columns)


def half_depth(layers: ArrayLike, accuracy: ArrayLike, level: float = 0.5) -> float:
    """Return the depth at which an accuracy that falls with depth passes a level.

    Parameters
    ----------
    layers : array-like of shape (n_depths,)
        Hidden layers, increasing.
    accuracy : array-like of shape (n_depths,)
        Share of right answers at each.
    level : float, default=0.5
        To be passed.

    Returns
    -------
    float
        Interpolated between the last depth above the level and the next; NaN where the accuracy
        starts below it or never falls to it.

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
            f"accuracy must have shape {depths.shape}, one a depth of layers, got {values.shape}"
        )
    below = np.flatnonzero(values < level)
    if not below.size or below[0] == 0:
        return float("nan")
    i = int(below[0])
    share = (values[i - 1] - level) / (values[i - 1] - values[i])
    return float(depths[i - 1] + share * (depths[i] - depths[i - 1]))
