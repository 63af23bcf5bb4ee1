"""Random step networks: weights from a seed, one bit an activation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import randprop._core as _core
from randprop._validation import check_choice, check_int, check_threads, told
from randprop.bits import BitMatrix, Features, stack, trusted_bits
from randprop.network.activations import step_names
from randprop.network.calibrate import calibrated_stages
from randprop.network.describe import chain_text, page, summary
from randprop.network.inputs import as_input, parts_of
from randprop.network.passes import make_core, reads_sparse, run
from randprop.network.spec import Width, check_input_shape, check_stages, resolve_all, shapes_of
from randprop.network.stages import MAX_WIDTH, WEIGHT_BITS, Dense, Shape, Stage

__all__ = ["StepNetwork"]

_MAX_STAGES = 100_001


class StepNetwork:
    """Network of fixed random weights and steps: a chain of dense or convolutional stages.

    The weight of input k to unit i of matrix m is a pure function of (seed, m, i, k). So networks
    with the same seed have the same weights at the same places, on every machine. Weights are odd
    integers, uniform and symmetric about 0. More bits refine the same network.

    Parameters
    ----------
    n_features : int
        Number of inputs of the first matrix.
    layers : int, default=0
        Number of hidden layers. There are ``layers + 1`` weight matrices.
    stages : sequence of Dense, Conv1D, Conv2D or int, optional
        The chain of stages. It replaces `layers` and `width`. An int is the number of units of a
        `Dense`. A `Conv2D` reads the image of the input or of the `Conv2D` before it. A `Conv1D`
        reads a series in the same way.
    width : int, Dense, Conv2D, or sequence of them, optional
        Number of outputs of every matrix, or a sequence with one entry for each of the ``layers +
        1`` matrices. Default: `n_features`.
    weight_bits : {1, 2, 4, 8, 24}, default=8
        Bits of each weight, for stages without their own `weight_bits`. 24 bits are, up to a scale,
        float32 weights.
    activation : {"step", "sign"}, default="step"
        How a stage reads the bits of the stage before it: as 0 or 1, or as -1 or +1. In both cases
        a unit's bit is 1 if z > t. The threshold t is 0 unless the stage has thresholds.
    seed : int, default=0
        In [0, 2**64).
    input_shape : (int, int, int) or (int, int), optional
        Height, width and channels of the input if the first stage is a `Conv2D`; features are then
        in the order (y, x, channel). Length and channels if it is a `Conv1D`; features are then in
        the order (time, channel). Ignored otherwise.

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
        stages: Iterable[int | Stage] | None = None,
        width: Width = None,
        weight_bits: int = 8,
        activation: str = "step",
        seed: int = 0,
        input_shape: Iterable[int] | None = None,
    ) -> None:
        self._n_features = check_int("n_features", n_features, 1, MAX_WIDTH)
        n_stages = check_int("layers", layers, 0, _MAX_STAGES - 1) + 1
        name, given = ("width", width) if stages is None else ("stages", stages)
        if stages is not None:
            if width is not None or n_stages != 1:
                raise ValueError("stages cannot be given together with layers or width")
            if isinstance(stages, (str, bytes, Stage)) or not isinstance(stages, Iterable):
                raise TypeError(f"stages must be a sequence of stages, got {told(stages)}")
            given = tuple(stages)
            n_stages = len(given)
            if n_stages > _MAX_STAGES:
                raise ValueError(f"stages must be at most {_MAX_STAGES}, got {n_stages}")
        chain = check_stages(given, self._n_features, n_stages, name)
        self._weight_bits = int(check_choice("weight_bits", weight_bits, WEIGHT_BITS))
        shape = check_input_shape(input_shape, self._n_features, chain[0])
        self._shapes = shapes_of(chain, shape, name)
        self._stages = resolve_all(chain, self._shapes, self._weight_bits, name)
        self._widths = tuple(math.prod(shape) for shape in self._shapes[1:])
        self._activation = str(check_choice("activation", activation, step_names()))
        self._seed = check_int("seed", seed, 0, 2**64 - 1)
        self._core = self._make_core(self._stages)

    def _make_core(self, stages: Sequence[Stage]) -> _core.Network:
        return make_core(stages, self._shapes[0], self._weight_bits, self._activation, self._seed)

    @property
    def n_features(self) -> int:
        """Number of inputs of the first matrix."""
        return self._n_features

    @property
    def layers(self) -> int:
        """Number of hidden layers."""
        return len(self._stages) - 1

    @property
    def n_stages(self) -> int:
        """Number of stages, ``layers + 1``."""
        return len(self._stages)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The chain."""
        return self._stages

    @property
    def gives_bytes(self) -> bool:
        """Whether the outputs of the last stage are counts, and not bits."""
        return self._stages[-1].gives_bytes

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of outputs of each of the ``layers + 1`` stages."""
        return self._widths

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of the input and of the output of each stage: (n,) or (..., channels)."""
        return self._shapes

    @property
    def matrices(self) -> tuple[int | Stage, ...]:
        """Each of the ``layers + 1`` stages. A plain `Dense` is given as its width."""
        return tuple(
            stage.units if stage == Dense(stage.n_units()) else stage for stage in self._stages
        )

    @property
    def input_shape(self) -> Shape | None:
        """Shape of the input, if the first stage is a convolution."""
        return self._shapes[0] if self._stages[0].input_dims > 1 else None

    @property
    def weight_bits(self) -> int:
        """Bits of each weight."""
        return self._weight_bits

    @property
    def activation(self) -> str:
        """``"step"`` or ``"sign"``."""
        return self._activation

    @property
    def seed(self) -> int:
        """The number from which all weights follow."""
        return self._seed

    @property
    def prepared_bytes(self) -> int:
        """Bytes of the weights that are prepared for the kernels so far."""
        return sum(self._held())

    def summary(self) -> str:
        """Describe the chain, one line per stage.

        Returns
        -------
        str
            Kind, shape of the output, inputs per unit, number of weights (none is stored), and
            the bytes of the weights that are prepared for the kernels so far.

        Examples
        --------
        >>> import randprop
        >>> conv = randprop.Conv2D(16, kernel=3, padding=1)
        >>> network = randprop.StepNetwork(64, 1, width=[conv, 100], input_shape=(8, 8, 1))
        >>> print(network.summary())
        stage  kind    output      inputs per unit  weights  bytes held
            0  Conv2D  8 x 8 x 16                9      144           0
            1  Dense   100                    1024   102400           0
        """
        return summary(self._stages, self._shapes, self._held())

    def _held(self) -> list[int]:
        return [self._core.prepared_bytes(m) for m in range(self.n_stages)]

    def propagate(self, X: ArrayLike | BitMatrix, *, n_threads: int | None = None) -> Any:
        """Send samples through the network.

        Parameters
        ----------
        X : array-like of int of shape (n_samples, n_features), or BitMatrix
            Integers from 0 to 255 of any type, or bits, which are read as 0 and 1. Images of shape
            (n_samples, height, width) or (n_samples, height, width, channels) become rows, and so
            do series of shape (n_samples, channels, length). `to_bytes` maps other numbers to such
            integers. A `Dense` first stage reads a sparse matrix directly: zeros take neither time
            nor memory.
        n_threads : int, optional
            Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that the process may use;
            in a worker of a pool, its share of them. -1 means all, -2 all but one. Does not change
            the result.

        Returns
        -------
        BitMatrix of shape (n_samples, widths[-1]), or ndarray of it, dtype uint8
            The output layer: bits, or counts if the last stage has a pool.
        """
        return self._propagate(X, 0, self.n_stages, _core.Keep.last, n_threads)[-1]

    def propagate_all(
        self, X: ArrayLike | BitMatrix, *, n_threads: int | None = None
    ) -> list[BitMatrix]:
        """Send samples through the network and return the output of every matrix.

        Parameters
        ----------
        X : array-like of int of shape (n_samples, n_features), or BitMatrix
            As in `propagate`.
        n_threads : int, optional
            As in `propagate`.

        Returns
        -------
        list of BitMatrix or ndarray of uint8
            Entry m is the output of the network with m hidden layers. Its shape is
            (n_samples, widths[m]).
        """
        return self._propagate(X, 0, self.n_stages, _core.Keep.all, n_threads)

    def propagate_stage(
        self, m: int, X: ArrayLike | BitMatrix, *, n_threads: int | None = None
    ) -> Any:
        """Send samples through one stage only.

        Parameters
        ----------
        m : int
            In [0, layers].
        X : array-like of int of shape (n_samples, n_features), or BitMatrix
            Features if `m` is 0, else the output of stage ``m - 1``.
        n_threads : int, optional
            As in `propagate`.

        Returns
        -------
        BitMatrix of shape (n_samples, widths[m]), or ndarray of it, dtype uint8
        """
        m = check_int("m", m, 0, self.layers)
        return self._propagate(X, m, m + 1, _core.Keep.last, n_threads)[-1]

    def calibrate(self, X: ArrayLike | BitMatrix, *, n_threads: int | None = None) -> StepNetwork:
        """Return this network with thresholds that are quantiles of its sums over samples.

        No labels are needed. Each unit gets a different quantile of its own sums, spread evenly
        over the units. So almost no unit is dead, whatever the scale of the features. Stages are
        calibrated one after the other, each on the outputs of the calibrated stages before it. They
        lose the thresholds or the bias that they had.

        Parameters
        ----------
        X : array-like of int of shape (n_samples, n_features), or BitMatrix
            As in `propagate`; at least one sample.
        n_threads : int, optional
            As in `propagate`.

        Returns
        -------
        StepNetwork
            A new network. Models and files with this network hold its thresholds too.

        Examples
        --------
        >>> import randprop
        >>> X_train, y_train, X_test, y_test = randprop.datasets.load_digits()
        >>> network = randprop.StepNetwork(64, width=100)
        >>> network.thresholds(0)[:3]
        array([0, 0, 0])
        >>> network.calibrate(X_train).thresholds(0)[:3]
        array([-7911, -3750, -1391])
        """
        threads = check_threads(n_threads)
        features = as_input(X, self._n_features, self.input_shape)
        if not features.shape[0]:
            raise ValueError("X must hold at least one sample, got 0")
        network = self
        for m in range(self.n_stages):
            stages = calibrated_stages(
                self._make_core,
                network.stages,
                m,
                self._shapes[m],
                features,
                self._weight_bits,
                threads,
            )
            network = StepNetwork(**{**self._arguments(), "stages": stages})
            if m + 1 < self.n_stages:
                features = network.propagate_stage(m, features, n_threads=threads)
        return network

    def thresholds(self, m: int) -> NDArray[np.int64]:
        """Return the thresholds of stage `m`: for each unit, the number that its sum must exceed.

        Parameters
        ----------
        m : int
            In [0, layers].

        Returns
        -------
        ndarray of shape (n_units,), dtype int64
        """
        return self._core.thresholds(check_int("m", m, 0, self.layers))

    def dilations(self, m: int) -> NDArray[np.int64]:
        """Return the dilations that stage `m` has drawn.

        Parameters
        ----------
        m : int
            In [0, layers].

        Returns
        -------
        ndarray of shape (n_units,), dtype int64
            Of shape (0,) if all units of the stage have the same dilation.
        """
        return self._core.dilations(check_int("m", m, 0, self.layers))

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
            Odd integers in [1 - 2**weight_bits, 2**weight_bits - 1]. The real weight is this
            integer divided by ``2**weight_bits * sqrt(n_in)``. If a stage has a `fan_in`: -1, 0 and
            +1. For a convolution the shape is (channels, inputs of a patch).
        """
        return self._core.weights(check_int("m", m, 0, self.layers))

    def _propagate(
        self,
        X: ArrayLike | BitMatrix,
        first: int,
        last: int,
        keep: _core.Keep,
        n_threads: int | None,
    ) -> list[Any]:  # bits or bytes: the chain decides, which no type of it tells
        threads = check_threads(n_threads)
        n_inputs = self._widths[first - 1] if first else self._n_features
        X = as_input(X, n_inputs, self.input_shape if first == 0 else None)
        parts = [
            self._named(run(self._core, part, first, last, keep, threads), last)
            for part in parts_of(X, as_sparse=reads_sparse(self._stages, first))
        ]
        return [stack(outputs) for outputs in zip(*parts, strict=True)]

    def _named(self, outputs: list[Any], last: int) -> list[Features]:
        """Return outputs of the stages before `last` as bits or bytes."""
        return [
            output if self._stages[m].gives_bytes else trusted_bits(output, self._widths[m])
            for m, output in enumerate(outputs, last - len(outputs))
        ]

    def _arguments(self) -> dict[str, Any]:
        return {
            "n_features": self._n_features,
            "stages": self._stages,
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

    def _repr_html_(self) -> str:
        given = f"{self._activation}, {self._weight_bits}-bit weights, seed {self._seed}"
        title = f"StepNetwork of {self._n_features:,} inputs: {given}"
        return page(title, self._stages, self._shapes, self._held(), self.weights)

    def __repr__(self) -> str:
        chain = chain_text(self._stages, self.matrices, self._n_features)
        shape = f", input_shape={self.input_shape}" if self.input_shape else ""
        return (
            f"StepNetwork({self._n_features}, {chain}, weight_bits={self._weight_bits}, "
            f"activation={self._activation!r}, seed={self._seed}{shape})"
        )
