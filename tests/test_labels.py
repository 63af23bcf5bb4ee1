"""Labels of every kind: kept exactly, wherever they go, or refused with the reason."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import randprop
from helpers import random_bits
from randprop import BitMatrix, Centroids, Model, StepClassifier, StepNetwork
from randprop._labels import as_classes, unite

NETWORK = StepNetwork(4, width=32)
X = np.random.default_rng(0).integers(0, 256, (12, 4), dtype=np.uint8)
BITS = NETWORK.propagate(X)
LONG = np.longdouble(1) + np.longdouble(2) ** -60  # where long double is no longer than double: 1


class Colour(str, enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("given", "dtype", "values"),
    [
        ([3, 1], "int64", [3, 1]),
        (range(2), "int64", [0, 1]),
        ([2**60, 2**63], "uint64", [2**60, 2**63]),
        ([2**53 + 1, -(2**63)], "int64", [2**53 + 1, -(2**63)]),
        (np.array([200, 1], np.uint8), "uint8", [200, 1]),
        (np.array([7, -1], ">i4"), "int32", [7, -1]),
        (np.array([1, 2**60 + 1], object), "int64", [1, 2**60 + 1]),
        ([np.uint64(2**64 - 1), 5], "uint64", [2**64 - 1, 5]),
        (pandas.Series([1, 2**60 + 1], dtype="Int64"), "int64", [1, 2**60 + 1]),
        (pandas.Series(["b", "a"], dtype="string"), "<U1", ["b", "a"]),
        (pandas.Series(["b", "a"], dtype="category"), "<U1", ["b", "a"]),
        ([True, False], "bool", [True, False]),
        (np.array([True, False], object), "bool", [True, False]),
        ([0.5, 1], "float64", [0.5, 1.0]),
        ([np.float32(0.1), 2**60], "float64", [float(np.float32(0.1)), 2.0**60]),
        (np.array([0.1], np.float16), "float64", [float(np.float16(0.1))]),
        (np.array([0.5], np.longdouble), "float64", [0.5]),
        (["ab", "a\0b", "", "ä", "\U0001f600"], "<U3", ["ab", "a\0b", "", "ä", "\U0001f600"]),
        (np.array(["b", "a"], ">U5"), "<U5", ["b", "a"]),
        ([Colour.RED, "red"], "<U3", ["red", "red"]),
        ([], "float64", []),
    ],
)
def test_kept_exactly(given: Any, dtype: str, values: list[Any]) -> None:
    found = as_classes("y", given)
    assert found.dtype == np.dtype(dtype)
    assert found.dtype.isnative
    assert found.tolist() == values
    assert [type(value) for value in found.tolist()] == [type(value) for value in values]


def test_one_zero() -> None:
    for zeros in ([-0.0, 0.0], [0.0, -0.0]):
        assert str(Centroids().fit(BITS[:2], zeros).classes_) == "[0.]"


REFUSED = [
    ([1, "a"], TypeError, "only numbers or only strings.*integers and strings"),
    ([True, 2], TypeError, "booleans and integers"),
    ([0.5, False], TypeError, "booleans and floats"),
    (np.array([1, "a"], object), TypeError, "integers and strings"),
    ([b"cat", b"dog"], TypeError, "got bytes b'cat'; decode bytes to str"),
    (np.array([b"cat", b"dog"]), TypeError, r"dtype \|S3; decode bytes, as by y.astype\(str\)"),
    ([2**70, 1], ValueError, "must fit into 64 bits, .*1180591620717411303424.* as strings"),
    ([2**63, -1], ValueError, "must fit into 64 bits"),
    ([2**53 + 1, 0.5], ValueError, "as a float 9007199254740993 would be rounded"),
    ([1, 10**5000], ValueError, "must fit into 64 bits"),
    ([1.0, np.nan], ValueError, "NaN or infinity"),
    ([1.0, -np.inf], ValueError, "NaN or infinity"),
    (["a", np.nan], TypeError, "floats and strings"),
    (["a", None], TypeError, "numbers or strings, got NoneType"),
    (pandas.Series([1, None], dtype="Int64"), (TypeError, ValueError), "NaN|got NAType"),
    (["a\0", "a"], ValueError, r"must not end in NUL, which NumPy drops, got 'a\\x00'"),
    (["a", "\ud800"], ValueError, "text that UTF-8 holds; label 1"),
    (np.array(["a", "bc\udfff"]), ValueError, "text that UTF-8 holds; label 1"),
    (np.array([0x110000, 97], np.uint32).view("<U1"), ValueError, "label 0"),
    ([[1], [2]], ValueError, r"1 dimension, got shape \(2, 1\); give it as y.ravel\(\)"),
    (np.array(3), ValueError, r"1 dimension, got shape \(\)"),
    ("ab", ValueError, r"1 dimension, got shape \(\)"),
    ({1, 2}, ValueError, r"1 dimension, got shape \(\)"),
    ([1, [2]], TypeError, "numbers or strings, got list"),
    ([1j, 2], TypeError, "numbers or strings, got complex"),
    (np.array([1j, 2]), TypeError, "dtype complex128"),
    ([date(2020, 1, 1)], TypeError, "got date"),
    (np.array(["2020"], "M8[D]"), TypeError, "dtype datetime64"),
    ([np.timedelta64(1, "s")], TypeError, "got timedelta64"),
    ([Decimal(1)], TypeError, "got Decimal"),
    ([1, np.ma.masked], ValueError, "masked entries"),
    (np.ma.masked_array([1, 2], [0, 1]), ValueError, "masked entries"),
]


@pytest.mark.parametrize(("given", "error", "message"), REFUSED)
def test_refused_with_the_reason(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        as_classes("y", given)
    assert "y" in str(caught.value)


@pytest.mark.skipif(float(LONG) == LONG, reason="long double is double here")
def test_long_double_is_exact_or_refused() -> None:
    for labels in (np.array([LONG, 1]), [LONG, 1]):
        with pytest.raises(ValueError, match="that float64 would round"):
            as_classes("y", labels)
    with pytest.raises(ValueError, match="float64 would round"):
        as_classes("y", np.array([np.finfo(np.longdouble).max]))


@pytest.mark.parametrize(
    ("parts", "dtype"),
    [
        ([np.array([2**60, 2**60 + 1]), np.array([3], np.uint64)], "int64"),
        ([np.array([5]), np.array([2**63 + 1], np.uint64)], "uint64"),
        ([np.array([-1], np.int8), np.array([255], np.uint8)], "int64"),
        ([np.array([200], np.uint8)] * 2, "uint8"),
        ([np.array([2**53]), np.array([0.5])], "float64"),
        ([np.array(["a"]), np.array(["abc"]), np.array(["ab"])], "<U3"),
        ([np.array([]), np.array(["a"])], "<U1"),
    ],
)
def test_parts_unite_in_any_order(parts: list[np.ndarray], dtype: str) -> None:
    every = {label for part in parts for label in part.tolist()}
    for order in (parts, parts[::-1]):
        found = unite(order)
        assert found.dtype == np.dtype(dtype)
        assert found.tolist() == sorted(every)
        readouts = [Centroids().fit(BITS[: len(part)], part) for part in order if len(part)]
        merged = Centroids()
        for readout in readouts:
            merged.merge(readout)
        assert merged.classes_.dtype == np.dtype(dtype)
        assert merged.classes_.tolist() == sorted(every)
        assert merged.n_samples_.sum() == sum(map(len, parts))


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        ([-1], np.array([2**63], np.uint64), ValueError),
        ([2**53 + 1], [0.5], ValueError),
        ([0, 1], ["0", "1"], TypeError),
        ([0, 1], [True, False], TypeError),
        ([0.5], [True], TypeError),
    ],
)
def test_parts_that_do_not_unite(first: Any, second: Any, error: type[Exception]) -> None:
    for a, b in ((first, second), (second, first)):
        readout, other = (Centroids().fit(BITS[: len(labels)], labels) for labels in (a, b))
        before = readout.classes_.copy(), readout.n_samples_.copy()
        with pytest.raises(error):
            readout.partial_fit(BITS[: len(b)], b)
        with pytest.raises(error):
            readout.partial_fit(BITS[: len(a)], a, classes=b)
        with pytest.raises(error):
            readout.merge(other)
        np.testing.assert_array_equal(readout.classes_, before[0])
        np.testing.assert_array_equal(readout.n_samples_, before[1])


KINDS = [
    ([0, 1], ["0", "1"]),
    (["0", "1"], [0, 1]),
    ([0, 1], [False, True]),
    ([True, False], [1, 0]),
    (["a", "b"], [0.5, 1.5]),
]


@pytest.mark.parametrize(("labels", "others"), KINDS)
def test_labels_of_another_kind_are_no_wrong_answers(labels: Any, others: Any) -> None:
    y, z = labels * 6, others * 6
    classifier = StepClassifier(width=32).fit(X, y)
    model = classifier.model_
    for ask in (
        lambda: model.score(X, z),
        lambda: classifier.score(X, z),
        lambda: randprop.evaluate_parallel(model, X, z),
        lambda: randprop.evaluate(0, dataset=(X, y, X, z), width=8),
        lambda: randprop.sweep(0, dataset=(X, y, X, z), width=8, seeds=1),
        lambda: randprop.theory.cosine_statistics(X + 1.0, y, X + 1.0, z),
    ):
        with pytest.raises(TypeError, match="only numbers or only strings"):
            ask()


def test_scores_compare_exactly() -> None:
    y = np.array([2**60, 2**60 + 1] * 6)
    classifier = StepClassifier(width=32, readout="knn").fit(X, y)
    model = classifier.model_
    for right in (y, y.astype(np.uint64), y.tolist(), y.astype(object)):
        assert model.score(X, right) == classifier.score(X, right) == 1.0
    off = (y ^ 1).astype(np.uint64)
    assert model.score(X, off) == classifier.score(X, off) == 0.0
    with pytest.raises(ValueError, match="would be rounded"):
        model.score(X, y.astype(float))
    weights = np.arange(12)
    wrong = np.where(weights < 6, y, y ^ 1)
    assert classifier.score(X, wrong, sample_weight=weights) == pytest.approx(15 / 66)
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(12,\)"):
        classifier.score(X, y, sample_weight=weights[1:])


def test_the_classifier_takes_labels_as_they_are() -> None:
    """scikit-learn hands them to NumPy, which makes floats of the first and text of the second."""
    y = [2**60, 2**60 + 1, 2**63] * 4
    assert StepClassifier(width=32).fit(X, y).classes_.tolist() == sorted(set(y))
    with pytest.raises(TypeError, match="integers and strings"):
        StepClassifier(width=32).fit(X, [1, "a"] * 6)
    nullable = pandas.Series([2**60, 2**60 + 1] * 6, dtype="Int64")
    assert StepClassifier(width=32).fit(X, nullable).classes_.tolist() == [2**60, 2**60 + 1]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4).filter(
    lambda text: not text.endswith("\0")
)
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.sampled_from([2**53 + 1, 2**60, 2**60 + 1, 2**63, -1, 0])
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SETS = st.one_of(
    *(st.lists(kind, min_size=1, max_size=12) for kind in (TEXT, NUMBERS, FLOATS, st.booleans())),
    st.lists(st.one_of(NUMBERS, FLOATS), min_size=1, max_size=12),
)


@settings(max_examples=60, deadline=None)
@given(labels=SETS, cut=st.integers(0, 12))
def test_no_label_changes_on_its_way(
    labels: list[Any], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Fitted in two parts, saved and loaded: refused, or equal in value and kind."""
    parts = [part for part in (labels[:cut], labels[cut:]) if part]
    readout = Centroids()
    try:
        start = 0
        for part in parts:
            readout.partial_fit(BITS[start : start + len(part)], part)
            start += len(part)
    except ValueError as error:
        assert "64 bits" in str(error) or "would be rounded" in str(error)
        return
    kind = float if any(isinstance(label, float) for label in labels) else type(labels[0])
    assert readout.classes_.tolist() == sorted(set(labels))
    assert {type(label) for label in readout.classes_.tolist()} == {kind}
    counts = [labels.count(label) for label in sorted(set(labels))]
    assert readout.n_samples_.tolist() == counts
    path = tmp_path_factory.getbasetemp() / "labels.safetensors"
    randprop.save(Model(NETWORK, readout), path)
    loaded = randprop.load(path).readout
    assert loaded.classes_.dtype == readout.classes_.dtype
    assert loaded.classes_.tolist() == readout.classes_.tolist()
    assert loaded.predict(BITS).tolist() == readout.predict(BITS).tolist()


def test_onnx_keeps_labels_or_refuses_them(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")

    def exported(labels: Any) -> Any:
        readout = Centroids().fit(BITS, labels)
        randprop.export_onnx(Model(NETWORK, readout), tmp_path / "model.onnx")
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
        return readout.predict(BITS), session.run(["label"], {"X": X})[0]

    for labels in (
        [2**60, 2**60 + 1],
        np.array([3, 2**63 - 1], np.uint64),
        [True, False],
        ["a", ""],
    ):
        wanted, found = exported(np.array(labels).repeat(6))
        assert found.tolist() == wanted.tolist()
        assert type(found.tolist()[0]) is type(wanted.tolist()[0])
    with pytest.raises(ValueError, match="does not hold 9223372036854775808; give such as strings"):
        exported(np.array([1, 2**63], np.uint64).repeat(6))


def test_names_of_many_classes() -> None:
    bits = BitMatrix.from_array(random_bits(0, 3000, 8))
    names = [f"class {i % 700}" for i in range(3000)]
    readout = Centroids().fit(bits, names)
    assert readout.classes_.tolist() == sorted(set(names))
    assert readout.predict(bits[:3]).dtype == np.dtype("<U9")
