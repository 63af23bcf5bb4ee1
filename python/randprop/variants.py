"""Networks that the definition does not hold: weights of other shapes, smooth activations.

Weights of other shapes are integers that stand for them, so that the packed kernels and their exact
sums serve them too; a step does not see the scale of a row. Smooth activations take floating point.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from randprop._validation import check_choice, told
from randprop.bits import BitMatrix
from randprop.network import StepNetwork, apply_weights

__all__ = [
    "FLOAT_ACTIVATIONS",
    "WEIGHTS",
    "bit_chain",
    "check_weights",
    "draw_weights",
    "float_chain",
]

WEIGHTS = (
    "uniform",
    "gaussian",
    "ternary",
    "cauchy",
    "orthogonal",
    "zero_sum",
    "shifted_P",
    "fan_in_K",
    "fan_in_K_balanced",
)
_PLAIN = WEIGHTS[:6]
FLOAT_ACTIVATIONS = ("relu", "sigmoid", "tanh", "identity")
_SPREAD = 30  # standard deviation of 8-bit integers that stand for a Gaussian: 4.2 of them fit
_HEAVY = 32_000  # the largest weight of a Cauchy row: 16 bits


def check_weights(name: str) -> str:
    """Return the name of a distribution of weights if it is one.

    ``shifted_P`` is uniform on (-a + s, a + s) with s = P % of a; ``fan_in_K`` has K inputs a unit,
    weights -1 and +1 at random; ``fan_in_K_balanced``, K even, as many of one as of the other.
    """
    if isinstance(name, str) and (
        match := re.fullmatch(r"(shifted|fan_in)_(\d+)(_balanced)?", name)
    ):
        kind, number, balanced = match.groups()
        fits = 1 <= int(number) <= 100 if kind == "shifted" else 1 <= int(number) <= 4096
        if fits and not (balanced and (kind == "shifted" or int(number) % 2)):
            return name
    if not isinstance(name, str) or name not in _PLAIN:
        raise ValueError(
            f"weights must be one of {', '.join(map(repr, WEIGHTS))}, with P from 1 to 100 and K "
            f"from 1 to 4096, even where balanced; got {told(name)}"
        )
    return name


def draw_weights(name: str, n_in: int, n_out: int, *, layer: int, seed: int) -> NDArray[np.int32]:
    """Draw a matrix of integer weights.

    Parameters
    ----------
    name : str
        As `check_weights` takes it, but ``"uniform"``, whose weights `StepNetwork` has.
    n_in, n_out : int
        Inputs and units.
    layer : int
        Position of the matrix.
    seed : int
        The same arguments give the same weights.

    Returns
    -------
    ndarray of shape (n_out, n_in), dtype int32
    """
    rng = np.random.default_rng([zlib.crc32(name.encode()), layer, seed])
    shape = (n_out, n_in)
    if name == "gaussian":
        return _rounded(_SPREAD * rng.standard_normal(shape, dtype=np.float32))
    if name == "ternary":
        return rng.integers(-1, 2, shape, dtype=np.int32)
    if name == "cauchy":
        values = rng.standard_cauchy(shape)
        values *= _HEAVY / np.abs(values).max(axis=1, keepdims=True)
        return np.rint(values).astype(np.int32)
    if name == "orthogonal":
        # Rows, or where there are more of them than inputs columns, are orthonormal.
        tall = rng.standard_normal((max(shape), min(shape)), dtype=np.float32)
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diag(r))  # makes it uniform over orthogonal matrices
        q = q if n_out >= n_in else q.T
        return _rounded(_SPREAD * np.sqrt(max(shape)) * q)
    if name == "zero_sum":
        return _zero_sum(rng.integers(-100, 101, shape, dtype=np.int32), rng)
    kind, number = name.removesuffix("_balanced").rsplit("_", 1)
    if kind == "shifted":
        return rng.integers(-60, 61, shape, dtype=np.int32) + round(60 * int(number) / 100)
    k = min(int(number), n_in)
    columns = np.argsort(rng.random(shape, dtype=np.float32), axis=1)[:, :k]
    if name.endswith("_balanced"):
        signs = np.tile(np.where(np.arange(k) % 2 == 0, 1, -1), (n_out, 1))
    else:
        signs = rng.choice(np.array([-1, 1]), size=(n_out, k))
    weights = np.zeros(shape, dtype=np.int32)
    np.put_along_axis(weights, columns, signs.astype(np.int32), axis=1)
    return weights


def bit_chain(
    X_train: NDArray[np.uint8],
    X_test: NDArray[np.uint8],
    *,
    n_matrices: int,
    width: int | None = None,
    weight_bits: int = 8,
    weights: str = "uniform",
    activation: str = "step",
    seed: int = 0,
    n_threads: int | None = None,
) -> Iterator[tuple[BitMatrix, BitMatrix]]:
    """Send training and test samples through a chain, one matrix at a time.

    Parameters
    ----------
    X_train, X_test : ndarray of shape (n_samples, n_features), dtype uint8
        Features.
    n_matrices : int
        Matrices of the chain.
    width : int, optional
        Units of each. Default: the number of features.
    weight_bits : int, default=8
        Of uniform weights.
    weights : str, default="uniform"
        As `check_weights` takes it.
    activation : {"step", "sign"}
    seed : int
    n_threads : int, optional

    Yields
    ------
    train, test : BitMatrix
        Bits behind matrix 0, 1, ...
    """
    n_features = X_train.shape[1]
    width = n_features if width is None else width
    # Together, so that the weights of others than the definition are drawn and laid out once.
    n_train = len(X_train)
    both: NDArray[np.uint8] | BitMatrix = np.concatenate([X_train, X_test])
    network = StepNetwork(
        n_features,
        n_matrices - 1,
        width=width,
        weight_bits=weight_bits,
        activation=activation,
        seed=seed,
    )
    for m in range(n_matrices):
        if weights == "uniform":
            both = network._apply(both, m, n_threads=n_threads)
        else:
            W = draw_weights(weights, n_features if m == 0 else width, width, layer=m, seed=seed)
            both = apply_weights(both, W, activation=activation, n_threads=n_threads)
        yield both[:n_train], both[n_train:]


def float_chain(
    X_train: NDArray[np.uint8],
    X_test: NDArray[np.uint8],
    *,
    n_matrices: int,
    width: int | None = None,
    weight_bits: int = 8,
    activation: str = "tanh",
    seed: int = 0,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]]:
    """Send samples through a chain with a smooth activation, as differences from one point.

    The outputs of a deep chain of smooth activations differ by less than float32, and in the end
    float64, tells apart. So one reference point, at first the mean of the training samples, is
    sent along in float64, and of every sample only its difference d from it, in float32 but with
    its own exponent: act(a + b) - act(a), a = W r and b = W d, is computed without cancellation.

    Parameters
    ----------
    X_train, X_test : ndarray of shape (n_samples, n_features), dtype uint8
        Features; the network reads them divided by 255.
    n_matrices, width, weight_bits, seed
        As `bit_chain`; the same weights, as real numbers ``w / (2**weight_bits sqrt(n_in))``.
    activation : {"relu", "sigmoid", "tanh", "identity"}

    Yields
    ------
    reference : ndarray of shape (width,), dtype float64
        Output for the reference point.
    train, test : ndarray of shape (n_samples, width), dtype float32
        Outputs less `reference`.
    """
    check_choice("activation", activation, FLOAT_ACTIVATIONS)
    n_features = X_train.shape[1]
    network = StepNetwork(
        n_features, n_matrices - 1, width=width, weight_bits=weight_bits, seed=seed
    )
    point = X_train.mean(axis=0, dtype=np.float64) / 255.0
    train, test = (
        (X / np.float32(255.0)).astype(np.float32) - point.astype(np.float32)
        for X in (X_train, X_test)
    )
    for m in range(n_matrices):
        W = network.weights(m) / (2.0**weight_bits * np.sqrt(network.weights(m).shape[1]))
        a = W @ point
        W32 = np.ascontiguousarray(W.T, dtype=np.float32)
        train, test = (_difference(activation, a, d @ W32) for d in (train, test))
        point = _value(activation, a)
        yield point, train, test


def _value(activation: str, a: NDArray[np.float64]) -> NDArray[np.float64]:
    if activation == "relu":
        return np.maximum(a, 0.0)
    if activation == "sigmoid":
        return np.asarray((1.0 + np.tanh(a / 2.0)) / 2.0)
    return np.tanh(a) if activation == "tanh" else a


def _difference(
    activation: str, a: NDArray[np.float64], b: NDArray[np.float32]
) -> NDArray[np.float32]:
    """act(a + b) - act(a), to float32's relative precision however small b is."""
    centre = a.astype(np.float32)
    if activation == "relu":
        # Where a > 0 the difference is b, cut off at -a; else what of a + b lies above 0.
        return np.where(centre > 0, np.maximum(b, -centre), np.maximum(centre + b, 0))
    if activation == "identity":
        return b
    # tanh u - tanh v = tanh(u - v) (1 - tanh u tanh v); a sigmoid is tanh of half the argument.
    half = np.float32(0.5 if activation == "sigmoid" else 1.0)
    rest = np.tanh(half * (centre + b))
    rest *= -np.tanh(half * centre)
    rest += 1
    b *= half
    np.tanh(b, out=b)
    b *= rest
    b *= half
    return b


def _rounded(values: NDArray[np.floating]) -> NDArray[np.int32]:
    return np.asarray(np.clip(np.rint(values), -127, 127), dtype=np.int32)


def _zero_sum(weights: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
    """Shift the weights of each row by its mean, in whole numbers, to the sum 0."""
    n_in = weights.shape[1]
    sums = weights.sum(axis=1)
    weights = weights - (sums // n_in)[:, None].astype(np.int32)
    rest = (sums % n_in)[:, None]
    # As many weights as are left over lose one more, at random places.
    order = np.argsort(rng.random(weights.shape, dtype=np.float32), axis=1)
    return np.asarray(weights - (np.argsort(order, axis=1) < rest), dtype=np.int32)
