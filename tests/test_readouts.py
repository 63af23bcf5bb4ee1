"""Centroids and Hamming neighbours against their definitions, at every level."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import assert_known_centroids, known_input, random_bits
from randprop import BitMatrix, Centroids, HammingNeighbors, _core, reference
from randprop.readouts import NotFittedError
from randprop.readouts.registry import make_readout

PROPERTY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_known_answers(level: str, known_answers: dict[str, Any]) -> None:
    case = known_answers["centroids"]
    assert_known_centroids(case)
    X = known_input("dense", 12, 50)
    unpacked = reference.propagate(X, [70], seed=3)[0]
    counts, n = reference.centroid_counts(unpacked, case["labels"], 3)
    assert reference.centroid_distances(unpacked, counts, n).tolist() == case["distances"]


@PROPERTY
@given(
    seed=st.integers(0, 2**32),
    n_samples=st.integers(1, 60),
    n_bits=st.one_of(st.sampled_from([1, 63, 64, 65, 511, 512, 513]), st.integers(1, 300)),
    n_classes=st.integers(1, 20),
)
def test_centroids_equal_reference(
    level: str, seed: int, n_samples: int, n_bits: int, n_classes: int
) -> None:
    A = random_bits(seed, n_samples, n_bits)
    y = np.random.default_rng(seed).integers(0, n_classes, n_samples)
    bits = BitMatrix.from_array(A)
    readout = Centroids().fit(bits, y)
    classes, codes = np.unique(y, return_inverse=True)
    counts, n = reference.centroid_counts(A, codes, len(classes))
    np.testing.assert_array_equal(readout.classes_, classes)
    np.testing.assert_array_equal(readout.counts_, counts)
    np.testing.assert_array_equal(readout.n_samples_, n)
    expected = reference.centroid_distances(A, counts, n)
    np.testing.assert_array_equal(readout.distances(bits), expected)
    np.testing.assert_array_equal(readout.predict(bits), classes[np.argmin(expected, axis=1)])


@PROPERTY
@given(seed=st.integers(0, 2**32), data=st.data())
def test_distances_are_correctly_rounded(level: str, seed: int, data: st.DataObject) -> None:
    """Class sizes up to 2^34: numerators of 80 bits, against exact fractions."""
    n_bits = data.draw(st.sampled_from([1, 5, 64, 100]))
    n = data.draw(st.integers(1, 2**34))
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, n + 1, (2, n_bits), dtype=np.int64)
    A = random_bits(seed, 4, n_bits)
    n_samples = np.array([n, n], dtype=np.int64)
    bits = BitMatrix.from_array(A)
    found = _core.centroid_distances_bits(bits.words, n_bits, counts, n_samples, 1)
    for s in range(4):
        for c in range(2):
            exact = sum(
                (Fraction(int(A[s, i])) - Fraction(int(counts[c, i]), n)) ** 2
                for i in range(n_bits)
            )
            assert found[s, c] == float(exact)


@pytest.mark.parametrize("counts", [[94906267], [94906267, 1, 1], [94906267, 3, 5, 1]])
def test_ties_between_two_doubles_go_to_the_even_one(counts: list[int], level: str) -> None:
    """Numerators of 54 bits, the last of them set, over a power of 2: half-way cases."""
    n = 2**27
    numerator = sum(count**2 for count in counts)
    if numerator % 2:
        assert numerator.bit_length() == 54
    found = _core.centroid_distances_bits(
        np.zeros((1, 1), dtype=np.uint64),
        len(counts),
        np.array([counts], dtype=np.int64),
        np.array([n], dtype=np.int64),
        1,
    )
    assert found[0, 0] == numerator / n**2  # rounded once, half-way cases to even


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "hamming"])
def test_a_class_without_vectors_is_never_predicted(metric: str) -> None:
    """Not even for vectors that are as far from all others as can be."""
    bits = BitMatrix.from_array(np.array([[1, 0, 0, 0], [0, 1, 0, 0]], dtype=np.uint8))
    readout = Centroids(metric=metric).partial_fit(bits, [5, 7], classes=[1, 5, 7, 9])
    others = BitMatrix.from_array(np.array([[0, 0, 0, 0], [0, 0, 1, 1]], dtype=np.uint8))
    assert readout.predict(others).tolist() == [5, 5]


def test_many_samples_of_one_class(level: str) -> None:
    """More rows than the bit-sliced counters hold (65,535), and than one chunk."""
    A = np.zeros((70_000, 70), dtype=bool)
    A[:, 3] = True
    A[::2, 64] = True
    readout = Centroids().fit(BitMatrix.from_array(A), np.zeros(70_000, dtype=int))
    np.testing.assert_array_equal(readout.counts_[0], A.sum(axis=0))
    rows = np.ascontiguousarray(BitMatrix.from_array(A).words)
    assert readout.n_samples_.tolist() == [len(rows)]


def test_fitting_in_parts_and_merging_is_exact() -> None:
    A = random_bits(1, 500, 130)
    y = np.random.default_rng(1).integers(0, 7, 500)
    bits = BitMatrix.from_array(A)
    whole = Centroids().fit(bits, y)
    parts = Centroids()
    order = np.random.default_rng(2).permutation(500)
    for rows in np.array_split(order, 9):
        parts.partial_fit(bits[rows], y[rows])
    merged = Centroids()
    for rows in np.array_split(order[::-1], 4):
        merged.merge(Centroids().fit(bits[rows], y[rows]))
    for other in (parts, merged):
        np.testing.assert_array_equal(other.classes_, whole.classes_)
        np.testing.assert_array_equal(other.counts_, whole.counts_)
        np.testing.assert_array_equal(other.n_samples_, whole.n_samples_)
        np.testing.assert_array_equal(other.distances(bits), whole.distances(bits))


def test_ties_go_to_the_first_class() -> None:
    bits = BitMatrix.from_array(np.array([[1, 0], [0, 1], [1, 1]]))
    readout = Centroids().fit(bits[:2], ["b", "a"])
    assert readout.distances(bits[2:]).tolist() == [[1.0, 1.0]]
    assert readout.predict(bits[2:]).tolist() == ["a"]


def test_string_labels_and_empty_class() -> None:
    bits = BitMatrix.from_array(random_bits(2, 6, 20))
    readout = Centroids().partial_fit(bits, list("xyxyxy"), classes=["w", "x", "y"])
    assert readout.classes_.tolist() == ["w", "x", "y"]
    assert np.isinf(readout.distances(bits)[:, 0]).all()
    assert set(readout.predict(bits)) <= {"x", "y"}
    readout.fit(bits, [1, 2, 3, 1, 2, 3])  # forgets the strings
    assert readout.classes_.tolist() == [1, 2, 3]
    assert repr(readout) == "Centroids(n_classes=3, n_bits=20, n_samples=6)"


def test_a_failed_fit_changes_nothing() -> None:
    bits = BitMatrix.from_array(random_bits(3, 6, 20))
    readout = Centroids().fit(bits, [0, 1, 0, 1, 0, 1])
    before = readout.counts_.copy()
    attempts: list[tuple[Any, type[Exception], str]] = [
        (lambda: readout.partial_fit(bits, [0] * 5), ValueError, "y has 5 labels for 6 samples"),
        (lambda: readout.partial_fit(bits, [[0]] * 6), ValueError, "y must have 1 dimension"),
        (lambda: readout.partial_fit(bits, [np.nan] * 6), ValueError, "NaN or infinity"),
        (lambda: readout.partial_fit(bits, ["a"] * 6), TypeError, "only numbers or only strings"),
        (lambda: readout.partial_fit(bits, [None] * 6), TypeError, "numbers or strings"),
        (lambda: readout.partial_fit(np.zeros((6, 20)), [0] * 6), TypeError, "must be a BitMatrix"),
        (
            lambda: readout.partial_fit(BitMatrix.from_array(random_bits(0, 6, 19)), [0] * 6),
            ValueError,
            "bits has 19 bits, the readout was fitted on 20",
        ),
        (lambda: readout.fit(bits[:0], []), ValueError, "at least one sample"),
        (lambda: readout.merge(3), TypeError, "other must be a Centroids, got int"),
        (lambda: readout.merge(Centroids()), NotFittedError, "not fitted yet"),
        (
            lambda: readout.merge(Centroids().fit(BitMatrix.from_array([[1]]), [0])),
            ValueError,
            "other was fitted on 1 bits, this readout on 20",
        ),
    ]
    for attempt, error, message in attempts:
        with pytest.raises(error, match=message):
            attempt()
    np.testing.assert_array_equal(readout.counts_, before)
    with pytest.raises(NotFittedError, match="this Centroids is not fitted yet"):
        Centroids().predict(bits)


def test_core_refuses_impossible_counts() -> None:
    words = np.zeros((1, 1), dtype=np.uint64)
    for counts, n, message in [
        (5, 4, r"counts\[0, 0\] must lie in \[0, 4\], got 5"),
        (-1, 4, "got -1"),
        (0, -1, r"n_samples\[0\] must lie in \[0, 2\^34\], got -1"),
        (0, 2**34 + 1, "got 17179869185"),
    ]:
        with pytest.raises(ValueError, match=message):
            _core.centroid_distances_bits(words, 1, np.array([[counts]]), np.array([n]), 1)
    with pytest.raises(ValueError, match=r"codes\[0\] must lie in \[0, 1\), got 1"):
        _core.add_class_counts_bits(
            words, 1, np.array([1], np.int32), np.zeros((1, 1), np.int64), np.zeros(1, np.int64), 1
        )
    with pytest.raises(ValueError, match="codes must have shape"):
        _core.add_class_counts_bits(
            words, 1, np.zeros(2, np.int32), np.zeros((1, 1), np.int64), np.zeros(1, np.int64), 1
        )


@PROPERTY
@given(
    seed=st.integers(0, 2**32),
    n_train=st.sampled_from([1, 2, 63, 64, 65, 200, 1500]),
    n_queries=st.sampled_from([0, 1, 7, 40]),
    n_bits=st.sampled_from([1, 2, 63, 64, 65, 300, 513]),
    k=st.integers(1, 1000),
)
def test_neighbors_equal_reference(
    level: str, seed: int, n_train: int, n_queries: int, n_bits: int, k: int
) -> None:
    """Few bits make ties the rule; training rows come in ascending and descending distance."""
    k = min(k, n_train)
    train, queries = random_bits(seed, n_train, n_bits), random_bits(seed + 1, n_queries, n_bits)
    if seed % 2 and n_queries:
        order = np.argsort(-(train != queries[0]).sum(axis=1), kind="stable")
        train = np.ascontiguousarray(train[order])
    neighbors = HammingNeighbors(k).fit(BitMatrix.from_array(train))
    distances, indices = neighbors.kneighbors(BitMatrix.from_array(queries))
    expected = reference.hamming_neighbors(train, queries, k)
    np.testing.assert_array_equal(distances, expected[0])
    np.testing.assert_array_equal(indices, expected[1])


def test_neighbors_at_the_limit_of_k(level: str) -> None:
    train, queries = random_bits(1, 3000, 90), random_bits(2, 5, 90)
    neighbors = HammingNeighbors(1000).fit(BitMatrix.from_array(train))
    found = neighbors.kneighbors(BitMatrix.from_array(queries))
    for array, right in zip(found, reference.hamming_neighbors(train, queries, 1000), strict=True):
        np.testing.assert_array_equal(array, right)


def test_neighbor_votes() -> None:
    train = BitMatrix.from_array(np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]))
    query = BitMatrix.from_array(np.array([[1, 1, 0, 0], [0, 0, 0, 0]]))
    neighbors = HammingNeighbors(3).fit(train, ["b", "b", "a", "a"])
    assert neighbors.predict(query).tolist() == ["b", "a"]
    assert HammingNeighbors(4).fit(train, ["b", "b", "a", "a"]).predict(query).tolist() == ["a"] * 2
    assert repr(neighbors) == "HammingNeighbors(n_neighbors=3)"


def test_neighbors_bad_arguments() -> None:
    bits = BitMatrix.from_array(random_bits(1, 5, 10))
    for k in (0, 1001):
        with pytest.raises(ValueError, match=r"n_neighbors must lie in \[1, 1000\]"):
            HammingNeighbors(k)
    with pytest.raises(ValueError, match="at least n_neighbors = 6 samples, got 5"):
        HammingNeighbors(6).fit(bits)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        HammingNeighbors().kneighbors(bits)
    fitted = HammingNeighbors().fit(bits)
    with pytest.raises(NotFittedError, match="predict needs labels"):
        fitted.predict(bits)
    with pytest.raises(ValueError, match=r"n_neighbors must lie in \[1, 5\], got 6"):
        fitted.kneighbors(bits, 6)
    with pytest.raises(ValueError, match="bits has 9 bits, the readout was fitted on 10"):
        fitted.kneighbors(BitMatrix.from_array(random_bits(1, 5, 9)))
    with pytest.raises(
        TypeError, match="bits must be a BitMatrix or a uint8 array .* got an array of float64"
    ):
        fitted.kneighbors(np.zeros((1, 10)))
    with pytest.raises(ValueError, match="queries must be packed words"):
        _core.neighbors_bits(bits.words, np.zeros((1, 2), np.uint64), 10, 1, 1)
    with pytest.raises(ValueError, match=r"k must lie in \[1, 5\], got 0"):
        _core.neighbors_bits(bits.words, bits.words, 10, 0, 1)


def test_threads_do_not_change_the_result() -> None:
    bits = BitMatrix.from_array(random_bits(7, 3000, 150))
    y = np.random.default_rng(7).integers(0, 5, 3000)
    one = Centroids(n_threads=1).fit(bits, y)
    many = Centroids(n_threads=5).fit(bits, y)
    np.testing.assert_array_equal(one.counts_, many.counts_)
    np.testing.assert_array_equal(one.distances(bits), many.distances(bits))
    found = [HammingNeighbors(4, n_threads=n).fit(bits).kneighbors(bits[:500]) for n in (1, 2, 7)]
    for distances, indices in found[1:]:
        np.testing.assert_array_equal(distances, found[0][0])
        np.testing.assert_array_equal(indices, found[0][1])


@pytest.mark.parametrize("k", [1, 3, 10])
def test_votes_equal_the_counts_of_them(k: int) -> None:
    rng = np.random.default_rng(k)
    train, y = BitMatrix.from_array(random_bits(k, 200, 6)), rng.integers(0, 8, 200)
    queries = BitMatrix.from_array(random_bits(k + 1, 64, 6))
    neighbors = HammingNeighbors(k).fit(train, y)
    votes = np.array([np.bincount(y[row], minlength=8) for row in neighbors.kneighbors(queries)[1]])
    np.testing.assert_array_equal(neighbors.scores(queries), votes / k)
    np.testing.assert_array_equal(neighbors.predict(queries), votes.argmax(axis=1))


N_CLASSES, N_QUERIES = 12_000, 1_200  # a float64 for each query and class: 115 MB


@pytest.mark.parametrize("name", ["knn_3", "centroid", "cosine", "majority", "ridge", "quantized"])
def test_predicting_among_many_classes_takes_little_memory(name: str) -> None:
    train = BitMatrix.from_array(random_bits(0, N_CLASSES, 16))
    queries = train[:N_QUERIES]
    fitted: Any = make_readout("ridge" if name == "quantized" else name)
    fitted.fit(train, np.arange(N_CLASSES))
    readout = fitted.quantize() if name == "quantized" else fitted
    readout.predict(queries[:1])
    tracemalloc.start()
    found = readout.predict(queries)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found[:50], readout.predict(queries[:50]))
    assert peak < 60e6
    scores = readout.scores(queries[:50])
    np.testing.assert_array_equal(found[:50], readout.classes_[scores.argmax(axis=1)])
