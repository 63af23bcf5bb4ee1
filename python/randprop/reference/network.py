"""Weights and propagation from their definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._validation import (
    as_integers,
    check_array,
    check_choice,
    check_int,
    check_integers,
    check_ints,
)
from randprop.reference.compiled import compiled

__all__ = [
    "check_sums", "float_preactivations", "float_propagate", "philox4x32_10", "preactivations",
    "propagate", "weights",
]  # fmt: skip

Sums = Callable[[NDArray[Any], NDArray[np.int64]], NDArray[Any]]


@compiled
def _philox(c0: int, c1: int, c2: int, c3: int, k0: int, k1: int) -> NDArray[np.uint32]:
    mask = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    a, b, c, d = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    x, y = np.uint64(k0), np.uint64(k1)
    for _ in range(10):
        p0 = np.uint64(0xD2511F53) * a
        p1 = np.uint64(0xCD9E8D57) * c
        a, b, c, d = (p1 >> shift) ^ b ^ x, p1 & mask, (p0 >> shift) ^ d ^ y, p0 & mask
        x = (x + np.uint64(0x9E3779B9)) & mask
        y = (y + np.uint64(0xBB67AE85)) & mask
    out = np.empty(4, dtype=np.uint32)
    out[0], out[1], out[2], out[3] = a, b, c, d
    return out


@compiled
def _fill_weights(w: NDArray[np.int64], key0: int, key1: int, layer: int, weight_bits: int) -> None:
    n_out, n_in = w.shape
    for i in range(n_out):
        group = i // 128
        quarter = (i % 128) // 32
        bit_index = np.uint32(i % 32)
        for k in range(n_in):
            u = 0
            for plane in range(weight_bits):
                r = _philox(group, k, layer, plane, key0, key1)
                u = 2 * u + int((r[quarter] >> bit_index) & np.uint32(1))
            w[i, k] = 2 * u - (2**weight_bits - 1)


@compiled
def _matmul(x: NDArray[np.int64], w: NDArray[np.int64], z: NDArray[np.int64]) -> None:
    for s in range(x.shape[0]):
        for i in range(w.shape[0]):
            total = 0
            for k in range(x.shape[1]):
                total += x[s, k] * w[i, k]
            z[s, i] = total


def philox4x32_10(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    """Return the four words of a Philox4x32-10 block (Salmon et al. 2011).

    Parameters
    ----------
    counter : sequence of 4 int
        Each in [0, 2**32).
    key : sequence of 2 int
        Each in [0, 2**32).

    Returns
    -------
    list of 4 int
    """
    words = check_ints("counter", counter, 0, 2**32 - 1), check_ints("key", key, 0, 2**32 - 1)
    if len(words[0]) != 4 or len(words[1]) != 2:
        raise ValueError(
            f"counter must hold 4 words and key 2, got {len(words[0])} and {len(words[1])}"
        )
    (c0, c1, c2, c3), (k0, k1) = words
    return [int(word) for word in _philox(c0, c1, c2, c3, k0, k1)]


def weights(n_in: int, n_out: int, *, layer: int, weight_bits: int, seed: int) -> NDArray[np.int64]:
    """Return the integer weights of one matrix.

    Parameters
    ----------
    n_in, n_out : int
        Inputs and outputs.
    layer : int
        Position of the matrix, 0 the first.
    weight_bits : int
        Bit-planes, plane 0 the most significant.
    seed : int
        In [0, 2**64).

    Returns
    -------
    ndarray of shape (n_out, n_in), dtype int64
    """
    n_in, n_out = check_int("n_in", n_in, 0, 1 << 28), check_int("n_out", n_out, 0, 1 << 28)
    layer = check_int("layer", layer, 0, 2**32 - 1)
    weight_bits = check_int("weight_bits", weight_bits, 1, 32)
    seed = check_int("seed", seed, 0, 2**64 - 1)
    w = np.empty((n_out, n_in), dtype=np.int64)
    _fill_weights(w, seed & 0xFFFFFFFF, seed >> 32, layer, weight_bits)
    return w


def preactivations(x: NDArray[Any], w: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the exact sums z of inputs times weights.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_in), integer
        Inputs as the matrix reads them.
    w : ndarray of shape (n_out, n_in), dtype int64
        Weights.

    Returns
    -------
    ndarray of shape (n_samples, n_out), dtype int64
    """
    x = as_integers("x", x, ("n_samples", "n_in"))
    w = as_integers("w", w, ("n_out", x.shape[1]))
    check_sums(x, w, x.shape[1])
    z = np.empty((x.shape[0], w.shape[0]), dtype=np.int64)
    _matmul(x, w, z)
    return z


