"""What users have as features: every kind of table is the same numbers, mapped without a fault."""

from __future__ import annotations

import math
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pandas
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import randprop
from randprop import (
    Centroids,
    Model,
    RandpropDataWarning,
    StepClassifier,
    StepNetwork,
    StepTransformer,
    bit_chunks,
    evaluate,
    fit_parallel,
    to_bytes,
)
from randprop.datasets import load_digits
from randprop.features import BLOCK_BYTES, row_blocks
from randprop.model.fixed_scaling import AS_BYTES
from randprop.model.mapping import map_block
from randprop.model.recipes import fit_model
from randprop.model.scaling import Scaling

X, Y, X_TEST, Y_TEST = (array[:200] for array in load_digits())
NETWORK = StepNetwork(64, width=50)
FRAME = pandas.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])


# --- the mapping -----------------------------------------------------------------------------


def _nearest(x: Any, low: float, high: float) -> Fraction:
    """Map one number in rational arithmetic, which rounds nothing."""
    span = Fraction(high) - Fraction(low) if high > low else Fraction(1)
    value = Fraction(x) if isinstance(x, float) else Fraction(int(x))
    return min(max(255 * (value - Fraction(low)) / span, Fraction(0)), Fraction(255))


def _is_nearest(X: np.ndarray, low: float, high: float) -> bool:
    found = map_block(X[None], np.array([low]), np.array([high]))[0]
    exact = [_nearest(x, low, high) for x in X.tolist()]
    return all(
        abs(int(byte) - value) <= Fraction(1, 2) + Fraction(1, 10**9)
        for byte, value in zip(found, exact, strict=True)
    )


FINITE = st.floats(allow_nan=False, allow_infinity=False)
TINY = st.integers(0, 1000).map(lambda n: n * 5e-324)


@settings(max_examples=100, deadline=None)
@given(st.lists(FINITE | TINY, min_size=2, max_size=12), FINITE | TINY, FINITE | TINY)
def test_any_range_of_floats_maps_to_the_nearest(values: list[float], a: float, b: float) -> None:
    """Against rational arithmetic, for denormal ranges and for those wider than float64 goes."""
    assert _is_nearest(np.array(values), min(a, b), max(a, b))
    assert _is_nearest(np.array(values), min(values), max(values))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(-(2**63), 2**64 - 1), st.lists(st.integers(0, 2**12), min_size=1, max_size=9),
    st.integers(0, 52),
)  # fmt: skip
def test_integers_beyond_float64_map_to_the_nearest(
    start: int, steps: list[int], shift: int
) -> None:
    """Values that float64 does not hold, in ranges that are narrow beside them."""
    dtype = np.int64 if start < 0 else np.uint64
    least, most = (-(2**63), 2**63 - 1) if start < 0 else (0, 2**64 - 1)
    X = np.array([min(max(start + (n << shift), least), most) for n in steps], dtype=dtype)
    low, high = Scaling("range").fit(X[None]).fixed_.input_range
    assert low <= int(X.min()) <= int(X.max()) <= high
    assert _is_nearest(X, low, high)
    assert _is_nearest(X, 0.25, 2.0**60)


def test_extreme_ranges_are_told_apart() -> None:
    """Each was all 0, or the integer that a NaN happens to become."""
    wide = np.array([[-1.7e308, 0.0, 1.7e308]])
    assert to_bytes(wide).tolist() == [[0, 128, 255]]
    assert to_bytes(np.array([[0.0, 5e-324, 1e-323]])).tolist() == [[0, 128, 255]]
    assert to_bytes(np.array([[2**60, 2**60 + 512]])).tolist() == [[0, 255]]
    assert to_bytes(np.array([[-60000, 0, 60000]], dtype=np.float16)).tolist() == [[0, 128, 255]]
    assert to_bytes(np.array([[0, 0.5, 1]], dtype=np.longdouble)).tolist() == [[0, 128, 255]]
    model = Model(
        StepNetwork(3, width=9),
        Centroids().fit(StepNetwork(3, width=9).propagate(to_bytes(wide)), [0]),
        input_range=(-1.7e308, 1.7e308),
    )
    assert model.propagate(wide) == model.network.propagate(to_bytes(wide))
    if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
        with pytest.raises(ValueError, match="X must fit float64"):
            to_bytes(np.array([[0, np.finfo(np.longdouble).max]]))


