"""The limit of infinite width against random draws and measured networks."""

from __future__ import annotations

import numpy as np
import pytest

import randprop
from randprop import datasets, theory


@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("c", [-0.5, 0.0, 0.3, 0.79, 0.99])
def test_kernel_equals_gaussian_draws(activation, c):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((2, 400_000))
    a, b = z[0] > 0, c * z[0] + np.sqrt(1 - c * c) * z[1] > 0
    measured = 2 * np.mean(a & b) if activation == "step" else 2 * np.mean(a == b) - 1
    assert theory.kernel(c, activation) == pytest.approx(measured, abs=0.006)


@pytest.mark.parametrize("activation", ["step", "sign"])
def test_slope_is_the_derivative(activation):
    c = np.linspace(-0.9, 0.9, 19)
    step = 1e-6
    numeric = (theory.kernel(c + step, activation) - theory.kernel(c - step, activation)) / (
        2 * step
    )
    np.testing.assert_allclose(theory.slope(c, activation), numeric, rtol=1e-6)


def test_fixed_points():
    c = theory.fixed_point("step")
    assert theory.kernel(c) == pytest.approx(c, abs=1e-12)
    assert c == pytest.approx(0.78983, abs=5e-6)
    assert theory.slope(c) == pytest.approx(0.51899, abs=5e-6)
    assert theory.fixed_point("sign") == 0.0
    for activation in ("step", "sign"):
        deep = theory.iterate(np.array([0.2, 0.6, 0.95]), 60, activation)
        assert deep.shape == (61, 3)
        np.testing.assert_allclose(deep[-1], theory.fixed_point(activation), atol=1e-6)
        shrink = (deep[21, 2] - deep[21, 0]) / (deep[20, 2] - deep[20, 0])
        assert -1 / np.log(shrink) == pytest.approx(theory.depth_scale(activation), rel=1e-3)


def test_noise_overlap_equals_draws():
    from scipy.stats import norm

    c = theory.fixed_point()
    t = np.sqrt(c / (1 - c)) * np.random.default_rng(1).standard_normal(2_000_000)
    response, spread = norm.pdf(t) ** 2, norm.cdf(t) * norm.sf(t)
    drawn = np.mean(response * spread) / (np.mean(response) * np.mean(spread))
    assert theory.noise_overlap(c) == pytest.approx(drawn, rel=5e-3)
    assert theory.noise_overlap(c) == pytest.approx(1.908, abs=5e-4)


def test_statistics_count_every_pair():
    rng = np.random.default_rng(2)
    X = rng.integers(0, 256, (60, 12), dtype=np.uint8)
    y = np.repeat([3, 5, 9], 20)
    T = rng.integers(0, 256, (7, 12), dtype=np.uint8)
    found = theory.cosine_statistics(X, y, T, [3, 5, 9, 9, 5, 3, 3])
    assert found.test_codes.tolist() == [0, 1, 2, 2, 1, 0, 0]
    assert found.class_sizes.tolist() == [20, 20, 20]
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    cosines = unit @ unit.T
    for a in range(3):
        for b in range(3):
            block = cosines[20 * a : 20 * a + 20, 20 * b : 20 * b + 20]
            pairs = block[~np.eye(20, dtype=bool)] if a == b else block
            assert found.pairs[a, b] @ found.cosines == pytest.approx(pairs.mean(), abs=2e-4)
    near = T / np.linalg.norm(T, axis=1, keepdims=True) @ unit.T
    np.testing.assert_allclose(
        found.test @ found.cosines, near.reshape(7, 3, 20).mean(axis=2), atol=1e-3
    )


@pytest.fixture(scope="module")
def mnist_statistics():
    X_train, y_train, X_test, y_test = datasets.load_mnist()
    return theory.cosine_statistics(X_train, y_train, X_test[::5], y_test[::5])


@pytest.mark.slow
def test_predicts_mnist_at_every_depth():
    measured = randprop.sweep(range(16), seeds=10)
    statistics = theory.cosine_statistics(*datasets.load_mnist())
    predicted = theory.predict(statistics, range(16), 784)
    accuracy = [row["accuracy"] for row in measured.summary()]
    variance = [row["variance_class_means"] for row in measured.summary("variance_class_means")]
    samples = measured.summary("variance_samples")
    np.testing.assert_allclose(predicted.accuracy, accuracy, atol=0.008)
    np.testing.assert_allclose(predicted.variance_class_means, variance, rtol=0.05)
    for found, row in zip(predicted.variance_samples, samples, strict=True):
        assert abs(found - row["variance_samples"]) < 4 * row["sd"] / np.sqrt(row["n_seeds"])
    # What only the limit shows: the signal dies, the accuracy does not.
    assert predicted.signal[-1] < 1e-4 * predicted.signal[0]
    assert predicted.accuracy_infinite[-1] > predicted.accuracy_infinite[0] + 0.01


def test_predicts_other_widths_and_sign(mnist_statistics):
    for width, activation in ((256, "step"), (784, "sign")):
        measured = randprop.sweep(
            [0, 2, 4, 8], width=width, activation=activation, weight_bits=1, seeds=6, n_test=2000
        )
        predicted = theory.predict(mnist_statistics, [0, 2, 4, 8], width, activation=activation)
        accuracy = [row["accuracy"] for row in measured.summary()]
        np.testing.assert_allclose(predicted.accuracy, accuracy, atol=0.015)


def test_more_noise_at_smaller_width(mnist_statistics):
    accuracy = [
        theory.predict(mnist_statistics, [4], width).accuracy[0] for width in (128, 784, 10**9)
    ]
    assert accuracy == sorted(accuracy)
    limit = theory.predict(mnist_statistics, [4], 10**9)
    assert limit.accuracy[0] == pytest.approx(limit.accuracy_infinite[0], abs=0.01)


def test_half_depth():
    assert theory.half_depth([0, 1, 2], [0.8, 0.6, 0.2]) == 1.25
    assert np.isnan(theory.half_depth([0, 1], [0.4, 0.2]))
    assert np.isnan(theory.half_depth([0, 1], [0.9, 0.8]))


def test_bad_input():
    X = np.ones((4, 3), dtype=np.uint8)
    y = [0, 0, 1, 1]
    with pytest.raises(ValueError, match="activation must be one of 'step', 'sign', got 'relu'"):
        theory.kernel(0.5, "relu")
    with pytest.raises(ValueError, match="X_train must not hold samples that are all zero"):
        theory.cosine_statistics(X * 0, y, X, y)
    with pytest.raises(ValueError, match="X_test must not hold negative features"):
        theory.cosine_statistics(X, y, -X.astype(int), y)
    with pytest.raises(ValueError, match="at least 2 training samples"):
        theory.cosine_statistics(X[:3], y[:3], X, y)
    with pytest.raises(ValueError, match="labels that y_train has not"):
        theory.cosine_statistics(X, y, X, [0, 0, 1, 7])
