"""Random step networks: weights from a seed, one bit an activation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import randprop._core as _core
from randprop._tables import text_table
from randprop._validation import check_choice, check_int, check_threads
from randprop.bits import BitMatrix, Features, trusted_bits
from randprop.network.activations import ACTIVATIONS, step_names
from randprop.network.inputs import as_input
from randprop.network.stages import (
    MAX_WIDTH,
    Dense,
    Shape,
    Stage,
    Width,
    check_image,
    check_stages,
    shapes_of,
)

__all__ = ["WEIGHT_BITS", "StepNetwork"]

WEIGHT_BITS = (1, 2, 4, 8, 24)


class StepNetwork:
    """Network of fixed random weights and a step: a chain of stages, dense or convolutional.

    The weight of input k to unit i of matrix m is a pure function of (seed, m, i, k), so networks
    of equal seed agree in every weight they share, on every machine. Weights are uniform on an
    odd-integer grid symmetric about 0; more bits refine the same network.

    Parameters
    ----------
    n_features : int
        Inputs of the first matrix.
    layers : int, default=0
        Hidden layers; there are ``layers + 1`` weight matrices.
    width : int, Dense, Conv2D, or sequence of them, optional
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
        width: Width = None,
        weight_bits: int = 8,
        activation: str = "step",
        seed: int = 0,
        input_shape: Iterable[int] | None = None,
    ) -> None:
        self._n_features = check_int("n_features", n_features, 1, MAX_WIDTH)
        self._stages = check_stages(
            width, self._n_features, check_int("layers", layers, 0, 100_000) + 1
        )
        first = self._stages[0]
        shape: Shape = (self._n_features,)
        if first.reads_image:
            shape = check_image(input_shape, self._n_features, first)
        self._shapes = shapes_of(self._stages, shape)
        self._widths = tuple(math.prod(shape) for shape in self._shapes[1:])
        self._weight_bits = int(check_choice("weight_bits", weight_bits, WEIGHT_BITS))
        self._activation = str(check_choice("activation", activation, step_names()))
        self._seed = check_int("seed", seed, 0, 2**64 - 1)
        bits = ACTIVATIONS[self._activation].bits
        assert bits is not None
        self._core = _core.Network(
            self._n_features,
            [stage.core(self._weight_bits) for stage in self._stages],
            bits,
            self._seed,
            shape if first.reads_image else None,
        )

    @property
    def n_features(self) -> int:
        """Inputs of the first matrix."""
        return self._n_features

    @property
    def layers(self) -> int:
        """Hidden layers."""
        return len(self._stages) - 1

    @property
    def n_stages(self) -> int:
        """Stages of the chain, ``layers + 1``."""
        return len(self._stages)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The chain."""
        return self._stages

    @property
    def widths(self) -> tuple[int, ...]:
        """Output bits of each of the ``layers + 1`` weight matrices."""
        return self._widths

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of the input and of the output of each stage: (n,) or (height, width, channels)."""
        return self._shapes

    @property
    def matrices(self) -> tuple[int | Stage, ...]:
        """Each of the ``layers + 1`` matrices: its width, or the `Conv2D` that it is."""
        return tuple(stage.units if isinstance(stage, Dense) else stage for stage in self._stages)

    @property
    def input_shape(self) -> Shape | None:
        """Height, width and channels of the input where the first matrix is a `Conv2D`."""
        return self._shapes[0] if self._stages[0].reads_image else None

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
        return sum(map(self._core.prepared_bytes, range(self.n_stages)))

    def summary(self) -> str:
        """Describe the chain, one line a stage.

        Returns
        -------
        str
            Kind, shape of the output, inputs a unit, weights (of the seed: none is stored), and
            the bytes that weights laid out for the kernels hold so far.

        Examples
        --------
        >>> import randprop
        >>> conv = randprop.Conv2D(16, kernel=3, padding=1)
        >>> network = randprop.StepNetwork(64, 1, width=[conv, 100], input_shape=(8, 8, 1))
        >>> print(network.summary())
        stage  kind    output      inputs a unit  weights  bytes held
            0  Conv2D  8 x 8 x 16              9      144           0
            1  Dense   100                  1024   102400           0
        """
        lines = [["stage", "kind", "output", "inputs a unit", "weights", "bytes held"]]
        for m, stage in enumerate(self._stages):
            inputs = stage.inputs_a_unit(self._shapes[m])
            output = " x ".join(map(str, self._shapes[m + 1]))
            numbers = (inputs, inputs * stage.n_units(), self._core.prepared_bytes(m))
            lines.append([str(m), type(stage).__name__, output, *map(str, numbers)])
        return text_table(lines, left=(1, 2))

    def propagate(self, X: ArrayLike | BitMatrix, *, n_threads: int | None = None) -> BitMatrix:
        """Send samples through the network.

        Parameters
        ----------
        X : array-like of int of shape (n_samples, n_features), or BitMatrix
            Integers from 0 to 255 of any type, or bits read as 0 and 1. Images of shape
            (n_samples, height, width) or (n_samples, height, width, channels) are laid out as rows.
            `to_bytes` makes such integers of other numbers.
        n_threads : int, optional
            Default: ``RANDPROP_NUM_THREADS``, else every CPU that the process may use, in a worker
            of a pool its share of them; -1: all, -2: all but one. Does not change the result.

        Returns
        -------
        BitMatrix of shape (n_samples, widths[-1])
            The output layer.
        """
        return self._propagate(X, 0, self.n_stages, _core.Keep.last, n_threads)[-1]

    def propagate_all(
        self, X: ArrayLike | BitMatrix, *, n_threads: int | None = None
    ) -> list[BitMatrix]:
        """Send samples through the network and keep the bits behind every matrix.

        Parameters
        ----------
        X : array-like of int of shape (n_samples, n_features), or BitMatrix
            As in `propagate`.
        n_threads : int, optional
            As in `propagate`.

        Returns
        -------
        list of BitMatrix
            Entry m is the output of the network with m hidden layers; entry m has shape
            (n_samples, widths[m]).
        """
        return self._propagate(X, 0, self.n_stages, _core.Keep.all, n_threads)

    def propagate_stage(
        self, m: int, X: ArrayLike | BitMatrix, *, n_threads: int | None = None
    ) -> BitMatrix:
        """Send the input of one stage through that stage alone.

        Parameters
        ----------
        m : int
            In [0, layers].
        X : array-like of int of shape (n_samples, n_features), or BitMatrix
            Features where `m` is 0, else the bits that stage ``m - 1`` put out.
        n_threads : int, optional
            As in `propagate`.

        Returns
        -------
        BitMatrix of shape (n_samples, widths[m])
        """
        m = check_int("m", m, 0, self.layers)
        return self._propagate(X, m, m + 1, _core.Keep.last, n_threads)[-1]

    def advance(
        self, m: int, train: Features, test: Features, *, n_threads: int | None = None
    ) -> tuple[Features, Features]:
        """Send the inputs of a stage through it: see `randprop.network.chain`."""
        return (
            self.propagate_stage(m, train, n_threads=n_threads),
            self.propagate_stage(m, test, n_threads=n_threads),
        )

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
        """
        return self._core.weights(check_int("m", m, 0, self.layers))

    def _propagate(
        self,
        X: ArrayLike | BitMatrix,
        first: int,
        last: int,
        keep: _core.Keep,
        n_threads: int | None,
    ) -> list[BitMatrix]:
        threads = check_threads(n_threads)
        X = as_input(X, self._widths[first - 1] if first else self._n_features)
        if isinstance(X, BitMatrix):
            outputs = self._core.propagate_bits(X.words, X.n_bits, first, last, keep, threads)
        else:
            outputs = self._core.propagate_bytes(X, first, last, keep, threads)
        widths = self._widths[last - len(outputs) : last]
        return [trusted_bits(words, n_bits) for words, n_bits in zip(outputs, widths, strict=True)]

    def _arguments(self) -> dict[str, Any]:
        return {
            "n_features": self._n_features,
            "layers": self.layers,
            "width": self._stages,
            "weight_bits": self._weight_bits,
            "activation": self._activation,
            "seed": self._seed,
            "input_shape": self.input_shape,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(StepNetwork, **self._arguments()), ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StepNetwork):
            return NotImplemented
        return self._arguments() == other._arguments()

    def __hash__(self) -> int:
        return hash(tuple(self._arguments().values()))

    def __repr__(self) -> str:
        matrices = self.matrices
        if set(matrices) == {self._n_features}:
            width = ""
        elif len(set(matrices)) == 1:
            width = f", width={matrices[0]}"
        else:
            width = f", width={matrices}"
        shape = f", input_shape={self.input_shape}" if self.input_shape else ""
        return (
            f"StepNetwork({self._n_features}, layers={self.layers}{width}, "
            f"weight_bits={self._weight_bits}, activation={self._activation!r}, seed={self._seed}"
            f"{shape})"
        )
