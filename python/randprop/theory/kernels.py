"""Inner products of outputs at infinite width, layer after layer."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import as_reals, check_choice, check_int, check_number

__all__ = ["depth_scale", "fixed_point", "is_step", "iterate", "kernel", "noise_overlap", "slope"]


def is_step(activation: str) -> bool:
    """Whether it is the step rather than the sign; others are refused."""
    return bool(check_choice("activation", activation, ("step", "sign")) == "step")


def kernel(c: ArrayLike, activation: str = "step") -> NDArray[np.float64]:
    """Return the normalised inner product of two outputs of one infinitely wide layer.

    Parameters
    ----------
    c : array-like
        Normalised inner product of the two inputs, in [-1, 1].
    activation : {"step", "sign"}
        ``1 - arccos(c)/pi`` (Cho & Saul 2009, eq. 6, n = 0), or ``(2/pi) arcsin(c)``
        (Williams 1997, for steep sigmoids).

    Returns
    -------
    ndarray

    Examples
    --------
    >>> from randprop import theory
    >>> float(theory.kernel(0.0)), float(theory.kernel(1.0))
    (0.5, 1.0)
    """
    return _map(_as_cosines(c), is_step(activation))


def _map(c: NDArray[np.float64], step: bool) -> NDArray[np.float64]:
    angle = np.arccos(np.clip(c, -1.0, 1.0))
    return np.asarray(1.0 - angle / np.pi if step else 1.0 - 2.0 * angle / np.pi)


def _as_cosines(c: ArrayLike) -> NDArray[np.float64]:
    cosines = as_reals("c", c)
    # A cosine that was computed may lie a rounding beyond 1.
    if cosines.size and np.abs(cosines).max() > 1.0 + 1e-9:
        raise ValueError(f"c must lie in [-1, 1], got {cosines.min()} to {cosines.max()}")
    return cosines


def slope(c: ArrayLike, activation: str = "step") -> NDArray[np.float64]:
    """Return the derivative of `kernel`: ``1/(pi sqrt(1 - c^2))`` for step, twice that for sign.

    Parameters
    ----------
    c : array-like
        In (-1, 1).
    activation : {"step", "sign"}

    Returns
    -------
    ndarray
    """
    factor = 1.0 if is_step(activation) else 2.0
    cosines = as_reals("c", c)
    if cosines.size and np.abs(cosines).max() >= 1.0:
        raise ValueError(f"c must lie in (-1, 1), got {cosines.min()} to {cosines.max()}")
    return np.asarray(factor / (np.pi * np.sqrt(1.0 - cosines**2)))


def fixed_point(activation: str = "step") -> float:
    """Return the inner product that every pair of distinct inputs approaches with depth.

    Parameters
    ----------
    activation : {"step", "sign"}
        For step, the solution of ``c = 1 - arccos(c)/pi`` within (0, 1). For sign, 0, where the
        slope is 2/pi.

    Returns
    -------
    float

    Examples
    --------
    >>> from randprop import theory
    >>> c = theory.fixed_point()
    >>> round(c, 5), round(float(theory.slope(c)), 5)
    (0.78983, 0.51899)
    """
    if not is_step(activation):
        return 0.0
    c = 0.8
    for _ in range(6):  # Newton's steps: four reach the last digit
        c -= (float(kernel(c)) - c) / (float(slope(c)) - 1.0)
    return c


def depth_scale(activation: str = "step") -> float:
    """Return how many layers shrink differences by 1/e: ``1/|log slope|`` at the fixed point.

    Parameters
    ----------
    activation : {"step", "sign"}

    Returns
    -------
    float

    Examples
    --------
    >>> from randprop import theory
    >>> round(theory.depth_scale("step"), 3), round(theory.depth_scale("sign"), 3)
    (1.525, 2.214)
    """
    return float(1.0 / abs(np.log(slope(fixed_point(activation), activation))))


def iterate(c: ArrayLike, n_matrices: int, activation: str = "step") -> NDArray[np.float64]:
    """Apply `kernel` several times, each time to the last result.

    Parameters
    ----------
    c : array-like of shape (...)
        Cosines of inputs.
    n_matrices : int
        Number of times.
    activation : {"step", "sign"}

    Returns
    -------
    ndarray of shape (n_matrices + 1, ...)
        Entry 0 is `c`. Entry l is the inner product after l matrices.
    """
    values = [_as_cosines(c)]
    step = is_step(activation)
    for _ in range(check_int("n_matrices", n_matrices, 0, 100_001)):
        values.append(_map(values[-1], step))
    return np.stack(values)


@cache
def _gauss() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights for means over a standard normal variable."""
    return np.polynomial.hermite_e.hermegauss(201)


def noise_overlap(m: float, activation: str = "step") -> float:
    """Return rho: how much more noise units have that separate classes than the average unit.

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

    Examples
    --------
    >>> from randprop import theory
    >>> round(theory.noise_overlap(theory.fixed_point()), 3)
    1.908
    """
    is_step(activation)
    m = check_number("m", m)
    if not 0.0 <= m < 1.0:
        raise ValueError(f"m must lie in [0, 1), got {m}")
    nodes, weights = _gauss()
    t = nodes * np.sqrt(m / (1.0 - m))
    above = np.array([math.erfc(value) for value in t / math.sqrt(2.0)]) / 2.0
    spread = above[::-1] * above  # the nodes lie about 0
    response = np.exp(-(t**2)) / (2.0 * np.pi)
    total = weights.sum()
    return float(
        total * (weights @ (response * spread)) / ((weights @ response) * (weights @ spread))
    )