def test_onnx_maps_extreme_ranges_alike(tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    for low, high in ((-1.7e308, 1.6e308), (0.0, 1e-320), (-1.0, 3.0)):
        share = rng.uniform(0, 1, (50, 6))
        values = share * high + (1 - share) * low
        network = StepNetwork(6, width=70)
        bits = network.propagate(to_bytes(values, (low, high)))
        model = Model(network, Centroids().fit(bits, np.arange(50) % 2), input_range=(low, high))
        randprop.export_onnx(model, tmp_path / "model.onnx")
        session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
        (found,) = session.run(["bits"], {"X": values})
        np.testing.assert_array_equal(found, bits.to_array())


# --- what decides ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i8", ">i4", "f8", "f4", "f2", "g"])
def test_values_decide_and_not_their_type(dtype: str) -> None:
    """Integers of [0, 255] are used as they come, others by their range."""
    data = X.astype(dtype)
    assert to_bytes(data).tolist() == X.tolist()
    assert Scaling("range").fit(to_bytes(data)).fixed_ == AS_BYTES
    classifier = StepClassifier(width=50).fit(data, Y)
    assert classifier.input_range_ == (0.0, 255.0)
    expected = StepClassifier(width=50).fit(X, Y)
    np.testing.assert_array_equal(classifier.readout_.counts_, expected.readout_.counts_)
    assert evaluate(0, dataset=(data, Y, X_TEST, Y_TEST), width=50).input_range is None
    parts = fit_parallel(StepNetwork(64, width=50), data, Y, chunk_size=70)
    np.testing.assert_array_equal(parts.readout.counts_, expected.readout_.counts_)
    assert fit_model(data, Y, width=50).input_range == (0.0, 255.0)
    for wide, ends in ((X.astype(np.int64) * 100, 1600.0), (X / 32, 0.5)):
        if np.dtype(dtype).itemsize > 2:
            data = wide.astype(dtype) if np.dtype(dtype).kind == wide.dtype.kind else wide
            ranges = (
                StepClassifier(width=9).fit(wide, Y).input_range_,
                fit_model(wide, Y).input_range,
            )
            assert ranges == ((0.0, ends), (0.0, ends))


def test_a_decision_needs_no_copy_of_the_features() -> None:
    """Blocks of rows, of bounded bytes however wide they are; at least one row each."""
    for shape in ((10**9, 784), (1000, 50_000), (3, 10**9), (5, 0)):
        block = next(row_blocks(np.broadcast_to(np.zeros(1), shape)))
        rows = block.stop - block.start
        assert rows == 1 or rows * 32 * max(1, shape[1]) <= BLOCK_BYTES


def test_a_later_part_outside_the_range_warns_once() -> None:
    rng = np.random.default_rng(0)
    first, y = rng.integers(0, 40, (60, 5)), np.arange(60) % 3
    for later, text in (
        (first * 100, "X has values from 0 to .*, but .* keeps integers from 0 to 255"),
        (first / 7, "X has values that are not integers, but the scaling"),
    ):
        classifier = StepClassifier(width=20).partial_fit(first, y)
        with pytest.warns(RandpropDataWarning, match=text) as found:
            classifier.partial_fit(later, y).partial_fit(later, y)
        assert len(found) == 1
        assert "Give input_range" in str(found[0].message)
        StepClassifier(width=20, input_range=(0, 255)).partial_fit(first, y).partial_fit(later, y)
    with pytest.warns(
        RandpropDataWarning, match="has chosen the scaling .* first part, of 60 samples"
    ):
        mapped = StepClassifier(width=20).partial_fit(first / 40, y)
    mapped.partial_fit(first / 80, y)
    with pytest.warns(RandpropDataWarning, match=r"maps the range \(0.0, 0.975\)"):
        mapped.partial_fit(first / 4, y)
    with pytest.warns(RandpropDataWarning, match="X_test has values that are not integers"):
        evaluate(0, dataset=(first, y, first / 2, y), width=9)


def test_fit_parallel_rounds_nothing_without_a_range() -> None:
    with pytest.raises(
        ValueError, match=r"X holds other values than .* give a fitted scaling, or input_range="
    ):
        fit_parallel(NETWORK, X / 16, Y)
    assert fit_parallel(NETWORK, X / 16, Y, input_range=(0, 1)).input_range == (0, 1)


# --- kinds of tables -------------------------------------------------------------------------


def _tables() -> dict[str, Any]:
    """Return the same features in every spelling."""
    tables = {
        "lists": X.tolist(),
        "images": X.reshape(-1, 8, 8),
        "images of channels": X.reshape(-1, 4, 4, 4).astype(float),
        "lists of images": list(X.reshape(-1, 8, 8)),
        "csr": scipy.sparse.csr_matrix(X),
        "coo of floats": scipy.sparse.coo_array(X.astype(float)),
        "pandas": FRAME,
        "pandas nullable": FRAME.astype("Int64"),
        "pandas nullable floats": FRAME.astype("Float64"),
        "pandas of types": FRAME.astype({"pixel 3": "float32", "pixel 5": "Int16"}),
        "pandas sparse of sevens": FRAME.astype(pandas.SparseDtype("int64", 7)),
        "pandas sparse": FRAME.astype(pandas.SparseDtype("int64", 0)),
        "nothing masked": np.ma.masked_array(X, mask=False),
    }
    try:
        import pyarrow

        tables["pandas pyarrow"] = FRAME.astype("int64[pyarrow]")
        tables["pyarrow"] = pyarrow.Table.from_pandas(FRAME)
    except ImportError:
        pass
    try:
        import polars

        tables["polars"] = polars.DataFrame({name: FRAME[name].to_numpy() for name in FRAME})
    except ImportError:
        pass
    return tables


@pytest.mark.parametrize("kind", sorted(_tables()))
def test_every_kind_of_table_is_taken_everywhere(kind: str) -> None:
    table = _tables()[kind]
    np.testing.assert_array_equal(to_bytes(table), X)
    classifier = StepClassifier(width=50).fit(table, Y)
    plain = StepClassifier(width=50).fit(X, Y)
    np.testing.assert_array_equal(classifier.readout_.counts_, plain.readout_.counts_)
    labels = plain.predict(X)
    np.testing.assert_array_equal(classifier.predict(table), labels)
    np.testing.assert_array_equal(classifier.model_.predict(table), labels)
    assert classifier.model_.score(table, Y) == plain.score(X, Y)
    transformer = StepTransformer(width=50)
    np.testing.assert_array_equal(
        transformer.fit_transform(table), transformer.fit_transform(X)
    )  # fmt: skip
    model = fit_parallel(StepNetwork(64, width=50), table, Y, chunk_size=70)
    np.testing.assert_array_equal(model.readout.counts_, plain.readout_.counts_)
    names = tuple(FRAME) if "pandas" in kind or kind in ("polars", "pyarrow") else None
    assert model.feature_names == fit_model(table, Y).feature_names == names
    assert classifier.model_.feature_names == names
    found = evaluate(0, dataset=(table, Y, table, Y), width=50)
    assert found.accuracy == plain.score(X, Y)
    if "float" not in kind and kind not in ("images of channels", "pandas of types"):
        assert NETWORK.propagate(table) == NETWORK.propagate(X)


def _without(name: str, values: Any) -> pandas.DataFrame:
    return FRAME.assign(**{name: values})


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        (_without("pixel 9", "a"), TypeError, "column 'pixel 9' of X must hold real numbers"),
        (
            _without("pixel 9", pandas.Categorical(Y)),
            TypeError,
            "column 'pixel 9' of X must hold real numbers, got category",
        ),
        (
            _without("pixel 9", pandas.array([pandas.NA, *Y[1:]], dtype="Int64")),
            ValueError,
            "column 'pixel 9' of X has missing values",
        ),
        (
            _without("pixel 9", np.where(Y, 1, np.nan)),
            ValueError,
            "column 'pixel 9' of X has missi",
        ),
        (
            _without("pixel 9", np.where(Y, 1, np.inf)),
            ValueError,
            "'pixel 9' of X must not contain",
        ),
        (
            _without("pixel 9", 2**60 + 1).assign(**{"pixel 8": 0.5}),
            ValueError,
            r"column 'pixel 9' of X holds integers beyond 2\*\*53, which are not exact in float64",
        ),
        (
            _without("pixel 9", 2**63 - 1).assign(**{"pixel 8": 0.5}),
            ValueError,
            "column 'pixel 9' of X holds integers beyond",
        ),
        (_without("pixel 9", pandas.Timestamp(0)), TypeError, "column 'pixel 9' of X must hold"),
    ],
)
def test_columns_that_are_no_numbers_are_named(frame: Any, error: Any, message: str) -> None:
    model = Model(NETWORK, Centroids().fit(NETWORK.propagate(X), Y))
    for call in (
        lambda: to_bytes(frame),
        lambda: model.predict(frame),
        lambda: StepClassifier(width=9).fit(frame, Y),
        lambda: fit_parallel(NETWORK, frame, Y),
        lambda: fit_parallel(NETWORK, [(frame, Y)], input_range=(0, 1)),
        lambda: NETWORK.propagate(frame),
    ):
        with pytest.raises(error, match=message):
            call()


