"""The ridge readout against sums over the unpacked bits and scikit-learn's solver."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from helpers import random_bits
from randprop import BitMatrix, RidgeReadout, StepNetwork, _core, reference
from randprop.datasets import load_digits
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


def unit_of(values):
    """Mean diagonal of the centred Gram matrix, in which alpha counts."""
    return values.astype(float).var(axis=0).mean() * len(values)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize(("n_samples", "n_bits"), [(500, 60), (40, 60)])
def test_solution_equals_scikit_learn(alpha, n_samples, n_bits):
    bits, y = labelled(5, n_samples, n_bits, 4)
    packed = BitMatrix.from_array(bits)
    readout = RidgeReadout(alpha).fit(packed, y)
    assert readout.alpha_ == alpha
    judge = Ridge(alpha=alpha * unit_of(bits), solver="cholesky")
    judge.fit(bits.astype(float), np.eye(4)[y])
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


@pytest.mark.parametrize("bits_of_coef", [1, 2, 3, 4, 8, 16])
def test_quantized(level, bits_of_coef):
    bits, y = labelled(7, 400, 131, 5)
    packed = BitMatrix.from_array(bits)
    readout = RidgeReadout().fit(packed, y)
    quantized = readout.quantize(bits_of_coef)
    assert quantized.codes_.min() >= 0
    assert quantized.codes_.max() <= 2**bits_of_coef - 1
    np.testing.assert_array_equal(
        quantized.decision_function(packed),
        bits.astype(np.int64) @ quantized.coef_.T + quantized.bias_,
    )
    # Scores but for what all classes share, which decides nothing.
    found, right = quantized.scale * quantized.scores(packed), readout.scores(packed)
    found, right = (scores - scores.mean(axis=1, keepdims=True) for scores in (found, right))
    assert np.abs(found - right).mean() < 0.9 * np.abs(right).mean() / 2 ** (bits_of_coef - 1)
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
    with pytest.raises(ValueError, match=r"bits must lie in \[1, 16\], or be 'ternary', got 17"):
        readout.quantize(17)
    with pytest.raises(ValueError, match="a number of bits or 'ternary', got 'few'"):
        readout.quantize("few")
    with pytest.raises(TypeError, match="other must be a RidgeReadout"):
        readout.merge(3)
    with pytest.raises(ValueError, match="other was fitted on 9 bits"):
        readout.merge(RidgeReadout().fit(BitMatrix.from_array(random_bits(1, 2, 9)), [0, 1]))
    for alpha, error in ((0.0, ValueError), (-1, ValueError), ("a", ValueError), (None, TypeError)):
        with pytest.raises(error, match="alpha must be"):
            RidgeReadout(alpha).fit(bits, [0, 1] * 3)
    before = readout.gram_.copy()
    with pytest.raises(ValueError, match="has 9 bits"):
        readout.partial_fit(BitMatrix.from_array(random_bits(1, 2, 9)), [0, 1])
    assert np.array_equal(readout.gram_, before)


def test_small_alphas_give_the_right_labels_or_are_refused():
    """Against the decomposition of the samples themselves, without what is rounding alone."""
    X, y, X_test, _ = load_digits()
    network = StepNetwork(64, 1, width=320)
    n = 340  # more than bits, among which are copies
    bits, y, test = network.propagate(X[:n]), y[:n], network.propagate(X_test)
    bits = BitMatrix.from_array(np.hstack([bits.to_array()[:, :300], bits.to_array()[:, :20]]))
    test = BitMatrix.from_array(np.hstack([test.to_array()[:, :300], test.to_array()[:, :20]]))
    A, B = bits.to_array().astype(float), test.to_array()
    means, shares = A.mean(axis=0), np.eye(10)[y].mean(axis=0)
    left, s, right = np.linalg.svd(A - means, full_matrices=False)
    left, s, right = left[:, s > 1e-9 * s[0]], s[s > 1e-9 * s[0]], right[s > 1e-9 * s[0]]
    refused, readout = 0, RidgeReadout().fit(bits, y)
    unit = unit_of(bits.to_array())
    for alpha in 10.0 ** np.arange(-18, 3, 2):
        coef = (right.T * (s / (s**2 + alpha * unit))) @ (left.T @ (np.eye(10)[y] - shares))
        readout.alpha = alpha
        try:
            predicted = readout.predict(test)
        except ValueError as error:
            found = re.search(r"alpha = (\S+) is too small .* alpha of at least (\S+)$", str(error))
            assert found, error
            assert float(found[1]) == pytest.approx(alpha)
            readout.alpha = float(found[2])
            readout.predict(test)
            refused += 1
        else:
            assert np.array_equal(predicted, ((B - means) @ coef + shares).argmax(axis=1)), alpha
            np.testing.assert_allclose(readout.coef_.T, coef, atol=0.05 * np.abs(coef).max())
    assert 2 <= refused <= 5


def test_units_that_never_change_are_no_reason_to_refuse():
    bits, y = labelled(8, 400, 30)
    bits[:, ::3] = 0
    readout = RidgeReadout(1e-30).fit(BitMatrix.from_array(bits), y)
    assert not readout.coef_[:, ::3].any()
    judge = np.linalg.lstsq(
        np.column_stack([bits, np.ones(400)]).astype(float), np.eye(3)[y], rcond=None
    )[0]
    np.testing.assert_allclose(readout.coef_.T, judge[:-1], atol=1e-10)


@pytest.mark.parametrize("alpha", [1e300, 1.7e308])
def test_the_largest_alphas_leave_the_shares_of_the_classes(alpha):
    bits, y = labelled(9, 50, 20)
    readout = RidgeReadout(alpha).fit(BitMatrix.from_array(bits), y)
    assert np.abs(readout.coef_).max() < 1e-290
    np.testing.assert_allclose(readout.intercept_, np.bincount(y) / 50)
    assert set(readout.predict(BitMatrix.from_array(bits)).tolist()) == {np.bincount(y).argmax()}


@pytest.mark.parametrize("alpha", [1e-323, 1e-300, 1e-200])
def test_copies_of_one_bit_and_no_alpha_to_speak_of(alpha):
    bits = BitMatrix.from_array(np.repeat(random_bits(0, 30, 1), 4, axis=1))
    readout = RidgeReadout(alpha).fit(bits, np.arange(30) % 2)
    for ask in (lambda: readout.coef_, lambda: readout.predict(bits), readout.quantize):
        with pytest.raises(ValueError, match="alpha = .* is too small"):
            ask()
