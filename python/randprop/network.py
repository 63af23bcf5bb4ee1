"""Random step networks: weights from a seed or the caller, one bit an activation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop import _core
from randprop._validation import (
    check_choice,
    check_int,
    check_integers,
    check_threads,
    refuse_masked,
)
from randprop.bits import BitMatrix
from randprop.conv import Conv2D, check_image

__all__ = ["ACTIVATIONS", "WEIGHT_BITS", "StepNetwork", "apply_weights"]

WEIGHT_BITS = (1, 2, 4, 8, 24)
ACTIVATIONS = ("step", "sign")
_MAX_WIDTH = 1 << 28
_MAX_OWN_WEIGHT = 1 << 22
_MAX_OWN_INPUTS = 1 << 16


class StepNetwork:
    """Network of fixed random weights and a step, fully connected or convolutional.

    The weight of input k to unit i of matrix m is a pure function of (seed, m, i, k), so networks
    of equal seed agree in every weight they share, on every machine. Weights are uniform on an
    odd-integer grid symmetric about 0; more bits refine the same network.

    Parameters
    ----------
    n_features : int
        Inputs of the first matrix.
    layers : int, default=0
        Hidden layers; there are ``layers + 1`` weight matrices.
    width : int, Conv2D, or sequence of them, optional
        Outputs of every matrix, or of each of the ``layers + 1``. Default: `n_features`. A
        `Conv2D` reads the image of the input or of the `Conv2D` before it.
    weight_bits : {1, 2, 4, 8, 24}, default=8
        Bits of a weight. 24 is, up to a scale, the network with float32 weights.
    activation : {"step", "sign"}, default="step"
        The output bit is z > 0 for both; the next matrix reads it as 0 or 1, or as -1 or +1.
    seed : int, default=0
        In [0, 2**64).
    input_shape : (int, int, int), optional
        Height, width and channels of the input, whose features stand in the order
        (y, x, channel). Needed where the first matrix is a `Conv2D`, ignored otherwise.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    References
    ----------
    Itoh (2024), arXiv:2409.03760. Salmon et al. (2011), "Parallel random numbers: as easy as
    1, 2, 3", SC '11, for the generator.

    Examples
    --------
    >>> import numpy as np
    >>> import randprop
    >>> network = randprop.StepNetwork(784, layers=2, width=256, seed=1)
    >>> X = np.full((3, 784), 200, dtype=np.uint8)
    >>> network.propagate(X)
    BitMatrix(n_samples=3, n_bits=256)
    >>> [bits.n_bits for bits in network.propagate_all(X)]
    [256, 256, 256]
    """

    def __init__(
        self,
        n_features: int,
        layers: int = 0,
        *,
        width: int | Conv2D | Iterable[int | Conv2D] | None = None,
        weight_bits: int = 8,
        activation: str = "step",
        seed: int = 0,
        input_shape: Iterable[int] | None = None,
    ) -> None:
        self._n_features = check_int("n_features", n_features, 1, _MAX_WIDTH)
        self._layers = check_int("layers", layers, 0, 100_000)
        self._matrices = _check_widths(width, self._n_features, self._layers + 1)
        self._input_shape = (
            check_image(input_shape, self._n_features)
            if isinstance(self._matrices[0], Conv2D)
            else None
        )
        self._widths = _output_widths(self._matrices, self._input_shape)
        self._weight_bits = int(check_choice("weight_bits", weight_bits, WEIGHT_BITS))
        self._activation = str(check_choice("activation", activation, ACTIVATIONS))
        self._seed = check_int("seed", seed, 0, 2**64 - 1)
        self._core = _core.Network(
            self._n_features,
            [
                _core.Conv2D(m.channels, m.kernel, m.stride, m.padding, self._weight_bits)
                if isinstance(m, Conv2D)
                else _core.Dense(m, self._weight_bits)
                for m in self._matrices
            ],
            _core.Activation[self._activation],
            self._seed,
            self._input_shape,
        )

    @property
    def n_features(self) -> int:
        """Inputs of the first matrix."""
        return self._n_features

    @property
    def layers(self) -> int:
        """Hidden layers."""
        return self._layers

    @property
    def widths(self) -> tuple[int, ...]:
        """Output bits of each of the ``layers + 1`` weight matrices."""
        return self._widths

    @property
    def matrices(self) -> tuple[int | Conv2D, ...]:
        """Each of the ``layers + 1`` matrices: its width, or the `Conv2D` that it is."""
        return self._matrices

    @property
    def input_shape(self) -> tuple[int, int, int] | None:
        """Height, width and channels of the input where the first matrix is a `Conv2D`."""
        return self._input_shape

    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""
        return self._weight_bits

    @property
    def activation(self) -> str:
        """``"step"`` or ``"sign"``."""
        return self._activation

    @property
    def seed(self) -> int:
        """The number that the weights are a function of."""
        return self._seed

    @property
    def prepared_bytes(self) -> int:
        """Bytes held by weights laid out for the kernels so far; they can always be made anew."""
        return sum(self._core.prepared_bytes(m) for m in range(self._layers + 1))

    def propagate(
        self, X: NDArray[np.uint8] | BitMatrix, *, n_threads: int | None = None
    ) -> BitMatrix:
        """Send samples through the network.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), dtype uint8, or BitMatrix
            Features 0 to 255, or bits read as 0 and 1.
        n_threads : int, optional
            Default: ``RANDPROP_NUM_THREADS``, else every CPU that the process may use. Does not
            change the result.

        Returns
        -------
        BitMatrix of shape (n_samples, widths[-1])
            The output layer.

        Raises
        ------
        TypeError
            If `X` is neither; float features are mapped to 8 bits by the caller.
        ValueError
            If `X` has not `n_features` columns.
        """
        return self._propagate(X, 0, self._layers + 1, False, n_threads)[-1]

    def propagate_all(
        self, X: NDArray[np.uint8] | BitMatrix, *, n_threads: int | None = None
    ) -> list[BitMatrix]:
        """Send samples through the network and keep the bits behind every matrix.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), dtype uint8, or BitMatrix
            As in `propagate`.
        n_threads : int, optional
            As in `propagate`.

        Returns
        -------
        list of BitMatrix
            Entry m is the output of the network with m hidden layers; entry m has shape
            (n_samples, widths[m]).

        Raises
        ------
        TypeError, ValueError
            As `propagate`.
        """
        return self._propagate(X, 0, self._layers + 1, True, n_threads)

    def weights(self, m: int) -> NDArray[np.int32]:
        """Return the integer weights of matrix `m`.

        Parameters
        ----------
        m : int
            In [0, layers].

        Returns
        -------
        ndarray of shape (n_out, n_in), dtype int32
            For a `Conv2D` of shape (channels, kernel**2 * channels_in). Odd integers in
            [1 - 2**weight_bits, 2**weight_bits - 1]. The real weight is this divided by
            ``2**weight_bits * sqrt(n_in)``.

        Raises
        ------
        TypeError, ValueError
            If `m` is not an integer of that range.
        """
        return self._core.weights(check_int("m", m, 0, self._layers))

    def _apply(
        self, X: NDArray[np.uint8] | BitMatrix, m: int, *, n_threads: int | None = None
    ) -> BitMatrix:
        """Send the input of matrix `m` through that matrix alone."""
        return self._propagate(X, m, m + 1, False, n_threads)[-1]

    def _propagate(
        self,
        X: NDArray[np.uint8] | BitMatrix,
        first: int,
        last: int,
        keep_all: bool,
        n_threads: int | None,
    ) -> list[BitMatrix]:
        threads = check_threads(n_threads)
        n_inputs = self._n_features if first == 0 else self._widths[first - 1]
        X = _check_input(X, n_inputs)
        keep = _core.Keep.all if keep_all else _core.Keep.last
        if isinstance(X, BitMatrix):
            outputs = self._core.propagate_bits(X.words, X.n_bits, first, last, keep, threads)
        else:
            outputs = self._core.propagate_bytes(X, first, last, keep, threads)
        widths = self._widths[first:last] if keep_all else self._widths[last - 1 : last]
        return [
            BitMatrix._trusted(words, n_bits) for words, n_bits in zip(outputs, widths, strict=True)
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (
            self._n_features,
            self._layers,
            self._matrices,
            self._weight_bits,
            self._activation,
            self._seed,
            self._input_shape,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StepNetwork):
            return NotImplemented
        return bool(self.__reduce__()[1] == other.__reduce__()[1])

    def __hash__(self) -> int:
        return hash(self.__reduce__()[1])

    def __repr__(self) -> str:
        if set(self._matrices) == {self._n_features}:
            width = ""
        elif len(set(self._matrices)) == 1:
            width = f", width={self._matrices[0]}"
        else:
            width = f", width={self._matrices}"
        shape = f", input_shape={self._input_shape}" if self._input_shape else ""
        return (
            f"StepNetwork({self._n_features}, layers={self._layers}{width}, "
            f"weight_bits={self._weight_bits}, activation={self._activation!r}, seed={self._seed}"
            f"{shape})"
        )


def apply_weights(
    X: NDArray[np.uint8] | BitMatrix,
    W: NDArray[np.integer[Any]],
    *,
    activation: str = "step",
    n_threads: int | None = None,
) -> BitMatrix:
    """Send samples through one matrix of integer weights of the caller's own.

    The same kernels and the same exact sums as `StepNetwork`, for weights of any distribution that
    integers can stand for: a step does not see their scale.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_in), dtype uint8, or BitMatrix
        Features 0 to 255, or bits; n_in is at most 65,536.
    W : ndarray of shape (n_out, n_in), integer
        Weights between -2**22 and 2**22. Up to 8 bits are fast, more take two or three times as
        long.
    activation : {"step", "sign"}, default="step"
        How bits are read: as 0 and 1, or as -1 and +1. Features are read as they are.
    n_threads : int, optional
        Default: ``RANDPROP_NUM_THREADS``, else every CPU that the process may use.

    Returns
    -------
    BitMatrix of shape (n_samples, n_out)
        Bit i of sample s is set where the sum over k of X[s, k] W[i, k] is above 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

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
    check_choice("activation", activation, ACTIVATIONS)
    weights = check_integers("W", W, ("n_out", "n_in"))
    if 0 in weights.shape:
        raise ValueError(f"W must have shape (n_out, n_in), neither 0, got {weights.shape}")
    if weights.shape[1] > _MAX_OWN_INPUTS:
        raise ValueError(f"W must have at most {_MAX_OWN_INPUTS} columns, got {weights.shape[1]}")
    if int(weights.min()) <= -_MAX_OWN_WEIGHT or int(weights.max()) >= _MAX_OWN_WEIGHT:
        raise ValueError(
            f"W must lie between -{_MAX_OWN_WEIGHT} and {_MAX_OWN_WEIGHT}, "
            f"got values from {weights.min()} to {weights.max()}"
        )
    X = _check_input(X, weights.shape[1])
    weights = np.ascontiguousarray(weights, dtype=np.int32)
    if isinstance(X, BitMatrix):
        words = _core.apply_weights_bits(
            X.words, X.n_bits, weights, _core.Activation[activation], threads
        )
    else:
        words = _core.apply_weights_bytes(X, weights, threads)
    return BitMatrix._trusted(words, len(weights))


