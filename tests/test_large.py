"""Sizes beyond 2^31 and 2^32 in bits, bytes and rows.

The inputs are zeros that nothing ever wrote, so that they take no memory, but for a few rows on
either side of every boundary: what comes of those must be what comes of them alone.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers import needs, random_bits, random_bytes
from randprop import BitMatrix, Centroids, HammingNeighbors, StepNetwork, _core, apply_weights


def available_bytes() -> int:
    path = Path("/proc/meminfo")
    found = re.search(r"MemAvailable:\s*(\d+) kB", path.read_text() if path.is_file() else "")
    return int(found[1]) * 1024 if found else 0


@pytest.fixture(scope="module")
def memory() -> None:
    needs(available_bytes() > 7 << 30, "up to 5 GB of memory", "MEMORY")


def places(n_samples: int, row_bytes: int) -> list[int]:
    """Rows at both ends, and around 2^31 and 2^32 bits and bytes."""
    rows = {0, 1, n_samples - 2, n_samples - 1}
    for boundary in (
        2**31 // row_bytes,
        2**32 // row_bytes,
        2**28 // row_bytes,
        2**29 // row_bytes,
    ):
        rows |= {boundary - 1, boundary, boundary + 1}
    return sorted(row for row in rows if row < n_samples)


@pytest.fixture(scope="module", params=["bits", pytest.param("bytes", marks=pytest.mark.slow)])
def large(request: pytest.FixtureRequest) -> tuple[BitMatrix, list[int], BitMatrix]:
    """Beyond 2^32 bits or bytes in rows of 1,000 bits; the rows that are not zero; those alone."""
    if request.param == "bytes":
        request.getfixturevalue("memory")
    n_samples, n_bits = {"bits": 2**22 + 300_000, "bytes": 2**25 + 500_000}[request.param], 1000
    words = np.zeros((n_samples, 16), dtype=np.uint64)
    rows = places(n_samples, 128)
    few = BitMatrix.from_array(random_bits(1, len(rows), n_bits))
    words[rows] = few.words
    return BitMatrix(words, n_bits), rows, few


def assert_rows(found: NDArray[np.integer], rows: list[int], few: NDArray[np.integer]) -> None:
    np.testing.assert_array_equal(found[rows], few)
    others = np.ones(len(found), dtype=bool)
    others[rows] = False
    assert not found[others].any()


def test_sizes(large: tuple[BitMatrix, list[int], BitMatrix]) -> None:
    bits, rows, _ = large
    assert bits.n_samples * bits.n_bits > 2**32
    if len(rows) > 10:
        assert bits.nbytes > 2**32
        assert bits.n_samples * bits.n_bits > 2**34
        assert len(rows) == 16


def test_selecting_and_counting(large: tuple[BitMatrix, list[int], BitMatrix]) -> None:
    bits, rows, few = large
    assert bits[rows] == few
    assert bits[rows[-1]] == few[-1]
    assert bits[-2:] == few[-2:]
    assert_rows(bits.popcount(), rows, few.popcount())


@pytest.mark.parametrize("weight_bits", [1, 8])
def test_propagating_bits(weight_bits: int, large: tuple[BitMatrix, list[int], BitMatrix]) -> None:
    bits, rows, few = large
    network = StepNetwork(1000, width=40, weight_bits=weight_bits)
    assert_rows(network.propagate(bits).words, rows, network.propagate(few).words)


@pytest.mark.slow
def test_propagating_bytes(memory: None) -> None:
    n_samples, n_features = 5_600_000, 784
    X = np.zeros((n_samples, n_features), dtype=np.uint8)
    assert X.nbytes > 2**32
    rows = places(n_samples, n_features)
    few = random_bytes(2, len(rows), n_features)
    X[rows] = few
    for width in (40, 70):
        network = StepNetwork(n_features, width=width, weight_bits=1)
        assert_rows(network.propagate(X).words, rows, network.propagate(few).words)
    own = np.random.default_rng(3).integers(-3, 4, (10, n_features))
    assert_rows(apply_weights(X, own).words, rows, apply_weights(few, own).words)


@pytest.mark.slow
def test_output_beyond_four_gigabytes(memory: None) -> None:
    """Few inputs, many units: the output is what is large."""
    n_samples, width = 300_000, 120_000
    X = np.zeros((n_samples, 2), dtype=np.uint8)
    rows = places(n_samples, 120_000 // 64 * 8)
    few = random_bytes(4, len(rows), 2)
    X[rows] = few
    network = StepNetwork(2, width=width, weight_bits=1)
    found = network.propagate(X)
    assert found.nbytes > 2**32
    assert found[rows] == network.propagate(few)
    assert int(found.popcount().sum()) == int(network.propagate(few).popcount().sum())


def test_fitting(large: tuple[BitMatrix, list[int], BitMatrix]) -> None:
    bits, rows, few = large
    y = np.zeros(len(bits), dtype=np.int8)
    y[rows] = 1
    readout = Centroids().fit(bits, y)
    alone = Centroids().fit(few, np.ones(len(few)))
    assert readout.n_samples_.tolist() == [len(bits) - len(rows), len(rows)]
    np.testing.assert_array_equal(readout.counts_, [np.zeros(1000), alone.counts_[0]])
    # One class: 270 MB of distances rather than twice that.
    found = alone.distances(bits)[:, 0]
    np.testing.assert_array_equal(found[rows], alone.distances(few)[:, 0])
    zero = alone.distances(BitMatrix.from_array(np.zeros((1, 1000), dtype=bool)))[0, 0]
    assert int((found == zero).sum()) == len(bits) - len(rows)


def test_neighbours(large: tuple[BitMatrix, list[int], BitMatrix]) -> None:
    bits, rows, few = large
    distances, indices = HammingNeighbors(2).fit(bits).kneighbors(few)
    np.testing.assert_array_equal(indices[:, 0], rows)
    assert not distances[:, 0].any()
    assert (distances[:, 1] > 0).all()


@pytest.mark.slow
def test_gram(memory: None) -> None:
    n_samples, n_bits = 2**28 + 70_000, 100
    words = np.zeros((n_samples, 2), dtype=np.uint64)
    rows = places(n_samples, 16)
    few = BitMatrix.from_array(random_bits(5, len(rows), n_bits))
    words[rows] = few.words
    gram = np.zeros((n_bits, n_bits), dtype=np.int64)
    _core.add_gram_bits(words, n_bits, gram, _core.available_cpus())
    array = few.to_array().astype(np.int64)
    np.testing.assert_array_equal(gram, array.T @ array)
