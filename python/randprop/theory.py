r"""What a random step network does in the limit of infinite width, and near it.

Write :math:`q_l(x, y)` for the normalised inner product of the outputs behind matrix :math:`l` for
two inputs, counted from 1, and :math:`q_0` for the cosine of the inputs themselves. Weights are
independent, symmetric about 0, of one variance.

**Infinite width.** The preactivations of a unit for two inputs are then jointly Gaussian with
correlation :math:`q_{l-1}`, so that :math:`q_l = f(q_{l-1})` with a map that depends on the
activation alone: :math:`f(c) = 1 - \arccos(c)/\pi` for the step, read as 0 and 1 (the order-0
arc-cosine kernel of Cho & Saul 2009), and :math:`f(c) = (2/\pi) \arcsin(c)` for the sign. Both have
one attracting fixed point :math:`c^*`, which all pairs approach by the factor :math:`f'(c^*)` a
layer (Poole et al. 2016): whatever tells two classes apart shrinks by that factor, but by the same
factor for all pairs, so that the order of the distances, and with it the accuracy, stays.

**Finite width.** An inner product of :math:`N` units has fluctuations of order
:math:`1/\sqrt N` that do not shrink with the depth. The accuracy falls where they bury the
differences between classes. Let :math:`F_{ab}` be the mean of :math:`q_l` over pairs of distinct
training samples of the classes :math:`a` and :math:`b`, :math:`F_{xa}` the same for a test sample
:math:`x`, :math:`m_l` the mean of :math:`F` and :math:`P` the projection that subtracts the mean
over classes. A unit that sees all inputs with nearly one common field :math:`t \sim N(0, m/(1-m))`
is set with probability :math:`\Phi(t)` and moves by :math:`\phi(t)` times a small difference of the
field. Hence the deviation of :math:`x` from the common mean, of variance
:math:`E[\Phi(1-\Phi)] \propto 1 - m_l` a unit, meets the difference of two class means, of mean
square :math:`\propto E[\phi^2] (P F P)`, and since both are largest in the same units, where
:math:`t` is near 0, their product has the variance
:math:`\rho (1-m_l) (P F P) / N` with
:math:`\rho(m) = E[\phi^2 \Phi(1-\Phi)] / (E[\phi^2] E[\Phi(1-\Phi)])`.
The noise of the layers before is a difference of the inputs like any other and is carried on by the
factor :math:`f'(m)`. With :math:`n_a` training samples in class :math:`a` the covariance over
classes is therefore

.. math::

    C_l = f'(m_{l-1})^2 C_{l-1}
          + \rho(m_{l-1}) \frac{1 - m_l}{N} P [F + \mathrm{diag}((1 - F_{aa})/n_a)] P,

from :math:`C_0 = 0`, and the label of :math:`x` is the class :math:`a` with the least
:math:`F_{aa} + (1 - F_{aa})/n_a - 2 (F_{xa} + \eta_a)`, :math:`\eta \sim N(0, C_l)`.

Assumed: noise of different test samples is independent and Gaussian, and the kernel map holds for
means over pairs at finite width. Nothing is fitted. Needs NumPy and SciPy alone.

References
----------
Cho & Saul (2009), "Kernel methods for deep learning", NIPS 22. Poole et al. (2016), "Exponential
expressivity in deep neural networks through transient chaos", NIPS 29, arXiv:1606.05340. Itoh
(2024), arXiv:2409.03760.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import (
    as_labels,
    as_reals,
    check_choice,
    check_int,
    check_ints,
    check_number,
    told,
)
from randprop.model.scaling import check_features

__all__ = [
    "CosineStatistics",
    "Prediction",
    "cosine_statistics",
    "depth_scale",
    "fixed_point",
    "half_depth",
    "iterate",
    "kernel",
    "noise_overlap",
    "predict",
    "slope",
]

_N_BINS = 512
_BLOCK = 1000


def kernel(c: ArrayLike, activation: str = "step") -> NDArray[np.float64]:
    """Normalised inner product of the outputs of one infinitely wide layer.

    Parameters
    ----------
    c : array-like
        Normalised inner product of its inputs, in [-1, 1].
    activation : {"step", "sign"}
        ``1 - arccos(c)/pi`` (Cho & Saul 2009, eq. 6, n = 0), or ``(2/pi) arcsin(c)``
        (Williams 1997, for steep sigmoids).

    Returns
    -------
    ndarray

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    Examples
    --------
    >>> from randprop import theory
    >>> float(theory.kernel(0.0)), float(theory.kernel(1.0))
    (0.5, 1.0)
    """
    return _kernel(_as_cosines(c), _is_step(activation))


def _kernel(c: NDArray[np.float64], step: bool) -> NDArray[np.float64]:
    angle = np.arccos(np.clip(c, -1.0, 1.0))
    return np.asarray(1.0 - angle / np.pi if step else 1.0 - 2.0 * angle / np.pi)


def _as_cosines(c: ArrayLike) -> NDArray[np.float64]:
    cosines = as_reals("c", c)
    # A cosine that was computed may lie a rounding beyond 1.
    if cosines.size and np.abs(cosines).max() > 1.0 + 1e-9:
        raise ValueError(f"c must lie in [-1, 1], got {cosines.min()} to {cosines.max()}")
    return cosines


def slope(c: ArrayLike, activation: str = "step") -> NDArray[np.float64]:
    """Return the derivative of `kernel`: ``1/(pi sqrt(1 - c^2))``, twice that for sign.

    Parameters
    ----------
    c : array-like
        In (-1, 1).
    activation : {"step", "sign"}

    Returns
    -------
    ndarray

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.
    """
    factor = 1.0 if _is_step(activation) else 2.0
    cosines = as_reals("c", c)
    if cosines.size and np.abs(cosines).max() >= 1.0:
        raise ValueError(f"c must lie in (-1, 1), got {cosines.min()} to {cosines.max()}")
    return np.asarray(factor / (np.pi * np.sqrt(1.0 - cosines**2)))


def fixed_point(activation: str = "step") -> float:
    """Return the inner product that every pair of distinct inputs approaches with depth.

    Parameters
    ----------
    activation : {"step", "sign"}
        Solves ``c = 1 - arccos(c)/pi`` within (0, 1); 0 for sign, whose slope there is 2/pi.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    Examples
    --------
    >>> from randprop import theory
    >>> c = theory.fixed_point()
    >>> round(c, 5), round(float(theory.slope(c)), 5)
    (0.78983, 0.51899)
    """
    if not _is_step(activation):
        return 0.0
    from scipy.optimize import brentq

    return float(brentq(lambda c: float(kernel(c)) - c, 0.5, 0.95, xtol=1e-15))


def depth_scale(activation: str = "step") -> float:
    """Return the layers over which differences shrink by 1/e: ``1/|log slope|`` at the fixed point.

    Parameters
    ----------
    activation : {"step", "sign"}

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    Examples
    --------
    >>> from randprop import theory
    >>> round(theory.depth_scale("step"), 3), round(theory.depth_scale("sign"), 3)
    (1.525, 2.214)
    """
    return float(1.0 / abs(np.log(slope(fixed_point(activation), activation))))


def iterate(c: ArrayLike, n_matrices: int, activation: str = "step") -> NDArray[np.float64]:
    """Apply `kernel` again and again.

    Parameters
    ----------
    c : array-like of shape (...)
        Cosines of inputs.
    n_matrices : int
        How often.
    activation : {"step", "sign"}

    Returns
    -------
    ndarray of shape (n_matrices + 1, ...)
        Entry 0 is `c` itself, entry l the inner product behind matrix l.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.
    """
    values = [_as_cosines(c)]
    step = _is_step(activation)
    for _ in range(check_int("n_matrices", n_matrices, 0, 100_001)):
        values.append(_kernel(values[-1], step))
    return np.stack(values)


def noise_overlap(m: float, activation: str = "step") -> float:
    """Return rho: how much likelier a unit is noisy where it tells classes apart.

    Parameters
    ----------
    m : float
        Mean inner product of the inputs of the layer, in [0, 1).
    activation : {"step", "sign"}
        The ratio is the same for both.

    Returns
    -------
    float
        ``E[phi^2 Phi (1-Phi)] / (E[phi^2] E[Phi (1-Phi)])`` over t ~ N(0, m/(1-m)), with phi the
        density and Phi the distribution function of the standard normal.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    Examples
    --------
    >>> from randprop import theory
    >>> round(theory.noise_overlap(theory.fixed_point()), 3)
    1.908
    """
    from scipy.stats import norm

    _is_step(activation)
    m = check_number("m", m)
    if not 0.0 <= m < 1.0:
        raise ValueError(f"m must lie in [0, 1), got {m}")
    nodes, weights = np.polynomial.hermite_e.hermegauss(201)
    t = nodes * np.sqrt(m / (1.0 - m))
    spread = norm.cdf(t) * norm.sf(t)
    response = norm.pdf(t) ** 2
    total = weights.sum()
    return float(
        total * (weights @ (response * spread)) / ((weights @ response) * (weights @ spread))
    )


@dataclass(frozen=True, eq=False)
class CosineStatistics:
    """How similar the samples of a data set are, all that the theory needs of it.

    Attributes
    ----------
    cosines : ndarray of shape (n_bins,), dtype float64
        Centres of the bins, equally spaced in the angle from 0 to pi/2.
    pairs : ndarray of shape (n_classes, n_classes, n_bins), dtype float64
        Distribution of the cosine over pairs of distinct training samples of two classes.
    test : ndarray of shape (n_test, n_classes, n_bins), dtype float32
        The same over the training samples of a class for each test sample.
    test_codes : ndarray of shape (n_test,), dtype int64
        Class of each test sample.
    class_sizes : ndarray of shape (n_classes,), dtype int64
        Training samples of each class.
    """

    cosines: NDArray[np.float64]
    pairs: NDArray[np.float64]
    test: NDArray[np.float32]
    test_codes: NDArray[np.int64]
    class_sizes: NDArray[np.int64]


def cosine_statistics(
    X_train: ArrayLike,
    y_train: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    max_pairs: int = 400,
) -> CosineStatistics:
    """Measure the cosines between the samples of a data set.

    Parameters
    ----------
    X_train, X_test : array-like of shape (n_samples, n_features)
        Features, none negative, no sample all zero.
    y_train, y_test : array-like of shape (n_samples,)
        Labels; those of the test samples are among those of the training samples.
    max_pairs : int, default=400
        Training samples of each class, evenly spread, that are compared with all others.

    Returns
    -------
    CosineStatistics

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above, a feature is negative, a sample is zero, or a
        class has fewer than two samples.
    """
    max_pairs = check_int("max_pairs", max_pairs, 1, 2**31 - 1)
    X_train, X_test = check_features("X_train", X_train), check_features("X_test", X_test)
    if X_train.shape[1] != X_test.shape[1]:
        raise ValueError(f"X_test has {X_test.shape[1]} features, X_train has {X_train.shape[1]}")
    y_train = as_labels("y_train", y_train, len(X_train), "X_train")
    y_test = as_labels("y_test", y_test, len(X_test), "X_test")
    classes, codes = np.unique(y_train, return_inverse=True)
    unseen = np.setdiff1d(y_test, classes)
    if unseen.size:
        raise ValueError(f"y_test has labels that y_train has not: {unseen[:5].tolist()}")
    test_codes = np.searchsorted(classes, y_test)
    sizes = np.bincount(codes)
    if sizes.min() < 2:
        raise ValueError("every class of y_train must have at least 2 training samples")
    by_class = [_unit_rows("X_train", X_train[codes == c]) for c in range(len(classes))]
    test = np.empty((len(X_test), len(classes), _N_BINS), dtype=np.float32)
    for start in range(0, len(X_test), _BLOCK):
        rows = _unit_rows("X_test", X_test[start : start + _BLOCK])
        for c, members in enumerate(by_class):
            test[start : start + _BLOCK, c] = _histograms(rows, members) / len(members)
    pairs = np.empty((len(classes), len(classes), _N_BINS))
    for a, rows in enumerate(by_class):
        picked = rows[np.linspace(0, len(rows) - 1, min(max_pairs, len(rows))).astype(int)]
        for b, members in enumerate(by_class):
            histogram = _histograms(picked, members).sum(axis=0)
            if a == b:
                histogram[0] -= len(picked)  # each sample with itself
            pairs[a, b] = histogram / histogram.sum()
    pairs = (pairs + pairs.transpose(1, 0, 2)) / 2
    angles = np.arange(_N_BINS) * (np.pi / 2 / (_N_BINS - 1))
    return CosineStatistics(np.cos(angles), pairs, test, test_codes, sizes)


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

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.
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
    unit = 0.5 if _is_step(activation) else 1.0
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

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

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


def _is_step(activation: str) -> bool:
    return bool(check_choice("activation", activation, ("step", "sign")) == "step")


def _unit_rows(name: str, X: NDArray[Any]) -> NDArray[np.float32]:
    if X.size and X.min() < 0:
        raise ValueError(f"{name} must not hold negative features")
    # Of the order of 1 first: the squares of large numbers fit no float32.
    rows = (X if X.dtype == np.uint8 else X / float(X.max() or 1)).astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    if not np.all(norms > 0):
        raise ValueError(f"{name} must not hold samples that are all zero")
    rows /= norms[:, None].astype(np.float32)
    return rows


def _histograms(rows: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Count, for each row, the angles to all others in bins."""
    counts = np.empty((len(rows), _N_BINS))
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK] @ others.T
        np.clip(block, 0.0, 1.0, out=block)
        np.arccos(block, out=block)
        block *= (_N_BINS - 1) / (np.pi / 2)
        bins = np.rint(block, out=block).astype(np.int64)
        bins += _N_BINS * np.arange(len(block))[:, None]
        counts[start : start + _BLOCK] = np.bincount(
            bins.ravel(), minlength=_N_BINS * len(block)
        ).reshape(len(block), _N_BINS)
    return counts
