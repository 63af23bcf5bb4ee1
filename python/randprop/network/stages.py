"""Stages of a network: their shapes, and what the compiled core and files are told of them.

A new kind is a class here with `@STAGES.kind`; everything that takes a stage then takes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

import numpy as np

import randprop._core as _core
from randprop._registry import Registry
from randprop._validation import (
    as_integers,
    check_choice,
    check_int,
    check_ints,
    check_number,
    told,
)

__all__ = ["MAX_WIDTH", "STAGES", "WEIGHT_BITS", "Conv1D", "Conv2D", "Dense", "Shape", "Stage"]

MAX_WIDTH = 1 << 28
MAX_FAN_IN = 65536
WEIGHT_BITS = (1, 2, 4, 8, 24)
Shape = tuple[int, ...]  # (n_features,), (length, channels) or (height, width, channels)
Pair = int | tuple[int, int]  # for y and x; an int stands for both
Kind = TypeVar("Kind", bound="type[Stage]")


class Stages(Registry["type[Stage]"]):
    """Kinds of stages by name."""

    def kind(self, cls: Kind) -> Kind:
        """Add a class under its own name: a decorator."""
        self.add(cls.__name__, cls)
        return cls


STAGES = Stages()


@dataclass(frozen=True, repr=False)
class Stage:
    """A fixed random map, a threshold and a step, and a count where one is wanted.

    What follows every kind has. `fan_in`, `weight_bits`, `bias` and `thresholds` are given by name.
    """

    fan_in: int | None = field(default=None, kw_only=True)
    weight_bits: int | None = field(default=None, kw_only=True)
    bias: float = field(default=0, kw_only=True)
    thresholds: tuple[int, ...] | None = field(default=None, kw_only=True)

    # Numbers of an input's shape: 1, or those of series and images, which a map must be given.
    input_dims: ClassVar[int] = 1
    always_shown: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.fan_in is not None:
            self._set("fan_in", check_int("fan_in", self.fan_in, 1, MAX_FAN_IN))
            if self.weight_bits is not None:
                raise ValueError("a stage has fan_in or weight_bits, not both")
        if self.weight_bits is not None:
            self._set("weight_bits", check_choice("weight_bits", self.weight_bits, WEIGHT_BITS))
        self._set("bias", _check_bias(self.bias))
        if self.thresholds is not None:
            if self.bias != 0:
                raise ValueError("a stage has thresholds or a bias, not both")
            given = as_integers("thresholds", self.thresholds, (self.n_units(),))
            self._set("thresholds", tuple(given.tolist()))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in self.always_shown]
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name not in self.always_shown and value != entry.default:
                several = f"<{self.n_units()} integers>"
                shown.append(
                    f"{entry.name}={several if entry.name == 'thresholds' else repr(value)}"
                )
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def gives_bytes(self) -> bool:
        """Whether it puts out counts rather than bits."""
        return getattr(self, "pool", None) is not None

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output for an input: (n,) or (..., channels)."""
        raise NotImplementedError

    def inputs_a_unit(self, shape: Shape) -> int:
        """Return how many inputs a unit can look at: columns of its weights."""
        raise NotImplementedError

    def n_positions(self, shape: Shape) -> int:
        """Return at how many places a unit's bit is taken, before any count."""
        return 1

    def n_units(self) -> int:
        """Return how many units have weights of their own: rows of the weights."""
        raise NotImplementedError

    def core(self, weight_bits: int) -> _core.Dense | _core.Conv1D | _core.Conv2D:
        """Return what the compiled core is told."""
        raise NotImplementedError

    def described(self) -> Any:
        """Return what a model file holds, less the thresholds, which are an array there."""
        described: dict[str, Any] = {"kind": type(self).__name__}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name != "thresholds" and value != entry.default:
                described[entry.name] = list(value) if isinstance(value, tuple) else value
        return described

    def _shared(self, weight_bits: int) -> dict[str, Any]:
        """Return what the core is told of every kind."""
        given = self.thresholds
        return {
            "weight_bits": self.weight_bits or weight_bits,
            "fan_in": self.fan_in or 0,
            "bias": int(self.bias),
            "thresholds": None if given is None else np.array(given, dtype=np.int64),
        }