def _rebuild(
    n_features: int,
    layers: int,
    matrices: tuple[int | Conv2D, ...],
    weight_bits: int,
    activation: str,
    seed: int,
    input_shape: tuple[int, int, int] | None = None,
) -> StepNetwork:
    return StepNetwork(
        n_features,
        layers,
        width=matrices,
        weight_bits=weight_bits,
        activation=activation,
        seed=seed,
        input_shape=input_shape,
    )


def _check_widths(
    width: int | Conv2D | Iterable[int | Conv2D] | None, n_features: int, n_matrices: int
) -> tuple[int | Conv2D, ...]:
    def check(name: str, entry: object) -> int | Conv2D:
        return entry if isinstance(entry, Conv2D) else check_int(name, entry, 1, _MAX_WIDTH)

    if width is None:
        return (n_features,) * n_matrices
    if isinstance(width, Iterable) and not isinstance(width, (str, bytes)):
        widths = tuple(check(f"width[{m}]", entry) for m, entry in enumerate(width))
        if len(widths) != n_matrices:
            raise ValueError(
                f"width must name {n_matrices} widths, one for each matrix "
                f"(layers + 1), got {len(widths)}"
            )
        return widths
    return (check("width", width),) * n_matrices


def _output_widths(
    matrices: tuple[int | Conv2D, ...], image: tuple[int, int, int] | None
) -> tuple[int, ...]:
    widths = []
    for m, matrix in enumerate(matrices):
        if isinstance(matrix, Conv2D):
            if image is None:
                raise ValueError(
                    f"width[{m}] is a Conv2D and reads an image, but width[{m - 1}] is not one"
                )
            try:
                image = matrix.output_shape(image)
            except ValueError as error:
                raise ValueError(f"width[{m}]: {error}") from None
            widths.append(check_int(f"output of width[{m}]", math.prod(image), 1, _MAX_WIDTH))
        else:
            image = None
            widths.append(matrix)
    return tuple(widths)


def _check_input(X: NDArray[np.uint8] | BitMatrix, n_inputs: int) -> NDArray[np.uint8] | BitMatrix:
    if isinstance(X, BitMatrix):
        _check_features(X.shape, n_inputs)
        return X
    if not isinstance(X, np.ndarray) or X.dtype != np.uint8:
        came = f"an array of {X.dtype}" if isinstance(X, np.ndarray) else type(X).__name__
        raise TypeError(
            "X must be a uint8 array of features 0 to 255 or a BitMatrix, "
            f"got {came}; BitMatrix.from_array packs 0/1 arrays"
        )
    refuse_masked("X", X)
    _check_features(X.shape, n_inputs)
    return np.ascontiguousarray(X)


def _check_features(shape: tuple[int, ...], n_inputs: int) -> None:
    if len(shape) != 2:
        raise ValueError(f"X must have 2 dimensions (n_samples, n_features), got shape {shape}")
    if shape[1] != n_inputs:
        raise ValueError(f"X has {shape[1]} features, the network expects {n_inputs}")
