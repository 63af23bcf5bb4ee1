"""Stages of a network: their shapes, and what the compiled core and files are told of them.

A new kind is a class here with `@STAGES.kind`; everything that takes a stage then takes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeVar

import randprop._core as _core
from randprop._registry import Registry
from randprop._validation import check_int, check_ints, told

__all__ = [
    "STAGES", "Conv2D", "Dense", "Shape", "Stage", "Width", "check_image", "check_stages",
    "parse_widths", "read_stage", "shapes_of",
]  # fmt: skip

MAX_WIDTH = 1 << 28
Shape = tuple[int, ...]  # (n_features,) or (height, width, channels)
Kind = TypeVar("Kind", bound="type[Stage]")


class Stages(Registry["type[Stage]"]):
    """Kinds of stages by name."""

    def kind(self, cls: Kind) -> Kind:
        """Add a class under its own name: a decorator."""
        self.add(cls.__name__, cls)
        return cls


STAGES = Stages()


class Stage:
    """A fixed random map and a step: what a network is a chain of."""

    reads_image: ClassVar[bool] = False

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output for an input: (n,) or (height, width, channels)."""
        raise NotImplementedError

    def inputs_a_unit(self, shape: Shape) -> int:
        """Return how many inputs a unit reads: columns of its weights."""
        raise NotImplementedError

    def n_units(self) -> int:
        """Return how many units have weights of their own: rows of the weights."""
        raise NotImplementedError

    def core(self, weight_bits: int) -> _core.Dense | _core.Conv2D:
        """Return what the compiled core is told."""
        raise NotImplementedError

    def described(self) -> Any:
        """Return what a model file holds: the fields under the kind's name."""
        return {"kind": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]


@STAGES.kind
@dataclass(frozen=True)
class Dense(Stage):
    """Fully connected stage: every unit reads every input. The same as its number of units.

    Parameters
    ----------
    units : int
        Output bits.

    Examples
    --------
    >>> import randprop
    >>> network = randprop.StepNetwork(784, layers=1, width=[randprop.Dense(512), 100])
    >>> network.widths
    (512, 100)
    """

    units: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", check_int("units", self.units, 1, MAX_WIDTH))

    def output_shape(self, shape: Shape) -> Shape:  # noqa: D102
        return (self.units,)

    def inputs_a_unit(self, shape: Shape) -> int:  # noqa: D102
        return math.prod(shape)

    def n_units(self) -> int:  # noqa: D102
        return self.units

    def core(self, weight_bits: int) -> _core.Dense:  # noqa: D102
        return _core.Dense(self.units, weight_bits)

    def described(self) -> int:  # noqa: D102
        return self.units  # as files had it before there were other kinds


