"""The linear discriminant, alpha="auto", and statistics that are samples or sums."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import randprop
from helpers import random_bits
from randprop import BitMatrix, DiscriminantReadout, Model, RandpropDataWarning, RidgeReadout
from randprop.readouts import NotFittedError
from randprop.readouts.registry import make_readout
from randprop.readouts.regression import GRID
from randprop.readouts.rounding import Levels, round_each

BOTH = pytest.mark.parametrize("cls", [RidgeReadout, DiscriminantReadout])


def counts(seed, n_samples, n_features, n_classes=3):
    """Bytes that stand in classes, and are correlated, as counts are."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n_samples)
    centres = rng.normal(size=(n_classes, n_features))
    shared = rng.normal(size=(n_samples, 4)) @ rng.normal(size=(4, n_features))
    values = 60 + 6 * centres[y] + 8 * shared + 6 * rng.normal(size=(n_samples, n_features))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8), y


def naive_gcv(X, y, unit):
    """Error of cross-validation for every alpha of the grid, from the hat matrix itself."""
    n = len(X)
    T = np.eye(y.max() + 1)[y]
    T = T - T.mean(axis=0)
    left, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    found = []
    for alpha in GRID:
        hat = (left * (s**2 / (s**2 + alpha * unit))) @ left.T
        df = 1 + np.trace(hat)
        rss = np.sum((T - hat @ T) ** 2)
        found.append(rss / (1 - df / n) ** 2 if df <= 0.9 * n else np.inf)
    return np.array(found)


def within(X, y):
    means = np.stack([X[y == c].mean(axis=0) for c in np.unique(y)])
    A = X - means[np.unique(y, return_inverse=True)[1]]
    return A.T @ A


@pytest.mark.parametrize("of_bits", [True, False])
@pytest.mark.parametrize(("n_samples", "n_features"), [(300, 40), (41, 40), (40, 40), (35, 50)])
def test_scores_are_those_of_the_formula(n_samples, n_features, of_bits):
    X, y = counts(1, n_samples, n_features)
    if of_bits:
        X = (X > 60).astype(np.uint8)
    features = BitMatrix.from_array(X) if of_bits else X
    readout = DiscriminantReadout(0.1).fit(features, y)
    S = within(X, y)
    S = (S + 0.1 * np.trace(S) / n_features * np.eye(n_features)) / n_samples
    means = np.stack([X[y == c].mean(axis=0) for c in range(3)])
    coef = np.linalg.solve(S, means.T).T
    intercept = -np.sum(coef * means, axis=1) / 2 + np.log(np.bincount(y) / n_samples)
    right = X @ coef.T + intercept
    found = readout.scores(features)
    found, right = (scores - scores.mean(axis=1, keepdims=True) for scores in (found, right))
    np.testing.assert_allclose(found, right, atol=1e-8 * np.abs(right).max())
    shares = np.exp(right) / np.exp(right).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(readout.predict_proba(features), shares, atol=1e-7)


def test_almost_no_alpha_is_the_discriminant_of_scikit_learn():
    X, y = counts(2, 500, 20)
    readout = DiscriminantReadout(1e-10).fit(X, y)
    judge = LinearDiscriminantAnalysis(solver="svd").fit(X.astype(float), y)
    np.testing.assert_allclose(
        readout.predict_proba(X), judge.predict_proba(X.astype(float)), atol=1e-6
    )


@BOTH
@pytest.mark.parametrize(("n_samples", "n_features"), [(200, 30), (60, 50), (40, 60), (9, 300)])
def test_auto_is_the_least_error_of_generalised_cross_validation(cls, n_samples, n_features):
    X, y = counts(3, n_samples, n_features)
    A = X - X.mean(axis=0)
    unit = np.trace(A.T @ A if cls is RidgeReadout else within(X, y)) / n_features
    errors = naive_gcv(X, y, unit)
    readout = cls().fit(X, y)
    assert readout.alpha_ == GRID[int(np.argmin(errors))]
    given = cls(readout.alpha_).fit(X, y)
    np.testing.assert_allclose(
        readout.scores(X), given.scores(X), atol=1e-9 * np.abs(given.scores(X)).max()
    )


