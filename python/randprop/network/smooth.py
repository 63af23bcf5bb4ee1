"""Networks of smooth activations, in floating point and without loss by cancellation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from randprop.network.activations import ACTIVATIONS
from randprop.network.step_network import StepNetwork

__all__ = ["Deviations", "SmoothNetwork"]


@dataclass(frozen=True, eq=False)
class Deviations:
    """Outputs of samples as differences, `values`, from the output of a reference point."""

    point: NDArray[np.float64]
    values: NDArray[np.float32]


class SmoothNetwork:
    """Dense chain with a smooth activation.

    The outputs of a deep chain of smooth activations differ by less than float32, and in the end
    float64, tells apart. So one reference point, at first the mean of the training samples, is
    sent along in float64, and of every sample only its difference d from it, in float32 but with
    its own exponent: act(a + b) - act(a), a = W r and b = W d, is computed without cancellation.

    It reads bytes divided by 255; the weights are those of `StepNetwork`, as real numbers
    ``w / (2**weight_bits sqrt(n_in))``.
    """

    def __init__(
        self,
        n_features: int,
        n_stages: int,
        *,
        activation: str,
        width: int | None = None,
        weight_bits: int = 8,
        seed: int = 0,
    ) -> None:
        self._network = StepNetwork(
            n_features, n_stages - 1, width=width, weight_bits=weight_bits, seed=seed
        )
        self._activation = activation  # by name: its functions cannot be sent to other processes

    @property
    def n_stages(self) -> int:
        """Stages of the chain."""
        return self._network.n_stages

    def advance(
        self,
        m: int,
        train: NDArray[np.uint8] | Deviations,
        test: NDArray[np.uint8] | Deviations,
        *,
        n_threads: int | None = None,
    ) -> tuple[Deviations, Deviations]:
        """Send the inputs of a stage through it: see `randprop.network.chain`.

        What the first stage reads are bytes; `n_threads` is NumPy's affair.
        """
        activation = ACTIVATIONS[self._activation]
        value, difference = activation.value, activation.difference
        assert value is not None
        assert difference is not None
        if not isinstance(train, Deviations) or not isinstance(test, Deviations):
            assert isinstance(train, np.ndarray)
            assert isinstance(test, np.ndarray)
            point = train.mean(axis=0, dtype=np.float64) / 255.0
            parts = [
                (X / np.float32(255.0)).astype(np.float32) - point.astype(np.float32)
                for X in (train, test)
            ]
        else:
            point, parts = train.point, [train.values, test.values]
        weights = self._network.weights(m)
        W = weights / (2.0**self._network.weight_bits * np.sqrt(weights.shape[1]))
        a = W @ point
        W32 = np.ascontiguousarray(W.T, dtype=np.float32)
        centre = a.astype(np.float32)
        point = value(a)
        moved = [Deviations(point, difference(centre, d @ W32)) for d in parts]
        return moved[0], moved[1]