def test_polars_and_pyarrow_name_their_columns() -> None:
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for frame, message in (
        (polars.DataFrame({"a": [1, None]}), "column 'a' of X has missing values"),
        (polars.DataFrame({"a": [1.0, math.nan]}), "column 'a' of X must not contain NaN"),
        (polars.DataFrame({"a": ["b", "c"]}), "column 'a' of X must hold real numbers, got String"),
        (pyarrow.table({"a": [1, None]}), "column 'a' of X has missing values"),
        (pyarrow.table({"a": ["b", "c"]}), "column 'a' of X must hold real numbers, got string"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            to_bytes(frame)
    category = polars.Series("a", ["b", "c"], dtype=polars.Categorical)
    for frame in (
        polars.DataFrame([category]),
        pyarrow.table({"a": pyarrow.array([3, 4]).dictionary_encode()}),
    ):
        with pytest.raises(TypeError, match="column 'a' of X must hold real numbers"):
            to_bytes(frame)


def test_one_sample_and_one_image_are_told_what_to_do() -> None:
    classifier = StepClassifier(width=50).fit(X, Y)
    for one in (X[0].reshape(8, 8), X[0].reshape(4, 4, 4)):
        for predict in (classifier.predict, classifier.model_.predict, NETWORK.propagate):
            with pytest.raises(ValueError, match=r"one sample is X.reshape\(1, -1\)"):
                predict(one)
            predict(one.reshape(1, -1))
    with pytest.raises(ValueError, match=r"got \(64,\); one sample is X.reshape\(1, -1\)"):
        classifier.model_.predict(X[0])


def test_entries_of_a_sparse_matrix_that_stand_in_parts() -> None:
    """400 that is kept as 2 x 200 is beyond 255."""
    parts = scipy.sparse.csr_matrix(([200.0, 200.0, 4.0], [0, 0, 1], [0, 2, 3]), shape=(2, 3))
    assert (
        to_bytes(parts, (0, 510)).tolist() == to_bytes([[400, 0, 0], [0, 3, 0]], (0, 510)).tolist()
    )
    assert parts.nnz == 3, "the caller's own is as it was"
    assert StepTransformer(width=9).fit(parts).input_range_ == (0.0, 400.0)


def test_sparse_features_are_never_dense_as_a_whole() -> None:
    """Text of 50,000 words: blocks are counted in bytes, whatever the width."""
    n_samples, n_features, words = 600, 50_000, 20
    rng = np.random.default_rng(0)
    texts = scipy.sparse.csr_array(
        (
            rng.uniform(0.5, 1, n_samples * words),
            rng.integers(0, n_features, n_samples * words),
            np.arange(0, n_samples * words + 1, words),
        ),
        (n_samples, n_features),
    )
    y = np.arange(n_samples) % 3
    tracemalloc.start()
    try:
        classifier = StepClassifier(width=8).fit(texts, y)
        classifier.predict(texts)
        classifier.model_.predict(texts)
        fit_parallel(classifier.network_, texts, y, input_range=(0, 1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100e6, "dense and in float64 they are 240 MB"


# --- masks -----------------------------------------------------------------------------------


class _Slices:
    """Rows on disk, whose slices are masked where something is missing."""

    def __init__(self, rows: Any) -> None:
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def __getitem__(self, key: Any) -> Any:
        return self.rows[key]


def test_masks_are_seen_in_parts() -> None:
    masked = np.ma.masked_array(X, mask=False)
    masked[150, 3] = np.ma.masked
    labels = np.ma.masked_array(Y, mask=False)
    labels[150] = np.ma.masked
    fit_parallel(NETWORK, [(masked[:100], labels[:100])])
    for data, y in (
        ([(masked[:100], Y[:100]), (masked[100:], Y[100:])], None),
        ([(X[:100], labels[:100]), (X[100:], labels[100:])], None),
        ([(list(masked), Y)], None),
        (_Slices(masked), Y),
        (masked, Y),
    ):
        with pytest.raises(ValueError, match="masked entries"):
            fit_parallel(NETWORK, data, y, chunk_size=70)
    with pytest.raises(ValueError, match="A has masked entries"):
        Centroids().fit(bit_chunks(_Slices(masked > 5), Y, chunk_size=70))
    model = Model(NETWORK, Centroids().fit(NETWORK.propagate(X), Y))
    with pytest.raises(ValueError, match="masked entries"):
        randprop.evaluate_parallel(model, [(masked, Y)])
    with pytest.raises(ValueError, match="masked entries"):
        StepClassifier().fit([np.ma.masked_array([1, 2], mask=[1, 0]), [3, 4]], [0, 1])
    with pytest.raises(ValueError, match="rows has masked entries"):
        NETWORK.propagate(X)[np.ma.masked_array([0, 1], mask=[0, 1])]
    with pytest.raises(ValueError, match="y has masked entries"):
        Centroids().fit(NETWORK.propagate(X[:2]), [0, np.ma.masked])


# --- names -----------------------------------------------------------------------------------


def test_names_travel_with_the_model(tmp_path: Any) -> None:
    classifier = StepClassifier(width=50).fit(FRAME, Y)
    randprop.save(classifier, tmp_path / "model")
    for model in (
        classifier.model_,
        randprop.load(tmp_path / "model").model_,
        classifier.model_.quantize(),
        fit_parallel(NETWORK, FRAME, Y, chunk_size=70),
        fit_parallel(NETWORK, ((FRAME[i : i + 50], Y[i : i + 50]) for i in range(0, 200, 50))),
    ):
        assert model.feature_names == tuple(FRAME)
        labels = model.predict(FRAME)
        np.testing.assert_array_equal(model.predict(X), labels)  # no names
        with pytest.raises(ValueError, match="columns in another order .* column 0 is 'pixel 63'"):
            model.predict(FRAME[FRAME.columns[::-1]])
        with pytest.raises(ValueError, match="other columns .* lacks 'pixel 3' and has 'new'"):
            model.predict(FRAME.rename(columns={"pixel 3": "new"}))
        with pytest.raises(ValueError, match="other columns .* lacks 'pixel 63'"):
            model.propagate(FRAME.drop(columns="pixel 63"))
        backwards = FRAME[FRAME.columns[::-1]]
        with pytest.raises(ValueError, match="part 1 of X has its columns in another order"):
            randprop.evaluate_parallel(model, [(FRAME, Y), (backwards, Y)])
    with pytest.raises(ValueError, match="X_test has its columns in another order"):
        evaluate(0, dataset=(FRAME, Y, FRAME[FRAME.columns[::-1]], Y))
    plain = StepClassifier(width=50).fit(X, Y).model_
    assert plain.feature_names is None
    np.testing.assert_array_equal(plain.predict(FRAME), labels)


def test_names_in_exports(tmp_path: Any) -> None:
    """A name that would end a comment, a string or a line does not."""
    onnx = pytest.importorskip("onnx")
    names = ['a"; */ \n#error', "ü", "b"]
    network = StepNetwork(3, width=9)
    readout = Centroids().fit(network.propagate(X[:9, :3]), Y[:9])
    model = Model(network, readout, feature_names=names)
    randprop.export_onnx(model, tmp_path / "model.onnx")
    (kept,) = onnx.load(tmp_path / "model.onnx").metadata_props
    assert (kept.key, kept.value) == ("feature_names", '["a\\"; */ \\n#error", "\\u00fc", "b"]')
    folder = randprop.export_c(model, tmp_path / "c")
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert 'in this order: "a\\"; */ \\n#error", "\\u00fc", "b".' in readme


def test_a_model_without_names_has_the_file_that_it_had(tmp_path: Any) -> None:
    randprop.save(fit_model(X, Y, width=9), tmp_path / "model")
    assert b"feature_names" not in (tmp_path / "model").read_bytes()


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("abc", TypeError, "feature_names must be a sequence of strings, got str"),
        (["a", "b"], ValueError, "feature_names must be 3 names, got 2"),
        (["a", "b", "a"], ValueError, "feature_names must be different strings"),
        (["a", "b", 3], ValueError, "feature_names must be different strings"),
        (["a", "b", "\ud800"], ValueError, "feature_names must be text that UTF-8 can hold"),
    ],
)
def test_names_that_are_none(names: Any, error: Any, message: str) -> None:
    network = StepNetwork(3, width=9)
    readout = Centroids().fit(network.propagate(X[:9, :3]), Y[:9])
    with pytest.raises(error, match=message):
        Model(network, readout, feature_names=names)
