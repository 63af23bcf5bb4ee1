"""Coefficients in few bits: rounded one after the other, each error taken up by those that remain.

Features that are counts of neighbouring places are strongly correlated, and rounding each
coefficient by itself destroys what their sum says. All is done for several scales at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from randprop._validation import check_int
from randprop.readouts.factors import factor

__all__ = ["Levels", "check_bits", "round_each", "round_with_feedback"]

Floats = NDArray[np.float64]

# Scales that are tried at first, and about the best of them; passes of the descent; columns whose
# errors are passed on together.
_COARSE, _FINE = 24, 6
_PASSES = 40
_BLOCK = 64
# Share of the mean variance that is added to each before an error is passed on.
_RIDGE = 1e-4


class Levels:
    """Equally spaced values about 0: 2**bits of them, or -1, 0 and 1 of two bits."""

    def __init__(self, bits: int | str) -> None:
        self.bits = 2 if isinstance(bits, str) else bits
        self.top = 2 if isinstance(bits, str) else 2**bits - 1
        codes = np.arange(self.top + 1)
        self.rms = float(np.sqrt(np.mean((codes - self.top / 2) ** 2)))

    @property
    def largest(self) -> float:
        """The largest level."""
        return self.top / 2

    def nearest(self, values: Floats) -> Floats:
        """Level next to each value."""
        return np.clip(np.rint(values + self.top / 2), 0, self.top) - self.top / 2

    def codes(self, levels: Floats) -> NDArray[np.int64]:
        """Position of each level, from 0."""
        return np.rint(levels + self.top / 2).astype(np.int64)


def check_bits(name: str, bits: object, low: int, high: int) -> int | str:
    """Return a number of bits, or "ternary"."""
    if isinstance(bits, str):
        if bits != "ternary":
            raise ValueError(f"{name} must be a number of bits or 'ternary', got {bits!r}")
        return bits
    found = check_int(name, bits, -(1 << 62), 1 << 62)
    if not low <= found <= high:
        raise ValueError(f"{name} must lie in [{low}, {high}], or be 'ternary', got {found}")
    return found


def round_each(coef: Floats, levels: Levels) -> tuple[Floats, float]:
    """Round each to the next level; the scale is, of a hundred, the one of least squared error."""
    largest = float(np.abs(coef).max(initial=0.0)) or 1.0
    # Few bits are better spent on the many small coefficients than on the largest.
    scale = min(
        (largest * clip / 100 / levels.largest for clip in range(100, 0, -1)),
        key=lambda s: float(np.sum((coef - s * levels.nearest(coef / s)) ** 2)),
    )
    return levels.nearest(coef / scale), scale


def round_with_feedback(coef: Floats, scatter: Floats, levels: Levels) -> tuple[Floats, float]:
    """Return levels and their scale, of small error in the scores over features of this scatter.

    References
    ----------
    Frantar, Ashkboos, Hoefler & Alistarh (2023), "GPTQ", arXiv:2210.17323, for the feedback.
    """
    spread = float(coef.std())
    mean = float(scatter.diagonal().mean())
    if not (spread > 0.0 and mean > 0.0):
        return round_each(coef, levels)
    order = np.argsort(-scatter.diagonal(), kind="stable")  # what weighs most is rounded first
    scatter, coef = scatter[np.ix_(order, order)], coef[:, order]
    passing = _passing_on(scatter, _RIDGE * mean)
    widest = max(2.0, float(np.abs(coef).max()) * levels.rms / (levels.largest * spread))
    scales = np.geomspace(0.3, widest, _COARSE) * spread / levels.rms
    tried = _fed_back(coef, passing, scales, levels)
    best = int(_loss(coef, tried, _fitting(coef, tried, scales, scatter), scatter).argmin())
    scales = scales[best] * (scales[1] / scales[0]) ** np.linspace(-1.0, 1.5, _FINE)
    tried = _fed_back(coef, passing, scales, levels)
    scales = _descend(coef, tried, scales, scatter, levels)
    best = int(_loss(coef, tried, scales, scatter).argmin())
    found = np.empty(coef.shape)
    found[:, order] = tried[best]
    return found, float(scales[best])


def _passing_on(scatter: Floats, ridge: float) -> Floats:
    """Upper triangular V with V' V = (scatter + ridge)^-1.

    Row j over its diagonal element says how an error of column j is made up for by those after it.
    """
    backwards = scatter[::-1, ::-1].copy()
    backwards[np.diag_indices_from(backwards)] += ridge
    found = factor(backwards)
    if found is None:
        raise np.linalg.LinAlgError("the scatter of the features has eigenvalues far below 0")
    return np.ascontiguousarray(found.inverse()[::-1, ::-1])


# Below, levels have the shape (n_scales, n_classes, n_features), and so have steps that belong to
# them; all scales are worked on at once.


def _fed_back(coef: Floats, passing: Floats, scales: Floats, levels: Levels) -> Floats:
    """Round column after column, and push the error of each into those behind it."""
    left = np.repeat(coef[None], len(scales), axis=0)
    rounded, n, steps = np.empty_like(left), coef.shape[1], scales[:, None]
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        block, errors = left[..., start:stop], np.empty((*left.shape[:2], stop - start))
        for j in range(stop - start):
            row = passing[start + j]
            level = levels.nearest(block[..., j] / steps)
            errors[..., j] = (block[..., j] - level * steps) / row[start + j]
            block[..., j + 1 :] -= errors[..., j, None] * row[start + j + 1 : stop]
            rounded[..., start + j] = level
        left[..., stop:] -= errors @ passing[start:stop, stop:]
    return rounded


def _descend(
    coef: Floats, rounded: Floats, scales: Floats, scatter: Floats, levels: Levels
) -> Floats:
    """Improve `rounded` in its place, level after level, and the scales, which are returned."""
    n = coef.shape[1]
    diagonal = scatter.diagonal()
    weights = np.where(diagonal > 0.0, diagonal, np.inf)
    for _ in range(_PASSES):
        steps = scales[:, None]
        slope = _apart(steps[..., None] * rounded - coef) @ scatter
        changed = False
        for start in range(0, n, _BLOCK):
            stop = min(start + _BLOCK, n)
            block, moves = slope[..., start:stop], np.zeros((*slope.shape[:2], stop - start))
            for j in range(stop - start):
                at = start + j
                old = rounded[..., at]
                level = levels.nearest(old - block[..., j] / (weights[at] * steps))
                if (level != old).any():
                    moves[..., j] = (level - old) * steps
                    rounded[..., at] = level
                    block += moves[..., j, None] * scatter[at, start:stop]
                    changed = True
            slope[..., stop:] += moves @ scatter[start:stop, stop:]
        scales = _fitting(coef, rounded, scales, scatter)
        if not changed:
            break
    return scales


def _fitting(coef: Floats, rounded: Floats, scales: Floats, scatter: Floats) -> Floats:
    """Return the scales of least error, each for all classes."""
    rounded = _apart(rounded)
    products = rounded @ scatter
    ours, own = (np.sum(products * one, axis=(1, 2)) for one in (coef, rounded))
    good = (ours > 0.0) & (own > 0.0)
    return np.where(good, ours / np.where(good, own, 1.0), scales)


def _loss(coef: Floats, rounded: Floats, scales: Floats, scatter: Floats) -> Floats:
    """Return the squared error of the scores at each scale."""
    errors = _apart(scales[:, None, None] * rounded - coef)
    return np.asarray(np.sum((errors @ scatter) * errors, axis=(1, 2)))


def _apart(values: Floats) -> Floats:
    """Return values less their mean over the classes: what all share decides nothing."""
    return np.asarray(values - values.mean(axis=1, keepdims=True))
