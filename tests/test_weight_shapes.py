"""Weights of other shapes, and smooth activations without rounding."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import random_bytes
from randprop import StepNetwork
from randprop.network.chain import chain, make_network
from randprop.network.weight_shapes import check_weights, draw_weights

NAMES = (
    "gaussian", "ternary", "cauchy", "orthogonal", "zero_sum", "shifted_5", "fan_in_2",
    "fan_in_4_balanced",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_a_function_of_their_arguments(name):
    W = draw_weights(name, 60, 50, layer=2, seed=7)
    assert W.shape == (50, 60)
    assert W.dtype == np.int32
    assert np.array_equal(W, draw_weights(name, 60, 50, layer=2, seed=7))
    for other in ({"layer": 3, "seed": 7}, {"layer": 2, "seed": 8}):
        assert not np.array_equal(W, draw_weights(name, 60, 50, **other))
    assert check_weights(name) == name


def draw(name, n_in=784, n_out=400):
    return draw_weights(name, n_in, n_out, layer=0, seed=1)


def test_shapes_are_what_their_names_say():
    gaussian = draw("gaussian") / 30
    assert gaussian.mean() == pytest.approx(0, abs=0.01)
    assert gaussian.std() == pytest.approx(1, abs=0.01)
    assert np.mean(gaussian**4) == pytest.approx(3, abs=0.1)
    assert np.bincount(draw("ternary").ravel() + 1) / (784 * 400) == pytest.approx(
        [1 / 3] * 3, abs=0.01
    )
    cauchy = draw("cauchy")
    assert np.abs(cauchy).max(axis=1).tolist() == [32_000] * 400
    assert np.median(np.abs(cauchy)) < 0.01 * 32_000
    assert not draw("zero_sum").sum(axis=1).any()
    assert np.abs(draw("zero_sum")).max() <= 127
    shifted = draw("shifted_5")
    assert (shifted.min(), shifted.max()) == (-57, 63)
    assert shifted.mean() == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize("shape", [(300, 150), (100, 300), (90, 90)])
def test_orthogonal(shape):
    W = draw("orthogonal", *shape) / (30 * np.sqrt(max(shape)))
    product = W @ W.T if shape[0] >= shape[1] else W.T @ W
    np.testing.assert_allclose(product, np.eye(len(product)), atol=0.02)


@pytest.mark.parametrize("k", [2, 4, 16])
def test_few_inputs(k):
    free, balanced = draw(f"fan_in_{k}"), draw(f"fan_in_{k}_balanced")
    for W in (free, balanced):
        assert np.abs(W).sum(axis=1).tolist() == [k] * 400
        assert np.abs(W).max() == 1
    assert not balanced.sum(axis=1).any()
    assert free.sum(axis=1).any()
    # Every input is about as likely as any other.
    assert np.abs(W).sum(axis=0).max() < 400 * k / 784 + 6 * np.sqrt(400 * k / 784) + 2
    assert np.abs(draw("fan_in_100", n_in=3, n_out=5)).sum(axis=1).tolist() == [3] * 5


@pytest.mark.parametrize(
    "name",
    [
        "normal", "shifted_0", "shifted_101", "shifted_5_balanced", "fan_in_0", "fan_in_9999",
        "fan_in_3_balanced", "fan_in_2_balancedx", 3,
    ],
)  # fmt: skip
def test_unknown_weights(name):
    with pytest.raises(ValueError, match="weights must be one of 'uniform'"):
        check_weights(name)


def test_a_chain_is_the_network():
    X, T = random_bytes(1, 30, 50), random_bytes(2, 9, 50)
    network = StepNetwork(50, 2, width=70, activation="sign", weight_bits=4, seed=3)
    assert make_network(50, 3, width=70, activation="sign", weight_bits=4, seed=3) == network
    for (_, train, test), a, b in zip(
        chain(network, X, T), network.propagate_all(X), network.propagate_all(T), strict=True
    ):
        assert train == a
        assert test == b


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh", "identity"])
def test_smooth_chain_equals_extended_precision(activation):
    X, T = random_bytes(1, 40, 60), random_bytes(2, 12, 60)
    act = {
        "relu": lambda z: np.maximum(z, 0),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "identity": lambda z: z,
    }[activation]
    n_matrices = 9
    network = StepNetwork(60, n_matrices - 1, width=80, seed=5)
    # 64 bits of mantissa: outputs and what is left of their differences.
    values = [A.astype(np.longdouble) / 255 for A in (X, T)]
    point = values[0].mean(axis=0)
    smooth = make_network(60, n_matrices, width=80, activation=activation, seed=5)
    for m, train, test in chain(smooth, X, T):
        W = network.weights(m).astype(np.longdouble)
        W /= 256 * np.sqrt(np.longdouble(W.shape[1]))
        values = [act(v @ W.T) for v in values]
        point = act(W @ point)
        np.testing.assert_allclose(train.point, point.astype(float), rtol=1e-12, atol=1e-14)
        for got, exact in zip((train.values, test.values), values, strict=True):
            difference = (exact - point).astype(float)
            np.testing.assert_allclose(got, difference, atol=2e-5 * np.abs(difference).max())
    if activation == "sigmoid":
        # The differences are far below what float32 outputs could hold.
        assert np.abs(train.values).max() < 1e-4 * np.abs(train.point).max()
