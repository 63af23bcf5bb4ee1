"""evaluate: the paper's figures on MNIST, the bookkeeping on small data, the errors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import randprop
from helpers import random_bytes
from randprop import datasets, evaluate, reference
from randprop.measure.split import load_split

# Depths and the interval that the accuracy of 8-bit networks must lie in, for any seed.
PAPER = {0: (0.805, 0.832), 1: (0.780, 0.812), 2: (0.72, 0.76), 15: (0.08, 0.12)}


@pytest.fixture(scope="module")
def small() -> tuple[Any, ...]:
    X = random_bytes(0, 300, 40)
    y = (X[:, 0] > 100).astype(int) + (X[:, 1] > 100)
    X[:, 2] = 80 * y
    return X[:200], y[:200], X[200:], y[200:]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 10))]
)
def test_mnist_agrees_with_the_paper(seed: int) -> None:
    results = evaluate(layers=range(16), seed=seed)
    assert [r.layers for r in results] == list(range(16))
    for depth, (low, high) in PAPER.items():
        assert low <= results[depth].accuracy <= high, depth
    if seed == 0:
        assert 0.60 <= results[3].accuracy <= 0.66
    # Flat at p (1 - p) for p near a half; the class signal falls by about half a layer.
    assert all(abs(r.variance_units - 0.2498) < 0.0015 for r in results)
    assert results[0].variance_class_means > 1000 * results[15].variance_class_means
    assert round(results[0].baseline_accuracy, 4) == 0.8203


def test_quantities_from_their_definitions(small: tuple[Any, ...]) -> None:
    X_train, y_train, X_test, y_test = small
    for activation in ("step", "sign"):
        result = evaluate(1, dataset=small, width=[50, 70], activation=activation, seed=3)
        scale = 1 if activation == "step" else 2
        train = reference.propagate(X_train, [50, 70], activation=activation, seed=3)[1]
        test = reference.propagate(X_test, [50, 70], activation=activation, seed=3)[1]
        values = scale * train.astype(float)
        means = np.array([values[y_train == c].mean(axis=0) for c in range(3)])
        distances = ((scale * test[:, None, :] - means) ** 2).sum(axis=2)
        predicted = distances.argmin(axis=1)
        assert result.accuracy == np.mean(predicted == y_test)
        confusion = [
            [int(np.sum((y_test == t) & (predicted == p))) for p in range(3)] for t in range(3)
        ]
        assert result.confusion_matrix.tolist() == confusion
        expected = [np.mean(predicted[y_test == c] == c) for c in range(3)]
        np.testing.assert_allclose(result.class_accuracy, expected)
        np.testing.assert_allclose(result.variance_units, values.var(axis=1).mean())
        np.testing.assert_allclose(result.variance_samples, values.var(axis=0).mean())
        np.testing.assert_allclose(result.variance_class_means, means.var(axis=0).mean())
        pixel_means = np.array([X_train[y_train == c].mean(axis=0) for c in range(3)])
        nearest = ((X_test[:, None, :] - pixel_means) ** 2).sum(axis=2).argmin(axis=1)
        assert result.baseline_accuracy == np.mean(nearest == y_test)
        assert result.widths == (50, 70)
        assert result.bytes_held["activations"] == 300 * 2 * 8
        assert result.bytes_held["centroids"] == 3 * 70 * 8 + 3 * 8
        assert result.bytes_held["weights"] > 0
        assert set(result.seconds) == {"load", "baseline", "propagate", "fit", "predict"}


def test_a_sequence_equals_its_parts(small: tuple[Any, ...]) -> None:
    many = evaluate([2, 0, 2], dataset=small, seed=5)
    assert [r.layers for r in many] == [2, 0, 2]
    for r in many:
        alone = evaluate(r.layers, dataset=small, seed=5)
        np.testing.assert_array_equal(r.confusion_matrix, alone.confusion_matrix)
        assert r.variance_class_means == alone.variance_class_means
        assert r.widths == alone.widths
    assert [r.layers for r in evaluate(iter([1]), dataset=small)] == [1]


def test_levels_and_threads_agree(level: str, kernel: str, small: tuple[Any, ...]) -> None:
    result = evaluate(2, dataset=small, weight_bits=4, n_threads=3)
    assert result.simd_level == level
    assert result.n_threads == 3
    expected = reference.propagate(small[2], [40] * 3, weight_bits=4)[2]
    train = reference.propagate(small[0], [40] * 3, weight_bits=4)[2]
    counts, n = reference.centroid_counts(train, small[1], 3)
    predicted = reference.centroid_distances(expected, counts, n).argmin(axis=1)
    assert result.accuracy == np.mean(predicted == small[3])


def test_json_and_print(small: tuple[Any, ...]) -> None:
    result = evaluate(1, dataset=small)
    again = json.loads(json.dumps(result.to_dict()))
    assert again["accuracy"] == result.accuracy
    assert again["confusion_matrix"] == result.confusion_matrix.tolist()
    assert again["widths"] == [40, 40]
    assert again["input_range"] is None
    text = str(result)
    for part in (f"{result.accuracy:.4f}", f"{result.baseline_accuracy:.4f}", "seed 0", "1 hidden"):
        assert part in text


def test_labels_may_be_strings_and_classes_may_lack_test_samples(small: tuple[Any, ...]) -> None:
    X_train, y_train, X_test, y_test = small
    names = np.array(["ant", "bee", "cat"])
    rows = y_test != 2
    result = evaluate(0, dataset=(X_train, names[y_train], X_test[rows], names[y_test[rows]]))
    assert result.classes.tolist() == ["ant", "bee", "cat"]
    assert np.isnan(result.class_accuracy[2])
    assert result.to_dict()["class_accuracy"][2] is None
    assert "cat" in str(result)


def test_float_features_are_mapped_by_the_training_range(small: tuple[Any, ...]) -> None:
    X_train, y_train, X_test, y_test = small
    scaled = (X_train / 255.0 * 3.0 - 1.0, y_train, X_test / 255.0 * 3.0 - 1.0, y_test)
    result = evaluate(1, dataset=scaled)
    assert result.input_range == (-1.0, 2.0)
    assert "features mapped to 8 bits from [-1, 2]" in str(result)
    direct = evaluate(1, dataset=small)
    np.testing.assert_array_equal(result.confusion_matrix, direct.confusion_matrix)
    # A test value beyond the range is cut; one between two bytes goes to the nearer.
    a = np.array([[0.0, 10.0], [0.5, 10.0]])
    split = load_split((a, [0, 1], np.array([[-5.0, 5.0], [20.0, 9.99]]), [0, 1]))
    assert split.X_test.tolist() == [[0, 128], [255, 255]]
    assert split.input_range == (0.0, 10.0)


def test_integers_in_range_are_used_as_they_are(small: tuple[Any, ...]) -> None:
    X_train, y_train, X_test, y_test = small
    direct = evaluate(0, dataset=small)
    for dtype in (np.int64, np.uint16, np.float64, np.float32):
        result = evaluate(0, dataset=(X_train.astype(dtype), y_train, X_test.astype(dtype), y_test))
        assert result.input_range is None
        np.testing.assert_array_equal(result.confusion_matrix, direct.confusion_matrix)
    wide = X_train.astype(np.int64) * 4
    assert evaluate(0, dataset=(wide, y_train, wide, y_train)).input_range == (0.0, 1020.0)
    assert evaluate(0, dataset=(wide > 9, y_train, wide > 9, y_train)).input_range is None


def test_dataset_by_name_equals_arrays() -> None:
    by_name = evaluate(0, dataset="digits")
    by_arrays = evaluate(0, dataset=datasets.load_digits())
    np.testing.assert_array_equal(by_name.confusion_matrix, by_arrays.confusion_matrix)
    assert (by_name.dataset, by_arrays.dataset) == ("digits", "arrays")
    assert by_name.accuracy > 0.7


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layers": -1}, ValueError, "layers must lie in"),
        ({"layers": 1.5}, TypeError, "layers must be an integer, got float 1.5"),
        ({"layers": []}, ValueError, "layers must have at least one"),
        ({"layers": [0, "a"]}, TypeError, r"layers\[1\] must be an integer"),
        ({"layers": "3"}, TypeError, "layers must be an integer, got str"),
        ({"dataset": "nist"}, ValueError, "dataset must be one of"),
        ({"dataset": 3}, TypeError, "dataset must be a name or .* got int"),
        ({"dataset": (1, 2, 3)}, TypeError, "got 3 entries"),
        ({"readout": "svm"}, ValueError, "readout must be one of 'centroid', .* got 'svm'"),
        ({"weight_bits": 5}, ValueError, "weight_bits must be one of"),
        ({"activation": "gelu"}, ValueError, "activation must be one of"),
        ({"seed": -3}, ValueError, "seed must lie in"),
        ({"width": [3, 3]}, ValueError, "width must have 4 entries"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1"),
    ],
)
def test_bad_arguments(
    arguments: dict[str, Any], error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is computed first: the data are not even read."""
    monkeypatch.setattr(datasets, "load_mnist", lambda: pytest.fail("data were read"))
    monkeypatch.setitem(datasets.DATASETS, "mnist", datasets.NamedSet(datasets.load_mnist))
    with pytest.raises(error, match=message):
        evaluate(**arguments)


