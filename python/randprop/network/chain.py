"""Features by depth, for any network: the only loop over the stages of a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from randprop.network.activations import smooth
from randprop.network.smooth import SmoothNetwork
from randprop.network.step_network import StepNetwork
from randprop.network.weight_shapes import UNIFORM, ShapedNetwork

__all__ = ["Chain", "chain", "make_network"]


class Chain(Protocol):
    """What a network must have to be measured by depth."""

    @property
    def n_stages(self) -> int:
        """Stages of the chain."""

    def advance(
        self, m: int, train: Any, test: Any, *, n_threads: int | None = None
    ) -> tuple[Any, Any]:
        """Return what stage `m` makes of its inputs, those of training and of test samples."""


def chain(
    network: Chain, X_train: Any, X_test: Any, *, n_threads: int | None = None
) -> Iterator[tuple[int, Any, Any]]:
    """Send training and test samples through a network, one stage at a time.

    Yields the depth, 0 hidden layers first, and the features behind it; however deep the network,
    those of two depths are held.
    """
    train, test = X_train, X_test
    for m in range(network.n_stages):
        train, test = network.advance(m, train, test, n_threads=n_threads)
        yield m, train, test


def make_network(
    n_features: int,
    n_stages: int,
    *,
    width: Any = None,
    weight_bits: int = 8,
    weights: str = UNIFORM,
    activation: str = "step",
    seed: int = 0,
    input_shape: Iterable[int] | None = None,
) -> Chain:
    """Return the network of any weights and activation; `width` and so on as for `StepNetwork`.

    Weights of other shapes, and smooth activations, have dense stages of one width.
    """
    options: dict[str, Any] = {"activation": activation, "seed": seed}
    if weights != UNIFORM:
        return ShapedNetwork(n_features if width is None else width, n_stages, weights, **options)
    options |= {"width": width, "weight_bits": weight_bits}
    if smooth(activation):
        return SmoothNetwork(n_features, n_stages, **options)
    return StepNetwork(n_features, n_stages - 1, input_shape=input_shape, **options)
