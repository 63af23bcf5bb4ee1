"""Layers of units that look at few inputs: kernel, activity and noise, from overlaps of bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import as_reals, check_int
from randprop.theory.kernels import is_step

__all__ = ["Layer", "few_input_activity", "few_input_kernel"]

_MOST_INPUTS, _MOST_BIAS = 64, 1 << 16
_DRAWS = 20_000
_CHUNK = 1 << 14  # entries at a time: their sums stay in the cache
Floats = NDArray[np.float64]


def few_input_kernel(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, fan_in: int, *, bias: int = 0
) -> NDArray[np.float64]:
    """Return the overlap of two outputs of an infinitely wide layer with few inputs per unit.

    Parameters
    ----------
    a, b : array-like
        Activities of two inputs. The activity is the share of bits that are set.
    c : array-like
        Overlap of the two inputs: the share of bits that are set in both.
    fan_in : int
        Inputs of a unit, in [1, 64]. Half of them, rounded up, have weight +1, the others -1.
    bias : int, default=0
        Thresholds are uniform over the integers of [-bias, bias].

    Returns
    -------
    ndarray
        Probability that the bit of a unit is set for both inputs. With ``fan_in=2`` it is
        ``c (1 - a - b + c)``.

    Examples
    --------
    >>> from randprop import theory
    >>> round(float(theory.few_input_kernel(0.5, 0.5, 0.3, fan_in=2)), 3)
    0.09
    """
    layer = Layer(fan_in, bias)
    first, second, both = (as_reals(n, v) for n, v in (("a", a), ("b", b), ("c", c)))
    try:
        np.broadcast_shapes(first.shape, second.shape, both.shape)
    except ValueError:
        shapes = f"{first.shape}, {second.shape} and {both.shape}"
        raise ValueError(f"a, b and c must have shapes that broadcast, got {shapes}") from None
    low, high = np.maximum(first + second - 1.0, 0.0), np.minimum(first, second)
    if ((both < low - 1e-9) | (both > high + 1e-9)).any():
        raise ValueError("c must be an overlap of inputs of activities a and b")
    return layer.kernel(first, second, both)


def few_input_activity(a: ArrayLike, fan_in: int, *, bias: int = 0) -> NDArray[np.float64]:
    """Return the activity of the output of an infinitely wide layer with few inputs per unit.

    Parameters
    ----------
    a : array-like
        Activity of the input, in [0, 1].
    fan_in, bias : int
        As for `few_input_kernel`.

    Returns
    -------
    ndarray
        Probability that the bit of a unit is set. With ``fan_in=2`` it is ``a (1 - a)``: fewer bits
        are set with every layer, about 1/l of them after many layers l.

    Examples
    --------
    >>> from randprop import theory
    >>> float(theory.few_input_activity(0.5, fan_in=2))
    0.25
    """
    layer = Layer(fan_in, bias)
    activity = as_reals("a", a)
    if activity.size and (activity.min() < 0.0 or activity.max() > 1.0):
        raise ValueError(f"a must lie in [0, 1], got {activity.min()} to {activity.max()}")
    return layer.activity(activity)


class Layer:
    """Units with inputs of weight +1 and -1, drawn at random, and thresholds.

    With the activation "sign" bits are read as -1 and +1, else as 0 and 1.
    """

    def __init__(self, fan_in: int, bias: int = 0, *, activation: str = "step") -> None:
        fan_in = check_int("fan_in", fan_in, 1, _MOST_INPUTS)
        bias = check_int("bias", bias, 0, _MOST_BIAS)
        self._plus, self._minus = (fan_in + 1) // 2, fan_in // 2
        thresholds = np.arange(-bias, bias + 1)
        # A difference of two signs is twice that of two bits.
        self.unit = 1.0 if is_step(activation) else 4.0
        if not is_step(activation):
            # A sum of signs is twice that of bits, less plus - minus.
            thresholds = (thresholds + self._plus - self._minus) // 2
        # Sums go from -minus to plus: beyond that all thresholds are the same.
        cuts = np.clip(thresholds, -self._minus - 1, self._plus)
        self._cuts, counts = np.unique(cuts, return_counts=True)
        self._shares = counts / counts.sum()

    def kernel(self, a: Floats, b: Floats, c: Floats) -> Floats:
        """Return the overlap of the outputs for inputs of activities a and b and overlap c."""
        a, b, c = np.broadcast_arrays(a, b, c)
        low, high = np.maximum(a + b - 1.0, 0.0), np.minimum(a, b)
        flat = [values.ravel() for values in (a, b, np.clip(c, low, high))]
        found = np.empty(c.size)
        for start in range(0, c.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            found[part] = self._overlap(*(values[part] for values in flat))
        return found.reshape(c.shape)

    def activity(self, a: Floats) -> Floats:
        """Return the activity of the output for an input of activity a."""
        a = np.asarray(a, dtype=np.float64)
        flat = a.ravel()[:, None]
        inputs = np.broadcast_to(flat, (len(flat), self._plus + self._minus))
        return np.asarray(self._shares @ self._set(inputs)).reshape(a.shape)

    def slope(self, a: float, c: float) -> float:
        """Return the derivative of the kernel by the overlap, for two inputs of one activity."""
        step = 1e-5 * min(c, a - c, 1.0)
        if step <= 0.0:
            return 0.0
        ends = self.kernel(*(np.array(v) for v in ([a, a], [a, a], [c - step, c + step])))
        return float(ends[1] - ends[0]) / (2.0 * step)

    def noise_overlap(self, a: float, c: float) -> float:
        """Return rho: how much more noise units have that separate classes than the average unit.

        `a` is the mean activity, `c` the mean overlap of the inputs: mean and mean square, over
        features, of the share of samples that have a feature set, taken to be Beta distributed.
        """
        spread = c - a * a
        if not 0.0 < spread < a * (1.0 - a):
            return 1.0
        size = a * (1.0 - a) / spread - 1.0
        n_inputs = self._plus + self._minus
        rng = np.random.default_rng(0)
        shares = rng.beta(a * size, (1.0 - a) * size, (_DRAWS, n_inputs))
        # A unit has one threshold, and so all of this is done for each of them.
        mean = self._set(shares)
        noise = mean * (1.0 - mean)
        response = np.zeros_like(mean)
        for k in range(n_inputs):
            known = shares.copy()
            known[:, k] = 1.0
            change = self._set(known)
            known[:, k] = 0.0
            change -= self._set(known)
            # How much classes differ in a feature goes with its variance, as shares can.
            response += change**2 * (shares[:, k] * (1.0 - shares[:, k]))
        both, one, other = (
            self._shares @ v.mean(axis=1) for v in (noise * response, noise, response)
        )
        return float(both / (one * other)) if one * other > 0.0 else 1.0

    def _set(self, inputs: Floats) -> Floats:
        """Return the probability of a bit by those of its inputs, (n, plus + minus), by cut."""
        plus, minus = (_distribution(part) for part in np.split(inputs, [self._plus], axis=1))
        above = np.cumsum(plus[::-1], axis=0)[::-1]  # P(u >= i)
        found = np.zeros((len(self._cuts), len(inputs)))
        for row, cut in zip(found, self._cuts.tolist(), strict=True):
            for v, weight in enumerate(minus):
                least = max(v + cut + 1, 0)
                if least <= self._plus:
                    row += weight * above[least]
        return found

    def _overlap(self, a: Floats, b: Floats, c: Floats) -> Floats:
        cells = (c, a - c, b - c, 1.0 - a - b + c)
        plus, minus = _joint(cells, self._plus), _joint(cells, self._minus)
        above = np.cumsum(np.cumsum(plus[::-1, ::-1], axis=0), axis=1)[::-1, ::-1]
        found = np.zeros(len(c))
        for cut, share in zip(self._cuts.tolist(), self._shares, strict=True):
            for v in range(self._minus + 1):
                for w in range(self._minus + 1):
                    least = max(v + cut + 1, 0), max(w + cut + 1, 0)
                    if max(least) <= self._plus:
                        found += share * minus[v, w] * above[least]
        return found


def _distribution(inputs: Floats) -> Floats:
    """Return the distribution of how many of independent bits are set, (k + 1, n)."""
    found = np.zeros((inputs.shape[1] + 1, len(inputs)))
    found[0] = 1.0
    for k in range(inputs.shape[1]):
        share = inputs[:, k]
        for i in range(k + 1, 0, -1):
            found[i] += share * (found[i - 1] - found[i])
        found[0] -= share * found[0]
    return found


def _joint(cells: tuple[Floats, Floats, Floats, Floats], k: int) -> Floats:
    """Return the distribution of how many of k inputs are set for two samples, (k+1, k+1, n).

    `cells` are the shares of features that are set for both, the first, the second, neither.
    """
    both, first, second, neither = cells
    found = np.zeros((k + 1, k + 1, len(both)))
    found[0, 0] = 1.0
    for n in range(k):
        last = found[: n + 1, : n + 1].copy()
        found[: n + 1, : n + 1] *= neither
        found[1 : n + 2, 1 : n + 2] += both * last
        found[1 : n + 2, : n + 1] += first * last
        found[: n + 1, 1 : n + 2] += second * last
    return found