def test_bad_arrays(small: tuple[Any, ...]) -> None:
    X, y = small[0], small[1]
    nan = X.astype(float)
    nan[3, 3] = np.nan
    bad: list[tuple[tuple[Any, ...], type[Exception], str]] = [
        ((X, y, X[:, :5], y), ValueError, "X_test has 5 features, X_train has 40"),
        ((X, y[:9], X, y), ValueError, "y_train has 9 labels for 200 samples"),
        ((X, y, X, [[1]] * 200), ValueError, "y_test must have 1 dimension"),
        ((X, y, X, y + 1), ValueError, r"y_test has labels that y_train does not have: \[3\]"),
        ((nan, y, X, y), ValueError, "X_train must not contain NaN or infinity"),
        (
            (X, y, np.full(X.shape, np.inf), y),
            ValueError,
            "X_test must not contain NaN or infinity",
        ),
        ((X[:0], y[:0], X, y), ValueError, "X_train must have shape .* got .0, 40."),
        ((X[0], y, X, y), ValueError, "X_train must have shape"),
        ((X.astype(complex), y, X, y), TypeError, "X_train must hold real numbers"),
        ((X.astype(object), y, X, y), TypeError, "X_train must hold real numbers"),
        ((randprop.BitMatrix.from_array(X > 3), y, X, y), TypeError, "got a BitMatrix"),
    ]
    for dataset, error, message in bad:
        with pytest.raises(error, match=message):
            evaluate(0, dataset=dataset)


