"""One matrix of integer weights of a caller's own, on the kernels of the networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import randprop._core as _core
from randprop._validation import check_choice, check_integers, check_threads
from randprop.bits import BitMatrix, Features, stack, trusted_bits
from randprop.network.activations import ACTIVATIONS, step_names
from randprop.network.inputs import as_input, parts_of

__all__ = ["apply_weights"]

_MAX_WEIGHT = 1 << 22
_MAX_INPUTS = 1 << 16


def apply_weights(
    X: ArrayLike | BitMatrix,
    W: NDArray[np.integer[Any]],
    *,
    activation: str = "step",
    n_threads: int | None = None,
) -> BitMatrix:
    """Send samples through one matrix of integer weights that you give.

    It uses the same kernels and the same exact sums as `StepNetwork`. Weights of any distribution
    can be rounded to integers at any scale, because a step does not depend on the scale.

    Parameters
    ----------
    X : array-like of int of shape (n_samples, n_features), or BitMatrix
        Integers from 0 to 255, or bits, as `StepNetwork.propagate` takes them; at most 65,536
        features.
    W : ndarray of shape (n_out, n_features), integer
        Weights between -2**22 and 2**22. Weights of up to 8 bits are fast. Others take two or three
        times as long.
    activation : {"step", "sign"}, default="step"
        How bits are read: as 0 and 1, or as -1 and +1. Integers are read as they are.
    n_threads : int, optional
        Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may use; in a
        worker of a pool, its share of them. -1 means all, -2 all but one.

    Returns
    -------
    BitMatrix of shape (n_samples, n_out)
        Bit i of sample s is set if the sum over k of X[s, k] W[i, k] is above 0.

    Examples
    --------
    >>> import numpy as np
    >>> import randprop
    >>> X = np.array([[1, 2], [3, 1]], dtype=np.uint8)
    >>> randprop.apply_weights(X, np.array([[1, -1], [2, -3], [0, 0]])).to_array()
    array([[0, 0, 0],
           [1, 1, 0]], dtype=uint8)
    """
    threads = check_threads(n_threads)
    check_choice("activation", activation, step_names())
    weights = check_integers("W", W, ("n_out", "n_in"))
    if 0 in weights.shape:
        raise ValueError(f"W must have shape (n_out, n_in), neither 0, got {weights.shape}")
    if weights.shape[1] > _MAX_INPUTS:
        raise ValueError(f"W must have at most {_MAX_INPUTS} columns, got {weights.shape[1]}")
    if int(weights.min()) <= -_MAX_WEIGHT or int(weights.max()) >= _MAX_WEIGHT:
        raise ValueError(
            f"W must lie between -{_MAX_WEIGHT} and {_MAX_WEIGHT}, "
            f"got values from {weights.min()} to {weights.max()}"
        )
    X = as_input(X, weights.shape[1])
    weights = np.ascontiguousarray(weights, dtype=np.int32)
    bits = ACTIVATIONS[activation].bits
    assert bits is not None
    outputs: list[Features] = []
    for part in parts_of(X):
        if isinstance(part, BitMatrix):
            words = _core.apply_weights_bits(part.words, part.n_bits, weights, bits, threads)
        else:
            words = _core.apply_weights_bytes(part, weights, threads)
        outputs.append(trusted_bits(words, len(weights)))
    found = stack(outputs)
    assert isinstance(found, BitMatrix)
    return found
