"""Stages of a network: their shapes, and what the compiled core and files are told of them.

A new kind is a class with `@STAGES.kind`, as here and in `convolutions`; everything that takes a
stage then takes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

import numpy as np

import randprop._core as _core
from randprop._registry import Registry
from randprop._validation import as_integers, check_choice, check_int, check_number

__all__ = ["MAX_WIDTH", "STAGES", "WEIGHT_BITS", "Dense", "Shape", "Stage", "check_bias"]

MAX_WIDTH = 1 << 28
MAX_FAN_IN = 65536
WEIGHT_BITS = (1, 2, 4, 8, 24)
Shape = tuple[int, ...]  # (n_features,), (length, channels) or (height, width, channels)
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
        self._set("bias", check_bias("bias", self.bias))
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
        """Whether the outputs are counts, and not bits."""
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


def check_bias(name: str, bias: Any) -> float:
    """Return an int as it is, a number as a float: which it is decides what it means."""
    if isinstance(bias, (int, np.integer)) and not isinstance(bias, (bool, np.bool_)):
        return check_int(name, bias, 0, 2**31 - 1)
    number = check_number(name, bias)
    if number < 0.0:
        raise ValueError(f"{name} must be at least 0, got {number}")
    return number


@STAGES.kind
@dataclass(frozen=True, repr=False)
class Dense(Stage):
    """Fully connected stage: every unit may look at every input. An int is short for it.

    Parameters
    ----------
    units : int
        Number of output bits.
    fan_in : int, optional
        Number of inputs that a unit looks at, in [1, 65536]. It replaces `weight_bits`: the first
        half of the inputs, rounded up, have weight +1, and the others have -1. Default: all inputs,
        with weights of `weight_bits` bits.
    weight_bits : {1, 2, 4, 8, 24}, optional
        Bits of each weight. Default: those of the network.
    bias : int or float, default=0
        Thresholds are drawn uniformly from the integers of [-bias, bias]. A float is a share of the
        largest sum that a unit can have.
    thresholds : array-like of int of shape (units,), optional
        Thresholds of the units. A unit's bit is set if its sum is above its threshold. Default:
        thresholds are drawn by `bias`.

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