def check_sums(x: NDArray[np.int64], w: NDArray[np.int64], n_terms: int) -> None:
    """Refuse sums that may not fit int64."""
    largest = [max(-int(array.min()), int(array.max()), 0) if array.size else 0 for array in (x, w)]
    if largest[0] * largest[1] * n_terms >= 2**63:
        raise ValueError(
            f"sums of {n_terms} products of x, up to {largest[0]}, and w, up to {largest[1]}, "
            "may not fit int64"
        )


def _check_chain(
    X: NDArray[np.uint8], widths: Sequence[int], activation: str, seed: int
) -> list[int]:
    check_array("X", X, np.uint8, 2)
    check_choice("activation", activation, ("step", "sign"))
    check_int("seed", seed, 0, 2**64 - 1)
    return check_ints("widths", widths, 1, 1 << 28)


def propagate(
    X: NDArray[np.uint8],
    widths: Sequence[int],
    *,
    weight_bits: int = 8,
    activation: str = "step",
    seed: int = 0,
) -> list[NDArray[np.uint8]]:
    """Send samples through a network and return the output bits of every matrix.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype uint8
        Features 0 to 255, or bits as 0 and 1.
    widths : sequence of int
        Outputs of each matrix.
    weight_bits : int, default=8
        Bits of each weight.
    activation : {"step", "sign"}, default="step"
        How matrices after the first read a bit: as 0 or 1, or as -1 or +1.
    seed : int, default=0
        In [0, 2**64).

    Returns
    -------
    list of ndarray of shape (n_samples, widths[m]), dtype uint8
        Bits as 0 and 1.
    """
    widths = _check_chain(X, widths, activation, seed)
    check_int("weight_bits", weight_bits, 1, 32)
    return _bits_behind_each(X, widths, activation, preactivations, weight_bits, seed)


def _bits_behind_each(
    x: NDArray[Any], widths: list[int], activation: str, sums: Sums, weight_bits: int, seed: int
) -> list[NDArray[np.uint8]]:
    outputs: list[NDArray[np.uint8]] = []
    for m, width in enumerate(widths):
        w = weights(x.shape[1], width, layer=m, weight_bits=weight_bits, seed=seed)
        bits = (sums(x, w) > 0).astype(np.uint8)
        outputs.append(bits)
        x = 2 * bits.astype(np.int8) - 1 if activation == "sign" else bits
    return outputs


def float_preactivations(
    x: NDArray[Any], w: NDArray[np.int64], *, weight_bits: int = 24
) -> NDArray[np.float32]:
    """Return inputs times real weights in float32.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_in), integer
        Inputs as the matrix reads them.
    w : ndarray of shape (n_out, n_in), dtype int64
        Integer weights.
    weight_bits : int, default=24
        Bits of each weight: the real weight is w / (2**weight_bits sqrt(n_in)).

    Returns
    -------
    ndarray of shape (n_samples, n_out), dtype float32
        Rounded sums. Near 0 the sign may differ from the sign of the exact sum.
    """
    x = check_integers("x", x, ("n_samples", "n_in"))
    w = check_integers("w", w, ("n_out", x.shape[1]))
    weight_bits = check_int("weight_bits", weight_bits, 1, 32)
    scale = 2.0**weight_bits * np.sqrt(w.shape[1])
    real = (w / scale).astype(np.float32)
    return np.asarray(x.astype(np.float32) @ real.T)


def float_propagate(
    X: NDArray[np.uint8], widths: Sequence[int], *, activation: str = "step", seed: int = 0
) -> list[NDArray[np.uint8]]:
    """Send samples through the float32 network: 24-bit weights, NumPy's BLAS.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype uint8
        Features 0 to 255.
    widths : sequence of int
        Outputs of each matrix.
    activation : {"step", "sign"}, default="step"
        As in `propagate`.
    seed : int, default=0
        In [0, 2**64).

    Returns
    -------
    list of ndarray of shape (n_samples, widths[m]), dtype uint8
        Bits as 0 and 1. They differ from the exact bits where rounding changes the sign.
    """
    widths = _check_chain(X, widths, activation, seed)
    return _bits_behind_each(X, widths, activation, float_preactivations, 24, seed)