def _check_bias(bias: Any) -> float:
    """Return an int as it is, a number as a float: which it is decides what it means."""
    if isinstance(bias, (int, np.integer)) and not isinstance(bias, (bool, np.bool_)):
        return check_int("bias", bias, 0, 2**31 - 1)
    number = check_number("bias", bias)
    if number < 0.0:
        raise ValueError(f"bias must be at least 0, got {number}")
    return number


@STAGES.kind
@dataclass(frozen=True, repr=False)
class Dense(Stage):
    """Fully connected stage: every unit may look at every input. The same as its number of units.

    Parameters
    ----------
    units : int
        Output bits.
    fan_in : int, optional
        Inputs that a unit looks at, in [1, 65536], in place of weights of some bits: the first
        half, rounded up, with weight +1, the others with -1. Default: all of them.
    weight_bits : {1, 2, 4, 8, 24}, optional
        Bits of a weight. Default: the network's.
    bias : int or float, default=0
        Thresholds are drawn uniformly from the integers of [-bias, bias]; a float is a share of
        the largest sum that a unit can have.
    thresholds : array-like of int of shape (units,), optional
        A unit's bit is set where its sum is above its threshold. Default: those that `bias` draws.

    Examples
    --------
    >>> import randprop
    >>> network = randprop.StepNetwork(784, layers=1, width=[randprop.Dense(512), 100])
    >>> network.widths
    (512, 100)
    """

    units: int = 0

    always_shown: ClassVar[tuple[str, ...]] = ("units",)

    def __post_init__(self) -> None:
        self._set("units", check_int("units", self.units, 1, MAX_WIDTH))
        super().__post_init__()

    def output_shape(self, shape: Shape) -> Shape:  # noqa: D102
        return (self.units,)

    def inputs_a_unit(self, shape: Shape) -> int:  # noqa: D102
        return math.prod(shape)

    def n_units(self) -> int:  # noqa: D102
        return self.units

    def core(self, weight_bits: int) -> _core.Dense:  # noqa: D102
        return _core.Dense(self.units, **self._shared(weight_bits))

    def described(self) -> Any:  # noqa: D102
        described = super().described()
        # As files had it before there were other kinds.
        return self.units if len(described) == 2 else described


