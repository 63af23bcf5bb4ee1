"""Readouts by name against plain arrays."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from helpers import random_bits
from randprop import BitMatrix
from randprop.readouts import Centroids, HammingNeighbors
from randprop.readouts.discriminant import DiscriminantReadout
from randprop.readouts.registry import READOUTS, label_of, make_readout
from randprop.readouts.ridge import RidgeReadout


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
    elif readout == "discriminant":
        judge = LinearDiscriminantAnalysis(solver="lsqr").fit(bits, y)
        scores = -judge.decision_function(test)
    else:
        A = bits - bits.mean(axis=0)
        T = (y[:, None] == classes).astype(float)
        gram = A.T @ A
        weight = 1e-3 * np.diag(gram).mean()
        coef = np.linalg.solve(gram + weight * np.eye(90), A.T @ (T - T.mean(axis=0)))
        scores = -((test - bits.mean(axis=0)) @ coef + T.mean(axis=0))
    return classes[np.argmin(scores, axis=1)]


NAMES = (*READOUTS, "knn_3", "knn_5")


@pytest.mark.parametrize("readout", NAMES)
def test_equals_plain_arrays(data, readout):
    bits, y, test, t = data
    alpha = {"ridge": 1e-3, "discriminant": 1e-9}.get(readout, "auto")
    fitted = make_readout(readout, alpha=alpha).fit(BitMatrix.from_array(bits), y)
    got = fitted.predict(BitMatrix.from_array(test))
    expected = naive(readout, bits, y, test)
    assert np.array_equal(got, expected)
    assert 0.5 < np.mean(got == t) < 1


def test_names_and_options_say_the_same():
    for name, readout in {
        "centroid": Centroids(),
        "majority": Centroids(metric="hamming"),
        "cosine": Centroids(metric="cosine"),
        "knn": HammingNeighbors(),
        "knn_3": HammingNeighbors(3),
        "ridge": RidgeReadout(),
        "discriminant": DiscriminantReadout(),
        "DiscriminantReadout(alpha=1.0)": DiscriminantReadout(1.0),
        "RidgeReadout(alpha=0.5)": RidgeReadout(0.5),
    }.items():
        assert label_of(readout) == name
        if "(" not in name:
            assert label_of(make_readout(name)) == name
    assert make_readout("knn", n_neighbors=7).n_neighbors == 7
    assert make_readout("knn_5", n_neighbors=7).n_neighbors == 5
    assert make_readout("centroid", metric="cosine").metric == "cosine"
    assert make_readout("ridge", alpha=3).alpha == 3


def test_a_given_readout_is_not_touched(data):
    bits, y, _, _ = data
    fitted = Centroids(metric="cosine").fit(BitMatrix.from_array(bits), y)
    made = make_readout(fitted, n_threads=1)
    assert made is not fitted
    assert not hasattr(made, "counts_")
    assert (made.metric, made.n_threads, fitted.n_threads) == ("cosine", 1, None)


@pytest.mark.parametrize(
    ("readout", "options", "error", "text"),
    [
        ("svm", {}, ValueError, "readout must be one of 'centroid', .* got 'svm'"),
        ("knn_0", {}, ValueError, "readout must be one of"),
        ("knn_5000", {}, ValueError, "n_neighbors must lie in"),
        (3, {}, TypeError, "readout must be a name or an unfitted readout such as .* got int 3"),
        (Centroids, {}, TypeError, "readout must be a name or an unfitted readout"),
        ("ridge", {"metric": "cosine"}, ValueError, "metric 'cosine' is for readout 'centroid'"),
        ("ridge", {"metric": "manhattan"}, ValueError, "metric must be one of"),
        ("centroid", {"n_neighbors": 0}, ValueError, "n_neighbors must lie in"),
        ("centroid", {"alpha": [1]}, TypeError, "alpha must be a number"),
        ("centroid", {"alpha": "1"}, ValueError, "alpha must be a number above 0 or 'auto'"),
        ("ridge", {"alpha": 0.0}, ValueError, "alpha must be above 0"),
    ],
)
def test_refuses(readout, options, error, text):
    with pytest.raises(error, match=text):
        make_readout(readout, **options)


def test_cosine_of_a_class_without_set_bits():
    bits = np.vstack([np.zeros((3, 10), dtype=np.uint8), random_bits(1, 5, 10)])
    y = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    got = make_readout("cosine").fit(BitMatrix.from_array(bits), y)
    got = got.predict(BitMatrix.from_array(bits[3:]))
    assert got.tolist() == [1] * 5