def test_in_a_notebook_and_as_a_frame() -> None:
    X = np.arange(24, dtype=np.uint8).reshape(6, 4)
    y = np.array(["<a>", "b&", "<a>", "b&", "<a>", "b&"])
    result = evaluate(1, dataset=(X, y, X[:5], y[:5]), width=40)
    page = result._repr_html_()
    for text in ("<caption", f"<td>{result.accuracy:.4f}</td>", "<th>&lt;a&gt;</th>", "b&amp;"):
        assert text in page
    assert "<a>" not in page
    assert page.count("<table>") == page.count("</table>") == 2
    frame = result.to_pandas()
    assert frame.loc["<a>"].sum() == 3
    assert frame.to_numpy().tolist() == result.confusion_matrix.tolist()
    assert frame.attrs["accuracy"] == result.accuracy
    swept = randprop.sweep([0, 1], dataset=(X, y, X, y), width=[8, 9], seeds=2)
    page = swept._repr_html_()
    assert page.count("<tr>") == 1 + 4
    assert "<th>width</th>" in page
    assert "without cells" in swept.where(width=7)._repr_html_()


def test_several_depths_show_themselves(small: tuple[Any, ...]) -> None:
    import matplotlib

    matplotlib.use("agg")
    several = evaluate([2, 0], dataset=small, seed=5)
    assert isinstance(several, list)
    lines = str(several).splitlines()
    assert repr(several) == str(several)
    assert [line.split()[0] for line in lines[4:]] == ["2", "0"]
    assert f"{several[0].accuracy:.4f}" in lines[4]
    assert several._repr_html_().count("<tr>") == 3
    frame = several.to_pandas()
    assert frame["layers"].tolist() == [2, 0]
    assert frame["accuracy"].tolist() == [r.accuracy for r in several]
    assert frame["width"].tolist() == [40, 40]
    ax = several.plot()
    x, y = ax.lines[0].get_data()
    assert list(x) == [0, 2]
    assert list(y) == [several[1].accuracy, several[0].accuracy]
    with pytest.raises(ValueError, match="metric must be one of 'accuracy'"):
        several.plot("speed")
    assert str(type(several)()) == "[]"


def test_readouts_by_name_and_given(small: tuple[Any, ...]) -> None:
    for name, options, given in (
        ("knn", {"n_neighbors": 3}, randprop.HammingNeighbors(3)),
        ("knn_3", {}, randprop.HammingNeighbors(3)),
        ("ridge", {"alpha": 0.5}, randprop.RidgeReadout(0.5)),
        ("centroid", {"metric": "cosine"}, "cosine"),
    ):
        by_name = evaluate(0, dataset=small, readout=name, **options)
        by_object = evaluate(0, dataset=small, readout=given)
        assert by_name.readout == by_object.readout
        np.testing.assert_array_equal(by_name.confusion_matrix, by_object.confusion_matrix)