@BOTH
def test_many_equations_are_searched_with_probes(cls):
    for n_samples, n_features in ((800, 530), (530, 600)):
        X, y = counts(4, n_samples, n_features)
        A = X - X.mean(axis=0)
        unit = np.trace(A.T @ A if cls is RidgeReadout else within(X, y)) / n_features
        errors = naive_gcv(X, y, unit)
        readout = cls().fit(X, y)
        assert errors[GRID.index(readout.alpha_)] < 1.03 * errors.min()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([RidgeReadout, DiscriminantReadout]), st.booleans(), st.integers(0, 2**32),
    st.integers(1, 70), st.integers(1, 50), st.randoms(use_true_random=False),
)  # fmt: skip
def test_any_parts_in_any_order(cls, of_bits, seed, n_samples, n_features, random):
    """To the last bit, whether samples are kept or their sums."""
    X, y = counts(seed, n_samples, n_features)
    if of_bits:
        X = BitMatrix.from_array(X > 60)
    whole = cls().fit(X, y)
    order = random.sample(range(n_samples), n_samples)
    cuts = sorted(random.choices(range(n_samples + 1), k=3))
    parts = [cls() for _ in range(2)]
    for start, stop in zip([0, *cuts], [*cuts, n_samples], strict=True):
        rows = np.array(order[start:stop], dtype=int)
        random.choice(parts).partial_fit(X[rows], y[rows], classes=y)
    held = [part for part in parts if part.n_features and part.n_samples_.any()]
    merged = cls()
    for part in held:
        merged.merge(part)
    np.testing.assert_array_equal(merged.gram_, whole.gram_)
    np.testing.assert_array_equal(merged.coef_, whole.coef_)
    np.testing.assert_array_equal(merged.intercept_, whole.intercept_)
    assert merged.alpha_ == whole.alpha_
    wide = (X.to_array() if of_bits else X).astype(np.int64)
    np.testing.assert_array_equal(whole.gram_, wide.T @ wide)


@BOTH
def test_few_samples_of_many_features_take_no_gram_matrix(cls):
    X, y = counts(5, 30, 30_000)  # whose Gram matrix takes 7.2 GB
    readout = cls().fit(X[:20], y[:20]).merge(cls().fit(X[20:], y[20:]))
    assert (readout.predict(X) == y).all()
    kept = X.copy()
    X[:] = 0  # the caller's array is not the readout's
    np.testing.assert_array_equal(readout.fresh().fit(kept, y).coef_, readout.coef_)


@BOTH
@pytest.mark.parametrize("alpha", [1e-300, 1e-8, 1.0, "auto", 1e300])
def test_what_is_solved_has_the_rank_of_the_samples(cls, alpha):
    """Constant features, copies, one sample a class: nothing but what the samples vary in."""
    rng = np.random.default_rng(6)
    X = rng.integers(0, 256, (5, 40), dtype=np.uint8)
    X[:, 30:] = X[:, :10]
    X[:, 20:25] = 255
    readout = cls(alpha)
    if cls is DiscriminantReadout and alpha == 1e-300:
        with pytest.raises(ValueError, match="alpha = 1e-300 is too small"):
            readout.fit(X, np.arange(5)).predict(X)
        return
    readout.fit(X, np.arange(5))
    coef, intercept = readout.coef_, readout.intercept_
    assert np.isfinite(coef).all()
    assert np.isfinite(intercept).all()
    size = np.abs(coef).max()
    assert np.abs(coef[:, 20:25]).max() <= 1e-12 * size
    np.testing.assert_allclose(coef[:, 30:], coef[:, :10], atol=1e-9 * size)
    # In the span of the samples about their mean.
    _, s, basis = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    basis = basis[s > 1e-9 * s[0]]
    np.testing.assert_allclose(coef @ basis.T @ basis, coef, atol=1e-9 * size)
    if alpha != 1e300:
        assert readout.predict(X).tolist() == list(range(5))


@BOTH
def test_data_that_say_nothing(cls):
    for X, y in (
        (np.full((9, 4), 7, np.uint8), np.arange(9) % 2),  # nothing varies
        (np.full((2, 4), 7, np.uint8), np.arange(2)),
        (np.arange(12, dtype=np.uint8).reshape(6, 2), np.zeros(6)),  # one class
        (np.arange(4, dtype=np.uint8).reshape(1, 4), np.zeros(1)),  # one sample
    ):
        readout = cls().fit(X, y)
        assert not readout.coef_.any()
        assert set(readout.predict(X).tolist()) == {0}
        assert (readout.quantize(2).predict(X) == readout.predict(X)).all()
        assert readout.alpha_ in GRID