@STAGES.kind
@dataclass(frozen=True)
class Conv2D(Stage):
    """Convolution in place of a dense matrix of a `StepNetwork`.

    Every patch of `kernel` x `kernel` pixels goes through the same random matrix. Output unit i is
    channel i, input k is ``(dy * kernel + dx) * channels_in + c``; pixels outside the image add
    nothing to a preactivation, whatever the activation. Images are rows in the order
    (y, x, channel), channel fastest.

    Parameters
    ----------
    channels : int
        Output channels.
    kernel : int
        Side of a patch in pixels.
    stride : int, default=1
        Pixels from one patch to the next.
    padding : int, default=0
        Pixels outside the image, on every side, that patches may reach; below `kernel`.

    Examples
    --------
    >>> import randprop
    >>> conv = randprop.Conv2D(16, kernel=5, padding=2)
    >>> conv.output_shape((28, 28, 1))
    (28, 28, 16)
    >>> network = randprop.StepNetwork(784, layers=1, width=[conv, 100], input_shape=(28, 28, 1))
    >>> network.widths, network.weights(0).shape
    ((12544, 100), (16, 25))
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0

    reads_image: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name, low in (("channels", 1), ("kernel", 1), ("stride", 1), ("padding", 0)):
            object.__setattr__(self, name, check_int(name, getattr(self, name), low, MAX_WIDTH))
        if self.padding >= self.kernel:
            raise ValueError(f"padding must be below the kernel, {self.kernel}, got {self.padding}")

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
        sizes = check_ints("image", image, 1, MAX_WIDTH)
        if len(sizes) != 3:
            raise ValueError(f"image must be (height, width, channels), got {told(image)}")
        height, width, _ = sizes
        room = 2 * self.padding
        if self.kernel > min(height, width) + room:
            raise ValueError(
                f"a kernel of {self.kernel} does not fit an image of {height} x {width} "
                f"with a padding of {self.padding}"
            )
        return (
            (height + room - self.kernel) // self.stride + 1,
            (width + room - self.kernel) // self.stride + 1,
            self.channels,
        )

    def inputs_a_unit(self, shape: Shape) -> int:  # noqa: D102
        return self.kernel**2 * shape[-1]

    def n_units(self) -> int:  # noqa: D102
        return self.channels

    def core(self, weight_bits: int) -> _core.Conv2D:  # noqa: D102
        return _core.Conv2D(self.channels, self.kernel, self.stride, self.padding, weight_bits)

    def described(self) -> dict[str, int]:  # noqa: D102
        return asdict(self)  # as files had it before there were other kinds


Width = int | Stage | Iterable[int | Stage] | None


def check_stages(width: Width, n_features: int, n_stages: int) -> tuple[Stage, ...]:
    """Return the stages that the argument `width` stands for."""

    def check(name: str, entry: object) -> Stage:
        return entry if isinstance(entry, Stage) else Dense(check_int(name, entry, 1, MAX_WIDTH))

    if width is None:
        return (Dense(n_features),) * n_stages
    if isinstance(width, Iterable) and not isinstance(width, (str, bytes)):
        stages = tuple(check(f"width[{m}]", entry) for m, entry in enumerate(width))
        if len(stages) != n_stages:
            raise ValueError(
                f"width must name {n_stages} widths, one for each matrix "
                f"(layers + 1), got {len(stages)}"
            )
        return stages
    return (check("width", width),) * n_stages


def check_image(input_shape: Iterable[int] | None, n_features: int, reader: Stage) -> Shape:
    """Return `input_shape` as (height, width, channels) of `n_features` in all."""
    if input_shape is None:
        raise ValueError(f"a network that begins with a {type(reader).__name__} needs input_shape")
    sizes = tuple(check_ints("input_shape", input_shape, 1, MAX_WIDTH))
    if len(sizes) != 3:
        raise ValueError(f"input_shape must be (height, width, channels), got {sizes}")
    if math.prod(sizes) != n_features:
        raise ValueError(
            f"input_shape {sizes} has {math.prod(sizes)} features, the network {n_features}"
        )
    return sizes


def shapes_of(stages: Iterable[Stage], shape: Shape) -> tuple[Shape, ...]:
    """Return the shape of the input and of the output of each stage of a chain."""
    shapes = [shape]
    for m, stage in enumerate(stages):
        if stage.reads_image and len(shape) != 3:
            raise ValueError(
                f"width[{m}] is a {type(stage).__name__} and reads an image, "
                f"but width[{m - 1}] is not one"
            )
        try:
            shape = stage.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"width[{m}]: {error}") from None
        check_int(f"output of width[{m}]", math.prod(shape), 1, MAX_WIDTH)
        shapes.append(shape)
    return tuple(shapes)


def read_stage(found: Any) -> Stage:
    """Return the stage of which `Stage.described` told a file."""
    if not isinstance(found, dict):
        return Dense(found)
    fields = dict(found)
    kind = fields.pop("kind", "Conv2D")
    if not isinstance(kind, str) or kind not in STAGES:
        raise ValueError(f"a stage {told(kind)}")
    stage = STAGES[kind](**fields)
    if stage.described() != found:
        raise ValueError(f"a {kind} that is not as a file spells it, with all its members")
    return stage


def parse_widths(text: str) -> list[int | Stage]:
    """Return what ``512``, ``512,256`` or ``Conv2D(16, kernel=3), 256`` stands for."""
    import ast

    try:
        parsed = ast.parse(f"[{text}]", mode="eval").body
        assert isinstance(parsed, ast.List)
        found: list[int | Stage] = []
        for node in parsed.elts:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                arguments = [ast.literal_eval(value) for value in node.args]
                named = {word.arg or "": ast.literal_eval(word.value) for word in node.keywords}
                found.append(STAGES[node.func.id](*arguments, **named))
            else:
                found.append(check_int("a width", ast.literal_eval(node), 1, MAX_WIDTH))
        if not found:
            raise ValueError("none")
    except (ValueError, TypeError, SyntaxError, KeyError, AssertionError, RecursionError) as error:
        raise ValueError(
            f"expected a width or a list of widths and stages ({', '.join(STAGES)}), such as 512 "
            f"or 'Conv2D(16, kernel=3), 256', got {text!r} ({error})"
        ) from None
    return found
