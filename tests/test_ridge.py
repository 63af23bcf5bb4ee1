"""The ridge readout against sums over the unpacked bits and scikit-learn's solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from helpers import random_bits
from randprop import BitMatrix, RidgeReadout, _core, reference
from randprop.readouts import NotFittedError


def labelled(seed, n_samples, n_bits, n_classes=3):
    bits = random_bits(seed, n_samples, n_bits)
    y = np.random.default_rng(seed).integers(0, n_classes, n_samples)
    return bits, y


@pytest.mark.parametrize(
    ("n_samples", "n_bits"), [(1, 1), (63, 64), (64, 65), (4097, 130), (9000, 67), (300, 400)]
)
def test_gram_equals_reference(level, n_samples, n_bits):
    bits, y = labelled(n_samples, n_samples, n_bits)
    readout = RidgeReadout().fit(BitMatrix.from_array(bits), y)
    np.testing.assert_array_equal(readout.gram_, reference.gram(bits))
    np.testing.assert_array_equal(np.diag(readout.gram_), bits.sum(axis=0))
    np.testing.assert_array_equal(
        readout.counts_, [bits[y == c].sum(axis=0) for c in readout.classes_]
    )


@pytest.mark.slow
def test_gram_beyond_one_load_of_samples():
    # 8,192 bits leave room for 32,768 samples in a layout: this takes two loads.
    packed = np.random.default_rng(0).integers(0, 256, (33_000, 1024), dtype=np.uint8)
    bits = BitMatrix.from_packbits(packed, 8192)
    gram = np.zeros((8192, 8192), dtype=np.int64)
    _core.add_gram_bits(bits.words, 8192, gram, 0)
    columns = bits.to_array()[:, [0, 1, 63, 64, 127, 128, 4000, 8191]].astype(np.int64)
    picked = gram[
        np.ix_([0, 1, 63, 64, 127, 128, 4000, 8191], [0, 1, 63, 64, 127, 128, 4000, 8191])
    ]
    np.testing.assert_array_equal(picked, columns.T @ columns)
    assert np.array_equal(gram, gram.T)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 150), st.integers(1, 90), st.integers(0, 150))
def test_parts_merge_to_the_whole(seed, n_samples, n_bits, cut):
    bits, y = labelled(seed, n_samples, n_bits)
    cut = min(cut, n_samples - 1)
    packed = BitMatrix.from_array(bits)
    whole = RidgeReadout().fit(packed, y)
    other = RidgeReadout().fit(packed[cut:], y[cut:])
    merged = RidgeReadout().partial_fit(packed[:cut], y[:cut], classes=y).merge(other)
    np.testing.assert_array_equal(merged.gram_, whole.gram_)
    np.testing.assert_array_equal(merged.counts_, whole.counts_)
    np.testing.assert_array_equal(merged.coef_, whole.coef_)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 50.0])
def test_solution_equals_scikit_learn(alpha):
    bits, y = labelled(5, 500, 60, 4)
    packed = BitMatrix.from_array(bits)
    readout = RidgeReadout(alpha).fit(packed, y)
    judge = Ridge(alpha=alpha, solver="cholesky").fit(bits.astype(float), np.eye(4)[y])
    np.testing.assert_allclose(readout.coef_, judge.coef_, atol=1e-10)
    np.testing.assert_allclose(readout.intercept_, judge.intercept_, atol=1e-10)
    np.testing.assert_allclose(
        readout.decision_function(packed), judge.predict(bits.astype(float)), atol=1e-9
    )
    assert np.array_equal(readout.predict(packed), judge.predict(bits.astype(float)).argmax(axis=1))


def test_alpha_may_change_after_the_fit():
    bits, y = labelled(6, 100, 20)
    readout = RidgeReadout(1.0).fit(BitMatrix.from_array(bits), y)
    before = readout.coef_
    readout.alpha = 100.0
    assert np.abs(readout.coef_).max() < 0.5 * np.abs(before).max()


@pytest.mark.parametrize("bits_of_coef", [2, 3, 4, 8, 16])
def test_quantized(level, bits_of_coef):
    bits, y = labelled(7, 400, 131, 5)
    packed = BitMatrix.from_array(bits)
    readout = RidgeReadout().fit(packed, y)
    quantized = readout.quantize(bits_of_coef)
    assert np.abs(quantized.coef_).max() <= 2 ** (bits_of_coef - 1) - 1
    np.testing.assert_array_equal(
        quantized.decision_function(packed),
        bits.astype(np.int64) @ quantized.coef_.T + quantized.bias_,
    )
    error = np.abs(quantized.scale * quantized.coef_ - readout.coef_).mean()
    assert error < 0.8 * np.abs(readout.coef_).max() / 2 ** (bits_of_coef - 1)
    if bits_of_coef >= 8:
        assert (quantized.predict(packed) == readout.predict(packed)).mean() > 0.97


def test_bad_input():
    bits = BitMatrix.from_array(random_bits(1, 6, 10))
    readout = RidgeReadout()
    for ask in (lambda: readout.coef_, lambda: readout.predict(bits), lambda: readout.quantize(4)):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            ask()
    with pytest.raises(TypeError, match="bits must be a BitMatrix"):
        readout.fit(bits.to_array().astype(bool), [0] * 6)
    with pytest.raises(ValueError, match="5 labels for 6 samples"):
        readout.fit(bits, [0] * 5)
    with pytest.raises(ValueError, match="at least one sample"):
        readout.fit(bits[:0], [])
    readout.fit(bits, [0, 1] * 3)
    with pytest.raises(ValueError, match="has 9 bits, the readout was fitted on 10"):
        readout.predict(BitMatrix.from_array(random_bits(1, 2, 9)))
    with pytest.raises(ValueError, match=r"bits must lie in \[2, 16\], got 1"):
        readout.quantize(1)
    with pytest.raises(TypeError, match="other must be a RidgeReadout"):
        readout.merge(3)
    with pytest.raises(ValueError, match="other was fitted on 9 bits"):
        readout.merge(RidgeReadout().fit(BitMatrix.from_array(random_bits(1, 2, 9)), [0, 1]))
    for alpha, error in ((0.0, ValueError), (-1, ValueError), ("a", TypeError), (None, TypeError)):
        with pytest.raises(error, match="alpha must be"):
            RidgeReadout(alpha).fit(bits, [0, 1] * 3)
    before = readout.gram_.copy()
    with pytest.raises(ValueError, match="has 9 bits"):
        readout.partial_fit(BitMatrix.from_array(random_bits(1, 2, 9)), [0, 1])
    assert np.array_equal(readout.gram_, before)
