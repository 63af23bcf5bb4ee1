"""Data are loaded, thinned, checked and coded in one place, for everything that measures."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import randprop
from randprop import evaluate, sweep
from randprop.datasets import DATASETS, load_digits
from randprop.measure.split import load_split


def test_a_thinned_sweep_refuses_what_evaluate_refuses() -> None:
    """Five training samples have not every class of the test samples."""
    X_train, y_train, X_test, y_test = load_digits()
    rows = np.arange(5) * len(X_train) // 5
    thinned = (X_train[rows], y_train[rows], X_test, y_test)
    message = "y_test has labels that y_train does not have"
    with pytest.raises(ValueError, match=message):
        evaluate(0, dataset=thinned, width=64)
    with pytest.raises(ValueError, match=message):
        sweep(0, dataset="digits", width=64, seeds=1, n_train=5)


def test_thinned_evenly() -> None:
    X_train, y_train, X_test, y_test = load_digits()
    split = load_split("digits", n_train=100, n_test=50)
    rows = np.arange(100) * len(X_train) // 100
    np.testing.assert_array_equal(split.X_train, X_train[rows])
    np.testing.assert_array_equal(split.classes[split.codes_train], y_train[rows])
    np.testing.assert_array_equal(split.y_train, y_train[rows])
    assert len(split.X_test) == len(split.codes_test) == 50
    assert split.image_shape == DATASETS["digits"].image_shape == (8, 8, 1)
    whole = load_split("digits", n_train=10**9)
    np.testing.assert_array_equal(whole.X_test, X_test)
    np.testing.assert_array_equal(whole.classes[whole.codes_test], y_test)


def test_the_digest_is_of_the_whole_data() -> None:
    """A store knows its data however many of them a sweep uses."""
    arrays = load_digits()
    expected = hashlib.blake2b(digest_size=8)
    for array in (arrays[0], arrays[1].astype(np.int32), arrays[2], arrays[3].astype(np.int32)):
        expected.update(np.ascontiguousarray(array).data)
    for count in (None, 200):
        split = load_split("digits", n_train=count, digest=True)
        assert split.digest == expected.hexdigest()
    assert load_split("digits").digest == ""
    other = load_split((arrays[0], arrays[1], arrays[2], arrays[3][::-1]), digest=True)
    assert other.digest != expected.hexdigest()


def test_ranges_and_names() -> None:
    X = np.array([[0.5, 2.5], [1.5, 0.5]])
    split = load_split((X, ["b", "a"], X[::-1], ["a", "b"]))
    assert split.name == "arrays"
    assert split.input_range == (0.5, 2.5)
    assert split.classes.tolist() == ["a", "b"]
    assert split.codes_train.tolist() == [1, 0]
    assert split.X_train.tolist() == [[0, 255], [128, 0]]
    assert split.image_shape is None


@pytest.mark.filterwarnings("ignore::randprop.RandpropDataWarning")
def test_a_confusion_matrix_has_a_limit() -> None:
    X, y = np.zeros((12_000, 1), dtype=np.uint8), np.arange(12_000)
    with pytest.raises(
        ValueError, match="at most 11585 classes, because their confusion matrix .* 12000"
    ):
        load_split((X, y, X[:2], y[:2]))
    model = randprop.Model(
        network := randprop.StepNetwork(1, width=2),
        randprop.Centroids().fit(network.propagate(X), y),
    )
    with pytest.raises(ValueError, match="at most 11585 classes"):
        randprop.evaluate_parallel(model, X[:2], y[:2])
    assert 0.0 <= model.score(X[:10], y[:10]) <= 1.0