def test_a_class_without_vectors_is_never_predicted(tmp_path):
    X, y = counts(7, 80, 20)
    bits = BitMatrix.from_array(X > 60)
    readout = DiscriminantReadout().partial_fit(bits, y + 1, classes=[0, 1, 2, 3, 9])
    right = DiscriminantReadout().fit(bits, y + 1)
    np.testing.assert_array_equal(readout.coef_[1:4], right.coef_)
    np.testing.assert_array_equal(readout.predict(bits), right.predict(bits))
    proba = readout.predict_proba(bits)
    assert not proba[:, [0, 4]].any()
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    with pytest.raises(ValueError, match="class 0 has no training vectors"):
        readout.quantize(4)
    network = randprop.StepNetwork(5, width=20)
    randprop.save(Model(network, readout), tmp_path / "m")
    loaded = randprop.load(tmp_path / "m").readout
    np.testing.assert_array_equal(loaded.predict(bits), readout.predict(bits))
    with pytest.raises(ValueError, match="class 0 has no training vectors"):
        loaded.quantize(8)


@BOTH
@pytest.mark.parametrize(("bits", "most"), [(1, 0.35), ("ternary", 0.25), (2, 0.2), (4, 0.05)])
def test_few_bits_keep_the_scores(cls, bits, most):
    X, y = counts(8, 2000, 96, 5)
    readout = cls().fit(X, y)
    quantized = readout.quantize(bits)
    right = readout.scores(X)
    right -= right.mean(axis=1, keepdims=True)
    found = quantized.scale * quantized.scores(X)
    found -= found.mean(axis=1, keepdims=True)
    error = np.sqrt(np.mean((found - right) ** 2) / np.var(right))
    assert error < most
    top = 2 if bits == "ternary" else 2**bits - 1
    assert set(np.unique(quantized.codes_)) <= set(range(top + 1))
    # Each by itself loses far more: the features are strongly correlated.
    wanted = readout.coef_ - readout.coef_.mean(axis=0)
    each, scale = round_each(wanted, Levels(bits))
    lost = np.mean(((X - X.mean(axis=0)) @ (wanted - scale * each).T) ** 2)
    assert lost > 4 * np.mean((found - right) ** 2)


@BOTH
def test_a_loaded_readout_is_rounded_plainly_with_a_warning(cls, tmp_path):
    X, y = counts(9, 300, 70)
    bits = BitMatrix.from_array(X > 60)
    model = Model(randprop.StepNetwork(5, width=70), cls().fit(bits, y))
    randprop.save(model, tmp_path / "m")
    loaded = randprop.load(tmp_path / "m")
    assert loaded.readout.alpha == model.readout.alpha_
    with pytest.warns(RandpropDataWarning, match="came from a file"):
        loaded.quantize(readout_bits="ternary")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        eight = loaded.quantize()
        model.quantize(readout_bits=1)
    assert np.mean(eight.readout.predict(bits) == model.readout.predict(bits)) > 0.97
    with pytest.raises(NotFittedError, match="holds no sums"):
        _ = loaded.readout.gram_


def test_probabilities_through_the_estimator():
    X, y, X_test, y_test = randprop.datasets.load_digits()
    classifier = randprop.StepClassifier(width=300, readout="discriminant").fit(X, y)
    proba = classifier.predict_proba(X_test)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    predicted = classifier.predict(X_test)
    np.testing.assert_array_equal(classifier.classes_[proba.argmax(axis=1)], predicted)
    np.testing.assert_array_equal(classifier.decision_function(X_test).argmax(axis=1), predicted)
    assert classifier.score(X_test, y_test) > 0.9
    for name in ("ridge", "centroid"):
        assert not hasattr(randprop.StepClassifier(readout=name), "predict_proba")
        assert not hasattr(make_readout(name), "predict_proba")


@pytest.mark.parametrize("readout", ["ridge", "discriminant"])
def test_alpha_follows_the_parts_through_evaluate_and_sweep(readout):
    kept = randprop.evaluate(0, dataset="digits", width=64, readout=readout)
    (row,) = randprop.sweep(0, dataset="digits", width=64, readout=readout, seeds=1).rows
    assert (row["readout"], row["accuracy"]) == (readout, kept.accuracy)
    other = randprop.evaluate(0, dataset="digits", width=64, readout=readout, alpha=100.0)
    assert other.accuracy != kept.accuracy


@BOTH
def test_units_do_not_matter(cls):
    """Alpha is relative: features of twice the size give the same labels."""
    X, y = counts(10, 200, 30)
    X = X // 2
    for alpha in ("auto", 0.3):
        one, two = cls(alpha).fit(X, y), cls(alpha).fit(2 * X, y)
        assert one.alpha_ == two.alpha_
        np.testing.assert_allclose(two.coef_, one.coef_ / 2, rtol=1e-9)


@BOTH
def test_bits_that_hardly_vary_are_no_reason_to_refuse(cls):
    bits = random_bits(11, 300, 20)
    bits[:, 0] = 0
    bits[0, 0] = 1
    readout = cls(1e-6).fit(BitMatrix.from_array(bits), np.arange(300) % 3)
    assert np.isfinite(readout.coef_).all()
