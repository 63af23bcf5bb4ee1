"""Activations: one record each, from which everything that offers a choice makes its list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import randprop._core as _core
from randprop._registry import Registry

__all__ = ["ACTIVATIONS", "Activation", "smooth", "step_names"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Activation:
    """What a unit makes of its preactivation, and how the next stage reads that.

    `bits` is how the compiled core reads the bits z > 0, `levels` what they stand for, off and on.
    Where the outputs are real numbers `bits` is None, `value` the function in float64, and
    `difference` is act(a + b) - act(a) of float32 a and b, to float32's relative precision however
    small b is.
    """

    name: str
    bits: _core.Activation | None = None
    levels: tuple[float, float] = (0.0, 1.0)
    value: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    difference: Callable[[Floats, Floats], Floats] | None = None

    @property
    def scale(self) -> float:
        """Variance of what the bits stand for, in units of the variance of the bits."""
        return (self.levels[1] - self.levels[0]) ** 2


ACTIVATIONS: Registry[Activation] = Registry()


def step_names() -> tuple[str, ...]:
    """Activations whose outputs are bits: those that a `StepNetwork` may have."""
    return tuple(name for name, entry in ACTIVATIONS.items() if entry.bits is not None)


def smooth(name: str) -> bool:
    """Whether the outputs of an activation are real numbers."""
    return ACTIVATIONS[name].bits is None


def _relu_difference(a: Floats, b: Floats) -> Floats:
    # Where a > 0 the difference is b, cut off at -a; else what of a + b lies above 0.
    return np.where(a > 0, np.maximum(b, -a), np.maximum(a + b, 0))


def _tanh_difference(a: Floats, b: Floats, half: float = 1.0) -> Floats:
    # tanh u - tanh v = tanh(u - v) (1 - tanh u tanh v); a sigmoid is tanh of half the argument.
    factor = np.float32(half)
    rest = np.tanh(factor * (a + b))
    rest *= -np.tanh(factor * a)
    rest += 1
    b *= factor
    np.tanh(b, out=b)
    b *= rest
    b *= factor
    return b


for _activation in (
    Activation("step", bits=_core.Activation.step),
    Activation("sign", bits=_core.Activation.sign, levels=(-1.0, 1.0)),
    Activation("relu", value=lambda a: np.maximum(a, 0.0), difference=_relu_difference),
    Activation(
        "sigmoid",
        value=lambda a: np.asarray((1.0 + np.tanh(a / 2.0)) / 2.0),
        difference=lambda a, b: _tanh_difference(a, b, 0.5),
    ),
    Activation("tanh", value=np.tanh, difference=_tanh_difference),
    Activation("identity", value=lambda a: a, difference=lambda a, b: b),
):
    ACTIVATIONS.add(_activation.name, _activation)
