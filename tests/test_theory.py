"""The limit of infinite width against random draws and measured networks."""

from __future__ import annotations

import numpy as np
import pytest

import randprop
from randprop import datasets, theory
from randprop.theory.few_inputs import Layer


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


@pytest.mark.parametrize("fan_in", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("bias", [0, 1, 9])
@pytest.mark.parametrize("activation", ["step", "sign"])
def test_few_inputs_equal_draws(fan_in, bias, activation):
    rng = np.random.default_rng(0)
    cells = np.array([0.25, 0.15, 0.2, 0.4])  # both, the first, the second, neither
    drawn = rng.choice(4, p=cells, size=(200_000, fan_in))
    signs = np.where(np.arange(fan_in) < (fan_in + 1) // 2, 1, -1)
    t = rng.integers(-bias, bias + 1, len(drawn))
    inputs = np.stack([drawn <= 1, (drawn == 0) | (drawn == 2)])
    levels = 2 * inputs - 1 if activation == "sign" else inputs
    bits = levels @ signs > t
    layer = Layer(fan_in, bias, activation=activation)
    a, b, c = np.array(0.4), np.array(0.45), np.array(0.25)
    assert layer.kernel(a, b, c) == pytest.approx(np.mean(bits[0] & bits[1]), abs=0.006)
    assert layer.activity(a) == pytest.approx(np.mean(bits[0]), abs=0.006)
    assert layer.kernel(a, a, a) == pytest.approx(float(layer.activity(a)), abs=1e-12)
    if activation == "step":
        found = theory.few_input_kernel(0.4, 0.45, [0.25], fan_in, bias=bias)
        np.testing.assert_allclose(found, layer.kernel(a, b, c))


def test_two_inputs_have_a_power_law():
    c = np.linspace(0.0, 0.3, 7)
    np.testing.assert_allclose(
        theory.few_input_kernel(0.3, 0.5, c, 2), c * (1 - 0.3 - 0.5 + c), atol=1e-15
    )
    activity = 0.4
    for _ in range(1000):
        activity = float(theory.few_input_activity(activity, 2))
    assert 1000 * activity == pytest.approx(1.0, abs=0.02)
    four = 0.4
    for _ in range(200):
        four = float(theory.few_input_activity(four, 4))
    assert four == pytest.approx(0.2819, abs=1e-4)
    assert Layer(4).slope(four, four**2) == pytest.approx(0.665, abs=1e-3)
    assert Layer(2).slope(activity, activity**2) > 0.998


def digit_bits():
    X_train, y_train, X_test, y_test = datasets.load_digits()
    return (X_train > 7).astype(np.uint8), y_train, (X_test > 7).astype(np.uint8), y_test


@pytest.fixture(scope="module")
def digit_overlaps():
    return theory.overlap_statistics(*digit_bits())


def test_overlaps_count_every_pair():
    rng = np.random.default_rng(3)
    X = (rng.random((60, 40)) < rng.random((60, 1))).astype(np.uint8)
    T = (rng.random((7, 40)) < 0.5).astype(np.uint8)
    y = np.repeat([3, 5, 9], 20)
    found = theory.overlap_statistics(X, y, T, [3] * 7, max_pairs=20)
    shape = f"n_train={len(X)}, n_test=7, n_classes={len(set(y))}, n_bins={found.test.shape[2]}"
    assert repr(found) == f"OverlapStatistics({shape})"
    np.testing.assert_allclose(found.train.sum(axis=2), 1.0, rtol=1e-6)
    np.testing.assert_allclose(found.test.sum(axis=2), 1.0, rtol=1e-6)
    np.testing.assert_allclose(found.train_activities, X.mean(axis=1))
    shared = X.astype(int) @ X.T / 40
    inner = shared.reshape(60, 3, 20).sum(axis=2)
    own = np.repeat(np.eye(3), 20, axis=0) > 0
    inner[own] -= np.diag(shared)
    inner /= np.where(own, 19, 20)
    np.testing.assert_allclose(found.train @ found.overlaps, inner, atol=1e-6)
    near = (T.astype(int) @ X.T / 40).reshape(7, 3, 20).mean(axis=2)
    np.testing.assert_allclose(found.test @ found.overlaps, near, atol=1e-6)
    assert np.mean(found.test[0] @ found.activities) == pytest.approx(X.mean(), abs=1e-6)


@pytest.fixture(scope="module")
def digit_cosines():
    return theory.cosine_statistics(*datasets.load_digits(), max_pairs=40)


def measured(stage, depth, seeds=5):
    """Mean accuracy by depth of class means of the digits, as bits."""
    X_train, y_train, X_test, y_test = digit_bits()
    X_train, X_test = map(randprop.BitMatrix.from_array, (X_train, X_test))
    runs = []
    for seed in range(seeds):
        network = randprop.StepNetwork(64, stages=[stage] * (depth + 1), seed=seed)
        chains = zip(network.propagate_all(X_train), network.propagate_all(X_test), strict=True)
        runs.append(
            [np.mean(randprop.Centroids().fit(a, y_train).predict(b) == y_test) for a, b in chains]
        )
    return np.mean(runs, axis=0)


@pytest.mark.parametrize(("fan_in", "bias"), [(2, 0), (3, 0), (4, 0), (4, 1)])
def test_predicts_few_inputs(digit_overlaps, fan_in, bias):
    depths = [0, 2, 4, 6]
    predicted = theory.predict(digit_overlaps, depths, 400, fan_in=fan_in, bias=bias)
    accuracy = measured(randprop.Dense(400, fan_in=fan_in, bias=bias), 6)[depths]
    np.testing.assert_allclose(predicted.accuracy, accuracy, atol=0.045)
    assert accuracy[0] > accuracy[-1] + 0.05
    assert predicted.accuracy_infinite[-1] > predicted.accuracy[-1] + 0.05


def test_activations_of_few_inputs_give_the_same_bits(digit_overlaps):
    X = randprop.BitMatrix.from_array(digit_bits()[0])
    for fan_in in (2, 3):
        networks = [
            randprop.StepNetwork(
                64, stages=[randprop.Dense(100, fan_in=fan_in)] * 3, activation=activation
            )
            for activation in ("step", "sign")
        ]
        words = [network.propagate(X).words for network in networks]
        np.testing.assert_array_equal(words[0], words[1])
    step, sign = (
        theory.predict(digit_overlaps, [2], 100, fan_in=3, activation=activation)
        for activation in ("step", "sign")
    )
    assert step.accuracy == sign.accuracy
    assert sign.signal == pytest.approx(4 * step.signal)


def test_width_for_is_the_inverse(digit_overlaps, digit_cosines):
    for statistics, fan_in in ((digit_cosines, None), (digit_overlaps, 4)):
        widths = [
            theory.width_for(depth, 0.6, statistics=statistics, fan_in=fan_in, n_draws=4)
            for depth in (0, 2, 4)
        ]
        assert widths == sorted(widths)
        assert len(set(widths)) == 3
        for width, enough in ((widths[1], True), (widths[1] - 1, False)):
            predicted = theory.predict(statistics, [2], width, fan_in=fan_in, n_draws=4)
            assert (predicted.accuracy[0] >= 0.6) == enough
    # And the networks of that width have that accuracy.
    found = measured(randprop.Dense(widths[2], fan_in=4), 4, seeds=10)[4]
    assert found == pytest.approx(0.6, abs=0.03)
    width = theory.width_for(2, 0.6, statistics=digit_cosines)
    result = randprop.sweep([2], width=width, dataset="digits", seeds=10, progress=False)
    assert np.mean([row["accuracy"] for row in result.rows]) == pytest.approx(0.6, abs=0.03)
    with pytest.raises(ValueError, match="accuracy 0.95 is above what any width reaches at 4 hid"):
        theory.width_for(4, 0.95, statistics=digit_cosines)


def test_bad_few_inputs(digit_overlaps, digit_cosines):
    X, y, T, t = digit_bits()
    with pytest.raises(ValueError, match="X_train must hold bits, 0 and 1, got 2"):
        theory.overlap_statistics(2 * X, y, T, t)
    with pytest.raises(ValueError, match="X_test has 32 bits, X_train has 64"):
        theory.overlap_statistics(X, y, T[:, :32], t)
    with pytest.raises(TypeError, match="with fan_in statistics must be OverlapStatistics"):
        theory.predict(digit_cosines, [0], 10, fan_in=2)
    with pytest.raises(TypeError, match="without fan_in statistics must be CosineStatistics"):
        theory.width_for(1, 0.5, statistics=digit_overlaps)
    with pytest.raises(ValueError, match=r"fan_in must lie in \[1, 64\], got 65"):
        theory.few_input_activity(0.5, 65)
    with pytest.raises(ValueError, match="c must be an overlap"):
        theory.few_input_kernel(0.5, 0.5, 0.6, 2)
    with pytest.raises(ValueError, match=r"a must lie in \[0, 1\]"):
        theory.few_input_activity(1.5, 2)
    with pytest.raises(ValueError, match=r"accuracy must lie in \(0, 1\), got 1.0"):
        theory.width_for(1, 1, statistics=digit_overlaps, fan_in=2)


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
    with pytest.raises(ValueError, match="labels that y_train does not have"):
        theory.cosine_statistics(X, y, X, [0, 0, 1, 7])
