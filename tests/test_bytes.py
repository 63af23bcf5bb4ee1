"""Readouts of bytes, exact, against plain integers and fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from helpers import random_bytes
from randprop import BitMatrix, Centroids, HammingNeighbors, RidgeReadout
from randprop.readouts import NotFittedError
from randprop.readouts.registry import READOUTS, make_readout


def data(n_features: int = 37, n_samples: int = 150) -> tuple[np.ndarray, np.ndarray]:
    X = random_bytes(3, n_samples, n_features)
    X[::7] = 255
    X[1::7] = 0
    return X, np.arange(n_samples) % 4


@pytest.mark.parametrize("n_features", [1, 5, 64, 130])
def test_distances_are_the_exact_rationals(level: str, n_features: int) -> None:
    X, y = data(n_features)
    readout = Centroids().fit(X[:120], y[:120])
    X_int = X.astype(object)
    for c in range(4):
        members = X_int[:120][y[:120] == c]
        assert readout.counts_[c].tolist() == members.sum(axis=0).tolist()
        means = [Fraction(int(v), len(members)) for v in members.sum(axis=0)]
        for s in range(120, 150):
            exact = sum(((int(x) - m) ** 2 for x, m in zip(X[s], means, strict=True)), Fraction(0))
            assert readout.distances(X[s : s + 1])[0, c] == float(exact)


def test_of_zeros_and_ones_they_are_those_of_bits(level: str) -> None:
    X = (random_bytes(5, 90, 70) > 127).astype(np.uint8)
    y = np.arange(90) % 3
    bits = BitMatrix.from_array(X)
    for name in ("centroid", "cosine", "knn_3", "ridge"):
        on_bits = make_readout(name).fit(bits[:60], y[:60])
        on_bytes = make_readout(name).fit(X[:60], y[:60])
        np.testing.assert_array_equal(on_bits.scores(bits[60:]), on_bytes.scores(X[60:]))
        np.testing.assert_array_equal(on_bits.predict(bits[60:]), on_bytes.predict(X[60:]))


def test_class_sums_of_many_samples(level: str) -> None:
    """Sums leave 16 bits, and the vectors of a class 24."""
    X = np.full((70_000, 3), 255, dtype=np.uint8)
    X[:, 1] = 0
    readout = Centroids().fit(X, np.zeros(len(X), dtype=int))
    assert readout.counts_.tolist() == [[255 * 70_000, 0, 255 * 70_000]]


def test_distances_beyond_64_bits(level: str) -> None:
    X, y = data(9)
    readout = Centroids().fit(X, y)
    most = 2**34
    readout.set_sums(
        np.array([0, 1]), np.array([[255 * most] * 9, [7] * 9]), np.array([most, 1]), of_bits=False
    )
    rows = np.array([[255] * 9, [7] * 9, [0] * 9], dtype=np.uint8)
    expected = [[0, 9 * 248**2], [9 * 248**2, 0], [9 * 255**2, 9 * 49]]
    assert readout.distances(rows).tolist() == expected


def test_gram_and_ridge(level: str) -> None:
    X, y = data(41)
    ridge = RidgeReadout(alpha=2.0).fit(X, y)
    wide = X.astype(np.int64)
    np.testing.assert_array_equal(ridge.gram_, wide.T @ wide)
    A = wide - wide.mean(axis=0)
    T = (y[:, None] == np.arange(4)).astype(float)
    gram = A.T @ A
    weight = 2.0 * np.mean(np.diag(gram))
    coef = np.linalg.solve(gram + weight * np.eye(41), A.T @ (T - T.mean(axis=0)))
    np.testing.assert_allclose(ridge.coef_, coef.T, rtol=1e-6, atol=1e-12)
    small = ridge.quantize(12)
    agree = small.predict(X) == ridge.predict(X)
    assert agree.mean() > 0.95


def test_ridge_where_sums_leave_63_bits() -> None:
    """The centred sums of a billion samples, from sums alone."""
    X, y = data(6)
    few = RidgeReadout().fit(X, y)
    many = RidgeReadout().fit(X, y)
    for _ in range(23):
        many.merge(many)
    assert int(many.n_samples_.sum()) * int(many.gram_.max()) > 2**63
    few.alpha = many.alpha = 1e-6
    np.testing.assert_allclose(many.coef_, few.coef_, rtol=1e-9)


def test_neighbors(level: str) -> None:
    X, y = data(33)
    readout = HammingNeighbors(5).fit(X[:100], y[:100])
    apart = np.abs(X[100:, None].astype(int) - X[None, :100]).sum(axis=2)
    order = np.argsort(apart, axis=1, kind="stable")[:, :5]
    distances, indices = readout.kneighbors(X[100:])
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(distances, np.take_along_axis(apart, order, axis=1))


@pytest.mark.parametrize("name", ["centroid", "cosine", "knn", "ridge"])
def test_parts_make_the_whole(name: str) -> None:
    X, y = data(20)
    whole = make_readout(name).fit(X, y)
    parts = make_readout(name)
    parts.partial_fit(X[:50], y[:50])
    parts.merge(make_readout(name).fit(X[50:], y[50:]))
    np.testing.assert_array_equal(whole.scores(X), parts.scores(X))
    chunks = make_readout(name).fit((X[i : i + 40], y[i : i + 40]) for i in range(0, 150, 40))
    np.testing.assert_array_equal(whole.scores(X), chunks.scores(X))


def test_quantized_means() -> None:
    X, y = data(50)
    readout = Centroids().fit(X, y)
    small = readout.quantize(7)
    rounded = small.codes_ * 255 / 127
    means = readout.counts_ / readout.n_samples_[:, None]
    assert np.abs(rounded - means).max() <= 255 / 127 / 2 + 1e-9
    apart = ((X[:, None] - rounded) ** 2).sum(axis=2)
    np.testing.assert_array_equal(small.predict(X), apart.argmin(axis=1))
    with pytest.raises(ValueError, match=r"bits must lie in \[1, 7\], got 8"):
        readout.quantize(8)


def test_bits_and_bytes_do_not_mix() -> None:
    X, y = data(20)
    bits = BitMatrix.from_array(X > 127)
    for name in READOUTS:
        readout = make_readout(name).fit(bits, y)
        before = readout.predict(bits)
        for call in (readout.predict, lambda f, r=readout: r.partial_fit(f, y)):
            with pytest.raises(TypeError, match="bits holds bytes, the readout was fitted on bits"):
                call(X)
        np.testing.assert_array_equal(readout.predict(bits), before)
    of_bytes = Centroids().fit(X, y)
    with pytest.raises(ValueError, match="other was fitted on 20 bits, this readout on 20 bytes"):
        of_bytes.merge(Centroids().fit(bits, y))
    with pytest.raises(ValueError, match="metric 'hamming' is for bits"):
        of_bytes.with_metric("hamming").predict(X)
    with pytest.raises(ValueError, match="bits has 19 features, the readout was fitted on 20"):
        of_bytes.predict(X[:, 1:])
    with pytest.raises(NotFittedError):
        Centroids().predict(X)


def test_a_merge_that_would_hold_too_many_changes_nothing() -> None:
    X, y = data(4)
    for readout in (Centroids().fit(X, y), RidgeReadout().fit(X, y)):
        most = 2**34 if isinstance(readout, Centroids) else 2**31 // 4
        full = readout.fresh().fit(X, y)
        full.set_sums(full.classes_, full.counts_, np.full(4, most - 10), of_bits=False)
        before = full.n_samples_.copy(), full.counts_.copy()
        with pytest.raises(ValueError, match="hold"):
            full.merge(readout)
        np.testing.assert_array_equal(full.n_samples_, before[0])
        np.testing.assert_array_equal(full.counts_, before[1])
