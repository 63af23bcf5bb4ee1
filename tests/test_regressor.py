"""Real targets: exact sums, the same model from any parts, and what is refused."""

from __future__ import annotations

import pickle
import threading
from copy import deepcopy
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

import randprop
from helpers import random_bits
from randprop import BitMatrix, RidgeReadout, StepClassifier, StepRegressor
from randprop.readouts import products
from randprop.readouts.base import NotFittedError, changing
from randprop.readouts.regression import GRID
from randprop.readouts.ridge_regression import RidgeRegression
from randprop.readouts.targets import integers_of, sums_of
from test_states import interrupted, lock_is_free

LARGEST = np.finfo(np.float64).max
ODD = [0.0, -0.0, 5e-324, -5e-324, 2.2e-308, LARGEST, -LARGEST, 2.0**53 - 1, -1.0, 1 / 3, 1e16]
floats = st.one_of(st.sampled_from(ODD), st.floats(allow_nan=False, allow_infinity=False))


def data(
    n_samples: int, n_features: int, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return bytes, and two targets that depend on them, of very different size."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (n_samples, n_features), dtype=np.uint8)
    noise = rng.normal(size=(2, n_samples))
    y = np.column_stack([X[:, 0] + 9 * noise[0], 1e-200 * (X[:, 1] + 30.0 * noise[1])])
    return X, y


def bytes_of(readout: RidgeRegression) -> bytes:
    """Return everything that a readout holds, and its solution."""
    sums = readout._sums
    held = [readout._ones, sums.sums, sums.products, readout.coef_, readout.intercept_]
    found = [np.asarray(array).tobytes() for array in held]
    gram = b"" if readout._gram is None else readout._gram.tobytes()
    return b"".join([*found, gram, repr((sums.places, sums.squares, readout.alpha_)).encode()])


@given(st.lists(floats, min_size=1, max_size=12), st.integers(0, 2**32))
def test_sums_are_those_of_fractions(values: list[float], seed: int) -> None:
    y = np.array(values)
    X = np.random.default_rng(seed).integers(0, 256, (len(y), 3), dtype=np.uint8)
    exact = [Fraction(value) for value in values]
    sums = sums_of(X, y[:, None])
    unit = Fraction(2) ** sums.unit
    assert sums.sum_of(0) * unit == sum(exact)
    assert sums.square_of(0) * unit**2 == sum(value * value for value in exact)
    expected = [sum(e * int(x) for e, x in zip(exact, X[:, i], strict=True)) for i in range(3)]
    assert [number * unit for number in sums.products_of(0)] == expected
    assert [number * unit for number in integers_of(y[:, None], sums.unit)[:, 0]] == exact


def test_limbs_of_many_samples_add_up_without_rounding() -> None:
    """The largest limbs and bytes: more would not fit into what float64 and int64 hold."""
    n = 2**15 + 2**10
    y = np.full((n, 1), float(2**48 - 1))
    X = np.full((n, 2), 255, dtype=np.uint8)
    sums = sums_of(X, y)
    assert sums.places == (0, 1)
    assert sums.sum_of(0) == n * (2**48 - 1)
    assert sums.square_of(0) == n * (2**48 - 1) ** 2
    assert sums.products_of(0).tolist() == [255 * n * (2**48 - 1)] * 2


@settings(max_examples=60)
@given(
    st.lists(floats, min_size=2, max_size=30), st.integers(1, 20), st.integers(0, 2**32), st.data()
)
def test_any_parts_in_any_order_are_the_same_to_the_last_bit(
    values: list[float], n_features: int, seed: int, drawn: st.DataObject
) -> None:
    """Whether or not there are fewer samples than features."""
    rng = np.random.default_rng(seed)
    y = np.clip(values, -1e290, 1e290)  # so that coefficients are numbers of float64
    if drawn.draw(st.booleans()):
        features: Any = rng.integers(0, 256, (len(y), n_features), dtype=np.uint8)
    else:
        features = BitMatrix.from_array(random_bits(seed, len(y), n_features))
    whole = RidgeRegression().partial_fit(features, y)
    order = rng.permutation(len(y))
    cuts = sorted(drawn.draw(st.lists(st.integers(0, len(y)), max_size=5)))
    parts = np.split(order, cuts)
    if isinstance(features, BitMatrix):
        pieces = [(BitMatrix.from_array(features.to_array()[part]), y[part]) for part in parts]
    else:
        pieces = [(features[part], y[part]) for part in parts]
    grown = RidgeRegression()
    for piece in pieces:
        grown.partial_fit(*piece)
    merged = RidgeRegression().partial_fit(*pieces[-1])
    for piece in pieces[:-1]:
        if len(piece[0]):
            merged.merge(RidgeRegression().partial_fit(*piece))
    assert bytes_of(grown) == bytes_of(whole)
    assert bytes_of(merged) == bytes_of(whole)


@pytest.mark.parametrize("n_samples", [20, 90, 300])
@pytest.mark.parametrize("n_features", [30, 120])
def test_the_solution_is_sklearns(n_samples: int, n_features: int) -> None:
    X, y = data(n_samples, n_features)
    centred = X - X.mean(axis=0)
    readout = RidgeRegression(alpha=0.3).partial_fit(X, y)
    alpha = 0.3 * (centred**2).sum() / n_features
    for t, scale in enumerate((1.0, 1e-200)):
        other = Ridge(alpha=alpha).fit(centred, y[:, t] / scale)
        expected = other.predict(centred)
        largest = np.abs(expected).max()
        np.testing.assert_allclose(readout.coef_[t] / scale, other.coef_, rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            readout.predict(X)[:, t] / scale, expected, rtol=0, atol=1e-9 * largest
        )


def test_of_two_classes_it_is_the_ridge_readout() -> None:
    bits = BitMatrix.from_array(random_bits(3, 200, 40))
    y = np.arange(200) % 2
    ours, other = RidgeRegression().partial_fit(bits, y), RidgeReadout().fit(bits, y)
    assert ours.alpha_ == other.alpha_
    np.testing.assert_allclose(ours.coef_, other.coef_[1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.predict(bits), other.scores(bits)[:, 1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("n_samples", "n_features"), [(60, 25), (30, 50)])
def test_auto_takes_the_least_generalised_cross_validation(n_samples: int, n_features: int) -> None:
    X, y = data(n_samples, n_features)
    y = y[:, 0]
    centred = X - X.mean(axis=0)
    unit = (centred**2).sum() / n_features
    scores = []
    for relative in GRID:
        inverse = np.linalg.inv(centred.T @ centred + relative * unit * np.eye(n_features))
        hat = centred @ inverse @ centred.T
        left = y - y.mean() - hat @ (y - y.mean())
        freedom = 1 + np.trace(hat)
        scores.append((left @ left) / (n_samples - freedom) ** 2)
        if freedom > 0.9 * n_samples:
            scores[-1] = np.inf
    chosen = RidgeRegression().partial_fit(X, y).alpha_
    assert chosen == GRID[int(np.argmin(scores))]
    assert GRID[0] < chosen < GRID[-1]


def test_auto_counts_targets_by_their_variance() -> None:
    X, y = data(100, 30)
    alphas = {
        RidgeRegression().partial_fit(X, y * [1.0, scale]).alpha_ for scale in (1.0, 1e200, 3e-90)
    }
    assert len(alphas) == 1


def test_targets_of_any_size() -> None:
    """A power of 2 more or less changes nothing but the size: rounding alone is different."""
    X, y = data(50, 12)
    y = y[:, 0] / np.abs(y[:, 0]).max()
    plain = RidgeRegression().partial_fit(X, y)
    for power in (-1000, -900, 900, 1023):
        scaled = RidgeRegression().partial_fit(X, np.ldexp(y, power))
        assert scaled.alpha_ == plain.alpha_
        np.testing.assert_array_equal(np.ldexp(scaled.predict(X), -power), plain.predict(X))
    tiny = RidgeRegression().partial_fit(X, np.round(100 * y) * 5e-324)
    assert np.abs(tiny.predict(X) / 5e-324 - 100 * plain.predict(X)).max() < 3
    # A line through the two largest numbers leaves float64, and its slope does too.
    ends = BitMatrix.from_array([[0], [1]] * 9)
    wild = RidgeRegression(alpha=1e-9).partial_fit(ends, [-LARGEST, LARGEST] * 9)
    np.testing.assert_allclose(wild.predict(ends) / LARGEST, [-1, 1] * 9)
    with pytest.raises(ValueError, match="coef_ is larger than float64 allows"):
        _ = wild.coef_


def test_constant_targets_and_single_samples_are_told_back() -> None:
    X, _ = data(40, 9)
    for n_samples in (1, 2, 40):
        readout = RidgeRegression().partial_fit(X[:n_samples], np.full(n_samples, 0.1))
        assert readout.predict(X).tolist() == [0.1] * 40
        assert not readout.coef_.any()
        assert readout.intercept_ == 0.1
    constant = RidgeRegression().partial_fit(np.full((4, 3), 7, np.uint8), [1.0, 2.0, 3.0, 5.0])
    np.testing.assert_allclose(constant.predict(X[:, :3]), 2.75)


def test_readout_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data(20, 6)
    readout = RidgeRegression().partial_fit(X, y)
    before = bytes_of(readout)
    for features, targets, error, text in [
        (X, y[:, 0], ValueError, "y has one target .*, the readout was fitted on 2 targets"),
        (X, y[:, :1], ValueError, "y has 1 targets, the readout was fitted on 2 targets"),
        (X, y[:5], ValueError, "bits has 20 rows, y has 5"),
        (X, y * np.nan, ValueError, "y must not contain NaN or infinity"),
        (X, y[:, :0], ValueError, r"y must have shape .* got \(20, 0\)"),
        (X, y[0, 0], ValueError, "y must have shape"),
        (X, y + 0j, TypeError, "y must hold real numbers, got dtype complex128"),
        (X, np.full((20, 2), np.longdouble("1e4000")), ValueError, "the range of float64"),
        (X[:, :5], y, ValueError, "bits has 5 features, the readout was fitted on 6"),
        (BitMatrix.from_array(X & 1), y, TypeError, "bits holds bits, the readout was fitted on"),
    ]:
        with pytest.raises(error, match=text):
            readout.partial_fit(features, targets)
    with pytest.raises(ValueError, match="other was fitted on 5 bytes, this readout on 6 bytes"):
        readout.merge(RidgeRegression().partial_fit(X[:, :5], y))
    with pytest.raises(ValueError, match="other has one target"):
        readout.merge(RidgeRegression().partial_fit(X, y[:, 0]))
    with pytest.raises(TypeError, match="other must be a RidgeRegression, got RidgeReadout"):
        readout.merge(RidgeReadout())  # type: ignore[arg-type]
    with pytest.raises(NotFittedError, match="not fitted yet"):
        RidgeRegression().partial_fit(X[:0], y[:0]).predict(X)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        readout.merge(RidgeRegression())
    with pytest.raises(ValueError, match="alpha must be above 0, got 0"):
        RidgeRegression(alpha=0).partial_fit(X, y)
    monkeypatch.setattr("randprop.readouts.ridge_regression.MAX_SAMPLES", 40)
    with pytest.raises(ValueError, match="holds fewer than 40 samples"):
        readout.partial_fit(X, y)
    monkeypatch.setattr(products, "_MAX_BITS", 5)
    with pytest.raises(ValueError, match="bits must have at most 5 features"):
        readout.partial_fit(X[:3], y[:3])
    assert bytes_of(readout) == before


@pytest.mark.parametrize("what", ["partial_fit", "merge"])
def test_an_interrupt_anywhere_leaves_all_or_nothing(what: str) -> None:
    X, y = data(40, 12)
    start = RidgeRegression(n_threads=1).partial_fit(X[:8], y[:8])
    more = RidgeRegression(n_threads=1).partial_fit(X[8:], y[8:])
    works = {"partial_fit": (X[8:], y[8:]), "merge": (more,)}
    after = bytes_of(getattr(deepcopy(start), what)(*works[what]))
    before, other = bytes_of(start), bytes_of(more)
    line = 1
    while (
        interrupted(lambda: getattr(readout, what)(*works[what]), line)
        if (readout := deepcopy(start))
        else False
    ):
        assert bytes_of(readout) in (before, after), f"line {line}"
        line += 1
    assert lock_is_free()
    assert line > 15
    assert (bytes_of(readout), bytes_of(more)) == (after, other)


# --- the estimator ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def diabetes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    X, y = load_diabetes(return_X_y=True)
    return X, y


def test_parts_of_a_prepared_regressor_make_the_model_of_the_whole(diabetes: Any) -> None:
    X, y = (array[:200] for array in diabetes)
    rng = np.random.default_rng(0)
    for width in (64, 256):  # fewer and more than there are samples
        whole = StepRegressor(width=width).fit(X, y)
        for n_parts in (2, 20):
            parts = np.array_split(rng.permutation(len(y)), n_parts)
            pieces = StepRegressor(width=width).prepare(X)
            for part in parts:
                pieces.partial_fit(X[part], y[part])
            assert bytes_of(pieces.readout_) == bytes_of(whole.readout_)
            np.testing.assert_array_equal(pieces.predict(X), whole.predict(X))


def test_a_first_part_that_decides_is_told_of(diabetes: Any) -> None:
    X, y = diabetes
    with pytest.warns(
        randprop.RandpropDataWarning, match="chosen the scaling or the thresholds from its"
    ):
        StepRegressor(width=32).partial_fit(X[:50], y[:50])


def test_no_addition_is_lost_between_writers(diabetes: Any) -> None:
    X, y = diabetes
    shared = StepRegressor(width=64, n_jobs=1).prepare(X)
    parts = np.array_split(np.arange(len(y)), 8)
    errors = []

    def work(part: NDArray[np.intp]) -> None:
        try:
            shared.partial_fit(X[part], y[part])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    whole = StepRegressor(width=64, n_jobs=1).fit(X, y)
    assert bytes_of(shared.readout_) == bytes_of(whole.readout_)
    assert changing().acquire(timeout=5)
    changing().release()


def test_it_beats_a_line_where_the_target_is_none() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((300, 5))
    y = (X[:, 0] - 0.5) ** 2
    scores = [
        cross_val_score(model, X, y, cv=3).mean()
        for model in (StepRegressor(width=128), StepRegressor(width=128, stages=None), Ridge())
    ]
    assert scores[0] > scores[1] + 0.1 > scores[2] + 0.2


def test_shapes_of_targets_come_back(diabetes: Any) -> None:
    X, y = diabetes
    both = np.column_stack([y, -3 * y])
    one, column, two = (StepRegressor(width=64, alpha=0.1).fit(X, t) for t in (y, y[:, None], both))
    assert one.predict(X).shape == (442,)
    assert one.readout_.coef_.shape == (64,)
    assert isinstance(one.readout_.intercept_, float)
    assert column.predict(X).shape == (442, 1)
    assert column.readout_.coef_.shape == (1, 64)
    np.testing.assert_allclose(two.predict(X), one.predict(X)[:, None] * [1, -3], rtol=1e-9)
    assert two.score(X, both) == pytest.approx(one.score(X, y))
    sparse = StepRegressor(width=64, alpha=0.1).fit(scipy.sparse.csr_matrix(X), y)
    np.testing.assert_array_equal(sparse.predict(X), one.predict(X))
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.predict(X), one.predict(X))


def test_images_and_series() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(60)
    images = rng.random((60, 8, 8)) + 2 * y[:, None, None] * (np.arange(8) % 2)  # stripes
    regressor = StepRegressor(stages="images", width=256).fit(images, y)
    assert regressor.score(images, y) > 0.7
    series = np.cumsum(rng.normal(size=(60, 30)), axis=1)
    regressor = StepRegressor(stages="series", width=256).fit(series, np.abs(series).max(axis=1))
    assert regressor.predict(series).shape == (60,)


@pytest.mark.parametrize(
    ("options", "change", "error", "text"),
    [
        ({}, lambda y: np.where(y == y[3], np.nan, y), ValueError, "Input y contains NaN"),
        ({}, lambda y: np.where(y == y[3], np.inf, y), ValueError, "Input y contains infinity"),
        ({}, lambda y: y[:-1], ValueError, "inconsistent numbers of samples"),
        ({}, lambda y: None, ValueError, "requires y to be passed"),
        ({}, lambda y: y.astype(str), TypeError, "y must hold real numbers"),
        ({}, lambda y: y.astype("M8[D]"), TypeError, "y must hold real numbers"),
        ({}, lambda y: np.ma.masked_less(y, 100), ValueError, "y has masked entries"),
        ({}, lambda y: scipy.sparse.csr_matrix(y[:, None]), TypeError, "y must be a dense array"),
        ({"alpha": 0}, lambda y: y, ValueError, "'alpha' parameter of StepRegressor must be"),
        ({"layers": 2}, lambda y: y, ValueError, "layers must be 0 where stages are given"),
        ({"width": [9, 9]}, lambda y: y, TypeError, "width must be an integer where stages is a"),
        ({"width": None}, lambda y: y, TypeError, "width must be an integer where stages is a"),
    ],
)
def test_estimator_refuses_and_is_as_it_was(
    diabetes: Any, options: dict[str, Any], change: Any, error: type[Exception], text: str
) -> None:
    X, y = diabetes
    fitted = StepRegressor(width=32).fit(X, y)
    before = bytes_of(fitted.readout_)
    fitted.set_params(**options)
    with pytest.raises(error, match=text):
        fitted.fit(X, change(y))
    assert bytes_of(fitted.readout_) == before
    with pytest.raises(ValueError, match="y has 2 targets, the readout was fitted on one target"):
        fitted.set_params(width=32, layers=0, alpha=1.0).partial_fit(X, np.column_stack([y, y]))
    assert fitted.readout_._sums.squares == StepRegressor(width=32).fit(X, y).readout_._sums.squares


def test_a_classifiers_width_is_refused_by_name_too() -> None:
    X = np.arange(20.0).reshape(10, 2)
    with pytest.raises(TypeError, match="width must be an integer where stages is a name"):
        StepClassifier(stages="table", width=[5, 5]).fit(X, [0, 1] * 5)


def test_it_is_no_model(diabetes: Any, tmp_path: Path) -> None:
    X, y = diabetes
    regressor = StepRegressor(width=32).fit(X, y)
    for write in (randprop.save, randprop.export_c, randprop.export_onnx):
        with pytest.raises(TypeError, match="got StepRegressor: a Model has classes"):
            write(regressor, tmp_path / "it")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match="got RidgeRegression"):
        randprop.Model(regressor.network_, regressor.readout_)  # type: ignore[arg-type]
