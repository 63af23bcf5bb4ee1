"""Readouts by name against plain arrays."""

from __future__ import annotations

import numpy as np
import pytest

from helpers import random_bits
from randprop import BitMatrix
from randprop.decoders import READOUTS, decode, decode_many


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    centres = rng.random((4, 90))
    y = rng.integers(0, 4, 300)
    bits = (rng.random((300, 90)) < 0.6 * centres[y] + 0.2).astype(np.uint8)
    t = rng.integers(0, 4, 80)
    test = (rng.random((80, 90)) < 0.6 * centres[t] + 0.2).astype(np.uint8)
    return bits, y + 5, test, t + 5


def naive(readout, bits, y, test):
    classes = np.unique(y)
    means = np.stack([bits[y == c].mean(axis=0) for c in classes])
    if readout == "centroid":
        scores = ((test[:, None] - means) ** 2).sum(axis=2)
    elif readout == "majority":
        scores = (test[:, None] != (means > 0.5)).sum(axis=2)
    elif readout == "cosine":
        scores = -(test @ means.T) / np.linalg.norm(means, axis=1)
    elif readout.startswith("knn"):
        k = int(readout[4:] or 1)
        order = np.argsort((test[:, None] != bits).sum(axis=2), axis=1, kind="stable")[:, :k]
        scores = -np.stack([(y[order] == c).sum(axis=1) for c in classes], axis=1)
    else:
        A = bits - bits.mean(axis=0)
        T = (y[:, None] == classes).astype(float)
        coef = np.linalg.solve(A.T @ A + np.eye(90), A.T @ (T - T.mean(axis=0)))
        scores = -((test - bits.mean(axis=0)) @ coef + T.mean(axis=0))
    return classes[np.argmin(scores, axis=1)]


@pytest.mark.parametrize("readout", READOUTS)
def test_equals_plain_arrays(data, readout):
    bits, y, test, t = data
    got = decode(readout, BitMatrix.from_array(bits), y, BitMatrix.from_array(test))
    expected = naive(readout, bits, y, test)
    assert np.array_equal(got, expected)
    assert 0.5 < np.mean(got == t) < 1


def test_many_are_the_same_as_each(data):
    bits, y, test, _ = data
    train, queries = BitMatrix.from_array(bits), BitMatrix.from_array(test)
    together = decode_many(list(READOUTS), train, y, queries)
    assert set(together) == set(READOUTS)
    for name in READOUTS:
        assert np.array_equal(together[name], decode(name, train, y, queries))


def test_cosine_of_a_class_without_set_bits():
    bits = np.vstack([np.zeros((3, 10), dtype=np.uint8), random_bits(1, 5, 10)])
    y = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    got = decode("cosine", BitMatrix.from_array(bits), y, BitMatrix.from_array(bits[3:]))
    assert got.tolist() == [1] * 5
