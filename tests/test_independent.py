"""The library against parties that know nothing of it.

Weights by another implementation of Philox, sums in Python's integers and NumPy's float64,
distances by SciPy, labels and neighbours by scikit-learn, Hamming distances by FAISS.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import faiss
import numpy as np
import pytest
import randomgen
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from helpers import random_bits, random_bytes, readings
from randprop import (
    BitMatrix,
    Centroids,
    HammingNeighbors,
    RidgeReadout,
    StepNetwork,
    _core,
    datasets,
)


def philox(counter: list[int], key: list[int]) -> list[int]:
    """One block of randomgen's Philox4x32-10, which steps its counter before it draws."""
    value = sum(word << (32 * i) for i, word in enumerate(counter)) - 1
    generator = randomgen.Philox(key=0, number=4, width=32)
    state = generator.state
    state["state"]["counter"] = np.array(
        [(value >> (32 * i)) & 0xFFFFFFFF for i in range(4)], dtype=np.uint32
    )
    state["state"]["key"] = np.array(key, dtype=np.uint32)
    generator.state = state
    return [int(word) for word in generator.random_raw(4)]


def weights(seed: int, matrix: int, n_in: int, n_out: int, bits: int) -> NDArray[Any]:
    """Integer weights by the definition, in Python's integers."""
    key = [seed & 0xFFFFFFFF, seed >> 32]
    w = np.zeros((n_out, n_in), dtype=object)
    for group in range((n_out + 127) // 128):
        for k in range(n_in):
            blocks = [philox([group, k, matrix, plane], key) for plane in range(bits)]
            for i in range(128 * group, min(n_out, 128 * group + 128)):
                u = 0
                for block in blocks:
                    u = 2 * u + (block[i % 128 // 32] >> (i % 32) & 1)
                w[i, k] = 2 * u - (2**bits - 1)
    return w


# From the known answers that Random123 publishes with its sources (kat_vectors, philox4x32 10).
RANDOM123 = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), RANDOM123)
def test_philox_is_random123s(counter: list[int], key: list[int], expected: list[int]) -> None:
    assert _core.philox4x32_10(counter, key) == expected
    assert philox(counter, key) == expected


words = st.integers(0, 2**32 - 1)


@given(st.lists(words, min_size=4, max_size=4), st.lists(words, min_size=2, max_size=2))
@settings(max_examples=200, deadline=None)
def test_philox_is_randomgens(counter: list[int], key: list[int]) -> None:
    assert _core.philox4x32_10(counter, key) == philox(counter, key)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 24])
@pytest.mark.parametrize("activation", ["step", "sign"])
def test_whole_networks(bits: int, activation: str) -> None:
    """Nothing of the library but its answer: another Philox, Python's integers."""
    seed = 0x9E3779B97F4A7C15
    X = random_bytes(bits, 9, 37)
    widths = (140, 21)
    network = StepNetwork(37, 1, width=widths, weight_bits=bits, activation=activation, seed=seed)
    x = X.astype(object)
    for m, (n_in, n_out) in enumerate(((37, 140), (140, 21))):
        w = weights(seed, m, n_in, n_out, bits)
        assert (network.weights(m) == w).all()
        expected = (x @ w.T > 0).astype(np.uint8)
        found = network.propagate_all(X)[m].to_array()
        np.testing.assert_array_equal(found, expected)
        x = readings(expected, activation, first=False).astype(object)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 24])
@pytest.mark.parametrize("activation", ["step", "sign"])
def test_large_networks_in_float64(bits: int, activation: str) -> None:
    """float64 holds these sums exactly: 255 * 2^24 * 784 < 2^53."""
    X = datasets.load_mnist().X_test[:1000]
    network = StepNetwork(784, 2, weight_bits=bits, activation=activation, seed=bits)
    x = X.astype(np.float64)
    for m, found in enumerate(network.propagate_all(X)):
        expected = (x @ network.weights(m).T.astype(np.float64) > 0).astype(np.uint8)
        np.testing.assert_array_equal(found.to_array(), expected)
        x = readings(expected, activation, first=False).astype(np.float64)


def labelled(seed: int, n: int = 300, n_bits: int = 131) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Bits that are noisy copies of a pattern of their class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 6, n)
    patterns = rng.integers(0, 2, (6, n_bits), dtype=np.uint8)
    return patterns[y] ^ (rng.random((n, n_bits)) < 0.35), y