def _places(name: str, size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return how many patches fit along one direction; `name` is what errors call the input."""
    reach = dilation * (kernel - 1) + 1
    if reach > size + 2 * padding:
        spread = f" with a dilation of {dilation}" if dilation > 1 else ""
        raise ValueError(
            f"a kernel of {kernel}{spread} does not fit {name} with a padding of {padding}"
        )
    return (size + 2 * padding - reach) // stride + 1


def _input_sizes(name: str, shape: Shape, wanted: tuple[str, ...]) -> list[int]:
    sizes = check_ints(name, shape, 1, MAX_WIDTH)
    if len(sizes) != len(wanted):
        raise ValueError(f"{name} must be ({', '.join(wanted)}), got {told(shape)}")
    return sizes


@STAGES.kind
@dataclass(frozen=True, repr=False)
class Conv2D(Stage):
    """Convolution: every patch of an image goes through the same random map.

    Output unit i is channel i, input k is ``(dy * kernel_x + dx) * channels_in + c``; pixels
    outside the image add nothing to a sum, whatever the activation. Images are rows in the order
    (y, x, channel), channel fastest.

    Parameters
    ----------
    channels : int
        Output channels.
    kernel : int or (int, int)
        Sides of a patch in pixels, down and across, as of all that follow.
    stride : int or (int, int), default=1
        Pixels from one patch to the next.
    padding : int or (int, int), default=0
        Pixels outside the image, on every side, that patches may reach; below `kernel`.
    dilation : int or (int, int), default=1
        Pixels from one input of a patch to the next.
    fan_in : int, optional
        As for `Dense`, of the inputs of a patch; so the three that follow.
    weight_bits : {1, 2, 4, 8, 24}, optional
    bias : int or float, default=0
    thresholds : array-like of int of shape (channels,), optional
    pool : int or (int, int), optional
        Windows, down and across, whose set bits are counted: the stage puts out bytes in the order
        (window y, window x, channel). A window of more than 255 positions has its count scaled to
        255. Default: the bits.

    Examples
    --------
    >>> import randprop
    >>> conv = randprop.Conv2D(16, kernel=5, padding=2)
    >>> conv.output_shape((28, 28, 1))
    (28, 28, 16)
    >>> network = randprop.StepNetwork(784, layers=1, width=[conv, 100], input_shape=(28, 28, 1))
    >>> network.widths, network.weights(0).shape
    ((12544, 100), (16, 25))
    >>> randprop.Conv2D(64, kernel=7, fan_in=4, pool=4).output_shape((28, 28, 1))
    (4, 4, 64)
    """

    channels: int = 0
    kernel: Pair = 0
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = field(default=1, kw_only=True)
    pool: Pair | None = field(default=None, kw_only=True)

    input_dims: ClassVar[int] = 3
    always_shown: ClassVar[tuple[str, ...]] = ("channels", "kernel", "stride", "padding")

    def __post_init__(self) -> None:
        self._set("channels", check_int("channels", self.channels, 1, MAX_WIDTH))
        for name, low in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            self._set(name, _check_pair(name, getattr(self, name), low))
        if self.pool is not None:
            self._set("pool", _check_pair("pool", self.pool, 1))
        for padding, kernel in zip(_both(self.padding), _both(self.kernel), strict=True):
            if padding >= kernel:
                raise ValueError(f"padding must be below the kernel, {kernel}, got {padding}")
        super().__post_init__()

    def output_shape(self, image: Shape) -> Shape:
        """Return the (height, width, channels) of the output.

        Parameters
        ----------
        image : tuple of int
            (height, width, channels) of the input.

        Returns
        -------
        tuple of int
        """
        places = self._map(image)
        if self.pool is not None:
            grid = _both(self.pool)
            if any(g > p for g, p in zip(grid, places, strict=True)):
                raise ValueError(f"pool {grid} is larger than the map of {tuple(places)}")
            places = list(grid)
        return (*places, self.channels)

    def n_positions(self, shape: Shape) -> int:  # noqa: D102
        return math.prod(self._map(shape))

    def _map(self, image: Shape) -> list[int]:
        sizes = _input_sizes("image", image, ("height", "width", "channels"))
        numbers = map(_both, (self.kernel, self.stride, self.padding, self.dilation))
        return [
            _places(f"an image of {sizes[0]} x {sizes[1]}", size, *given)
            for size, given in zip(sizes[:2], zip(*numbers, strict=True), strict=True)
        ]

    def inputs_a_unit(self, shape: Shape) -> int:  # noqa: D102
        return math.prod(_both(self.kernel)) * shape[-1]

    def n_units(self) -> int:  # noqa: D102
        return self.channels

    def core(self, weight_bits: int) -> _core.Conv2D:  # noqa: D102
        return _core.Conv2D(
            self.channels,
            _both(self.kernel),
            _both(self.stride),
            _both(self.padding),
            _both(self.dilation),
            _both(self.pool or 0),
            **self._shared(weight_bits),
        )

    def described(self) -> dict[str, Any]:  # noqa: D102
        described = super().described()
        if not described.keys() - {"kind", "channels", "kernel", "stride", "padding"} and all(
            isinstance(getattr(self, name), int) for name in ("kernel", "stride", "padding")
        ):
            # As files had it before there were other kinds.
            names = ("channels", "kernel", "stride", "padding")
            return {name: getattr(self, name) for name in names}
        return dict(described)


def _both(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _check_pair(name: str, value: Any, low: int) -> Pair:
    """Return one number, where both are the same, or two."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return check_int(name, value, low, MAX_WIDTH)
    numbers = check_ints(name, value, low, MAX_WIDTH)
    if len(numbers) != 2:
        raise ValueError(f"{name} must be an integer or two, for y and x, got {told(value)}")
    return numbers[0] if numbers[0] == numbers[1] else (numbers[0], numbers[1])


@STAGES.kind
@dataclass(frozen=True, repr=False)
class Conv1D(Stage):
    """Convolution along a series: every stretch of it goes through the same random map.

    Output unit i is channel i, input k is ``d * channels_in + c``; what lies outside the series
    adds nothing to a sum. Series are rows in the order (time, channel), channel fastest.

    Parameters
    ----------
    channels : int
        Output channels.
    kernel : int
        Points of a stretch.
    stride : int, default=1
        Points from one stretch to the next.
    padding : int, default=0
        Points outside the series, at either end, that stretches may reach; below `kernel`.
    dilation : int or "log", default=1
        Points from one input of a stretch to the next. ``"log"`` draws a power of 2 for each
        channel, up to the largest that fits the series; it needs ``pool=1`` and no padding.
    fan_in : int, optional
        As for `Dense`, of the inputs of a stretch; so the three that follow.
    weight_bits : {1, 2, 4, 8, 24}, optional
    bias : int or float, default=0
    thresholds : array-like of int of shape (channels,), optional
    pool : int, optional
        Windows whose set bits are counted: the stage puts out bytes in the order (window, channel).
        A window of more than 255 positions has its count scaled to 255. Default: the bits.

    Examples
    --------
    >>> import randprop
    >>> conv = randprop.Conv1D(100, kernel=9, dilation="log", fan_in=8, pool=1)
    >>> conv.output_shape((150, 1))
    (1, 100)
    """

    channels: int = 0
    kernel: int = 0
    stride: int = 1
    padding: int = 0
    dilation: int | str = field(default=1, kw_only=True)
    pool: int | None = field(default=None, kw_only=True)

    input_dims: ClassVar[int] = 2
    always_shown: ClassVar[tuple[str, ...]] = ("channels", "kernel", "stride", "padding")

    def __post_init__(self) -> None:
        for name, low in (("channels", 1), ("kernel", 1), ("stride", 1), ("padding", 0)):
            self._set(name, check_int(name, getattr(self, name), low, MAX_WIDTH))
        self._set("dilation", _check_dilation(self.dilation))
        if self.pool is not None:
            self._set("pool", check_int("pool", self.pool, 1, MAX_WIDTH))
        if self.padding >= self.kernel:
            raise ValueError(f"padding must be below the kernel, {self.kernel}, got {self.padding}")
        if self.dilation == "log" and (self.kernel < 2 or self.padding or self.pool != 1):
            raise ValueError(
                "dilation 'log' needs a kernel of at least 2, no padding and pool=1, got a kernel "
                f"of {self.kernel}, a padding of {self.padding} and pool={self.pool}"
            )
        super().__post_init__()

    def output_shape(self, series: Shape) -> Shape:
        """Return the (length, channels) of the output.

        Parameters
        ----------
        series : tuple of int
            (length, channels) of the input.

        Returns
        -------
        tuple of int
        """
        places = self.n_positions(series)
        if self.pool is not None and self.pool > places:
            raise ValueError(f"pool {self.pool} is larger than the map of {places}")
        return (self.pool or places, self.channels)

    def n_positions(self, shape: Shape) -> int:
        """Return the positions of the map; with drawn dilations those of the smallest."""
        length, _ = _input_sizes("series", shape, ("length", "channels"))
        dilation = 1 if isinstance(self.dilation, str) else self.dilation
        given = (self.kernel, self.stride, self.padding, dilation)
        return _places(f"a series of {length}", length, *given)

    def inputs_a_unit(self, shape: Shape) -> int:  # noqa: D102
        return self.kernel * shape[-1]

    def n_units(self) -> int:  # noqa: D102
        return self.channels

    def core(self, weight_bits: int) -> _core.Conv1D:  # noqa: D102
        return _core.Conv1D(
            self.channels,
            self.kernel,
            self.stride,
            self.padding,
            0 if isinstance(self.dilation, str) else self.dilation,
            self.pool or 0,
            **self._shared(weight_bits),
        )


def _check_dilation(value: Any) -> int | str:
    if isinstance(value, str):
        if value != "log":
            raise ValueError(f"dilation must be an integer or 'log', got {told(value)}")
        return value
    return check_int("dilation", value, 1, MAX_WIDTH)
