"""Readouts in integers of few bits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from helpers import random_bits
from randprop import BitMatrix, Centroids, HammingNeighbors, QuantizedReadout, RidgeReadout
from randprop.readouts import NotFittedError


@pytest.mark.parametrize("q", [1, 2, 4, 8])
def test_class_means_of_few_bits(level, q):
    bits = random_bits(q, 301, 131)
    y = np.arange(301) % 4
    packed = BitMatrix.from_array(bits)
    readout = Centroids().fit(packed, y)
    quantized = readout.quantize(q)
    top = 2**q - 1
    assert quantized.codes_.min() >= 0
    assert quantized.codes_.max() <= top
    for c in range(4):
        n = int(readout.n_samples_[c])
        for code, count in zip(quantized.codes_[c], readout.counts_[c], strict=True):
            # The nearest multiple of 1/top, exactly.
            error = abs(Fraction(int(code), top) - Fraction(int(count), n))
            assert error <= Fraction(1, 2 * top)
    means = quantized.codes_ / top
    distances = ((bits[:, None, :] - means) ** 2).sum(axis=2)
    expected = top**2 * (bits.sum(axis=1)[:, None] - distances)
    scores = quantized.decision_function(packed)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert np.array_equal(quantized.predict(packed), scores.argmax(axis=1))
    assert quantized.scale == 1 / top**2
    if q == 8:
        assert np.mean(quantized.predict(packed) == readout.predict(packed)) > 0.97


def test_one_bit_is_the_majority_by_hamming_distance():
    bits = BitMatrix.from_array(random_bits(1, 200, 65))
    y = np.arange(200) % 3
    readout = Centroids().fit(bits, y)
    majority = BitMatrix.from_array(2 * readout.counts_ > readout.n_samples_[:, None])
    expected = HammingNeighbors().fit(majority, readout.classes_).predict(bits)
    assert np.array_equal(readout.quantize(1).predict(bits), expected)


@pytest.mark.parametrize("multiplier", [1, 3, 65535])
def test_scores_at_the_edges_of_their_range(level, multiplier):
    bits = BitMatrix.from_array(np.ones((3, 200), dtype=np.uint8))
    for code, offset in ((65535, 0), (0, 65535), (7, 7)):
        readout = QuantizedReadout(
            np.full((2, 200), code), np.array([7, -7]), np.array(["a", "b"]), bits=16,
            offset=offset, multiplier=multiplier,
        )  # fmt: skip
        value = 200 * multiplier * (code - offset)
        assert readout.decision_function(bits).tolist() == [[value + 7, value - 7]] * 3
        assert readout.predict(bits).tolist() == ["a"] * 3
        assert (readout.coef_ == multiplier * (code - offset)).all()


def test_bad_input():
    codes, bias, classes = np.zeros((2, 3), dtype=int), np.zeros(2, dtype=int), np.arange(2)
    for change, error, message in (
        ({"codes": codes + 4}, ValueError, r"codes must lie in \[0, 3\], got values from 4 to 4"),
        ({"codes": codes - 1}, ValueError, r"codes must lie in \[0, 3\]"),
        ({"codes": codes + 0.5}, TypeError, "codes must hold integers"),
        ({"codes": codes[:1]}, ValueError, r"codes must have shape \(2, n_bits\)"),
        ({"bias": bias[:1]}, ValueError, r"bias must have shape \(2,\)"),
        ({"bias": [0, 2**61 + 1]}, ValueError, "bias .* got 2305843009213693953 for class 1"),
        ({"bias": [-(2**63), 0]}, ValueError, "bias .* got -9223372036854775808 for class 0"),
        ({"bits": 17}, ValueError, r"bits must lie in \[1, 16\]"),
        ({"offset": 4}, ValueError, r"offset must lie in \[0, 3\]"),
        ({"multiplier": 0}, ValueError, "multiplier must lie in"),
    ):
        arguments = {"codes": codes, "bias": bias, "classes": classes, "bits": 2, **change}
        with pytest.raises(error, match=message):
            QuantizedReadout(**arguments)
    # All coefficients are next to 0 beside the intercept, a whole number of their steps.
    ridge = RidgeReadout(alpha=1e25).fit(BitMatrix.from_array(np.eye(4, dtype=int)), list("aaab"))
    with pytest.raises(ValueError, match="class 'a', 0.75, .* use a smaller alpha than 1e.25"):
        ridge.quantize(8)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        Centroids().quantize(4)
    bits = BitMatrix.from_array(random_bits(1, 4, 5))
    readout = Centroids().partial_fit(bits, [0, 0, 1, 1], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="class .*2.* has no training vectors"):
        readout.quantize(4)
    with pytest.raises(ValueError, match=r"bits must lie in \[1, 8\], got 9"):
        Centroids().fit(bits, [0, 0, 1, 1]).quantize(9)
    with pytest.raises(ValueError, match="has 4 bits, the readout was fitted on 5"):
        Centroids().fit(bits, [0, 0, 1, 1]).quantize(2).predict(
            BitMatrix.from_array(random_bits(1, 2, 4))
        )
