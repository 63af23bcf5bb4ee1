"""Convolutions of images and of series, and counts in windows of their maps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import randprop._core as _core
from randprop._validation import check_int, check_ints, told
from randprop.network.stages import MAX_WIDTH, STAGES, Shape, Stage

__all__ = ["Conv1D", "Conv2D"]

Pair = int | tuple[int, int]  # for y and x; an int stands for both


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

    Output unit i is channel i, and input k is ``(dy * kernel_x + dx) * channels_in + c``. Pixels
    outside the image add nothing to a sum, with either activation. Images are rows in the order
    (y, x, channel), with the channel fastest.

    Parameters
    ----------
    channels : int
        Output channels.
    kernel : int or (int, int)
        Sides of a patch in pixels, down and across. The other pairs below are down and across too.
    stride : int or (int, int), default=1
        Pixels from one patch to the next.
    padding : int or (int, int), default=0
        Number of pixels outside the image, on every side, that patches may reach. Below `kernel`.
    dilation : int or (int, int), default=1
        Pixels from one input of a patch to the next.
    fan_in : int, optional
        As for `Dense`, among the inputs of a patch. The next three are as for `Dense` too.
    weight_bits : {1, 2, 4, 8, 24}, optional
    bias : int or float, default=0
    thresholds : array-like of int of shape (channels,), optional
    pool : int or (int, int), optional
        Numbers of windows, down and across, whose set bits are counted: not their size. With
        ``pool=2`` there are 2 x 2 windows, each a quarter of the map. The outputs are then counts,
        as bytes in the order (window y, window x, channel). In a window of more than 255 positions,
        the count is scaled to 255. Default: no counts; the outputs are bits.

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

    Output unit i is channel i, and input k is ``d * channels_in + c``. Points outside the series
    add nothing to a sum. Series are rows in the order (time, channel), with the channel fastest.

    Parameters
    ----------
    channels : int
        Output channels.
    kernel : int
        Number of points of a stretch.
    stride : int, default=1
        Points from one stretch to the next.
    padding : int, default=0
        Number of points outside the series, at either end, that stretches may reach. Below
        `kernel`.
    dilation : int or "log", default=1
        Points from one input of a stretch to the next. ``"log"`` draws a power of 2 for each
        channel, up to the largest that fits the series; it needs ``pool=1`` and no padding.
    fan_in : int, optional
        As for `Dense`, among the inputs of a stretch. The next three are as for `Dense` too.
    weight_bits : {1, 2, 4, 8, 24}, optional
    bias : int or float, default=0
    thresholds : array-like of int of shape (channels,), optional
    pool : int, optional
        Number of windows whose set bits are counted: not their size. The outputs are then counts,
        as bytes in the order (window, channel). In a window of more than 255 positions, the count
        is scaled to 255. Default: no counts; the outputs are bits.

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