@pytest.mark.parametrize("seed", range(5))
def test_distances_to_the_last_bit(seed: int) -> None:
    A, y = labelled(seed, 60, 40 + seed)
    readout = Centroids().fit(BitMatrix.from_array(A), y)
    found = readout.distances(BitMatrix.from_array(A[:20]))
    for c, label in enumerate(readout.classes_):
        members = [[int(bit) for bit in row] for row in A[y == label]]
        mean = [Fraction(sum(column), len(members)) for column in zip(*members, strict=True)]
        for s in range(20):
            exact = sum((int(x) - m) ** 2 for x, m in zip(A[s], mean, strict=True))
            # Python divides integers with one rounding: the nearest float64.
            assert found[s, c] == exact.numerator / exact.denominator


@pytest.mark.parametrize("seed", range(5))
def test_distances_are_scipys(seed: int) -> None:
    A, y = labelled(seed)
    readout = Centroids().fit(BitMatrix.from_array(A), y)
    means = np.array([A[y == label].mean(axis=0) for label in readout.classes_])
    found = readout.distances(BitMatrix.from_array(A))
    np.testing.assert_allclose(found, cdist(A, means, "sqeuclidean"), rtol=1e-13, atol=0)
    cosine = readout.with_metric("cosine").distances(BitMatrix.from_array(A))
    np.testing.assert_allclose(cosine, cdist(A, means, "cosine"), rtol=0, atol=1e-13)
    majority = (means > 0.5).astype(np.float64)
    hamming = readout.with_metric("hamming").distances(BitMatrix.from_array(A))
    np.testing.assert_array_equal(hamming, np.rint(A.shape[1] * cdist(A, majority, "hamming")))


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_nearest_centroids(seed: int) -> None:
    A, y = labelled(seed)
    B, _ = labelled(seed + 50)
    ours = Centroids().fit(BitMatrix.from_array(A), y)
    expected = NearestCentroid().fit(A.astype(np.float64), y).predict(B.astype(np.float64))
    distances = np.sort(ours.distances(BitMatrix.from_array(B)), axis=1)
    # Where two classes are as near as rounding, either label is right there.
    clear = distances[:, 1] - distances[:, 0] > 1e-9
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(ours.predict(BitMatrix.from_array(B))[clear], expected[clear])


@pytest.mark.slow
def test_labels_of_mnist_are_nearest_centroids() -> None:
    X_train, y_train, X_test, _ = datasets.load_mnist()
    network = StepNetwork(784, seed=3)
    train, test = network.propagate(X_train), network.propagate(X_test)
    ours = Centroids().fit(train, y_train)
    theirs = NearestCentroid().fit(train.to_array().astype(np.float32), y_train)
    expected = theirs.predict(test.to_array().astype(np.float32))
    distances = np.sort(ours.distances(test), axis=1)
    clear = distances[:, 1] - distances[:, 0] > 1e-2  # sums of float32
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(ours.predict(test)[clear], expected[clear])


@pytest.mark.parametrize("n_bits", [8, 64, 136, 784])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_neighbours_are_scikit_learns_and_faiss(n_bits: int, k: int) -> None:
    train, queries = random_bits(n_bits, 700, n_bits), random_bits(k, 90, n_bits)
    y = np.arange(700) % 4
    ours = HammingNeighbors(k).fit(BitMatrix.from_array(train), y)
    distances, indices = ours.kneighbors(BitMatrix.from_array(queries))

    theirs = KNeighborsClassifier(k, algorithm="brute", metric="hamming").fit(train, y)
    shares, _ = theirs.kneighbors(queries)
    np.testing.assert_array_equal(distances, np.rint(shares * n_bits))

    index = faiss.IndexBinaryFlat(n_bits)
    index.add(np.packbits(train, axis=1))
    hamming, _ = index.search(np.packbits(queries, axis=1), k)
    np.testing.assert_array_equal(distances, hamming)

    # Ties are ours to order: the lowest indices, which a stable sort of all distances gives.
    every = (queries[:, None, :] != train[None, :, :]).sum(axis=2)
    np.testing.assert_array_equal(indices, np.argsort(every, axis=1, kind="stable")[:, :k])


@pytest.mark.parametrize("alpha", [0.5, 30.0])
def test_ridge_is_scikit_learns(alpha: float) -> None:
    A, y = labelled(7)
    ours = RidgeReadout(alpha).fit(BitMatrix.from_array(A), y)
    targets = (y[:, None] == ours.classes_).astype(np.float64)
    unit = A.astype(np.float64).var(axis=0).mean() * len(A)
    theirs = Ridge(alpha * unit, solver="cholesky").fit(A.astype(np.float64), targets)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        ours.decision_function(BitMatrix.from_array(A)),
        theirs.predict(A.astype(np.float64)), rtol=0, atol=1e-10,
    )  # fmt: skip


def test_gram_is_numpys() -> None:
    A = random_bits(9, 5000, 203)
    readout = RidgeReadout().fit(BitMatrix.from_array(A), np.arange(5000) % 3)
    wide = A.astype(np.int64)
    np.testing.assert_array_equal(readout.gram_, wide.T @ wide)
