"""Networks by what the data are: shapes, what is decided, parts, and what they are worth."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn.datasets
from sklearn.base import clone

from randprop import (
    BinaryScaling,
    Conv1D,
    Conv2D,
    Dense,
    RandpropDataWarning,
    Scaling,
    StepClassifier,
    StepTransformer,
    datasets,
    evaluate,
    fit_parallel,
    save,
    sweep,
)

RNG = np.random.default_rng(5)


def refuses(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.fixture(scope="module")
def digits():
    return datasets.load_digits()


def waves(n, length=60, channels=1, seed=0):
    """Series of three kinds: of two periods, and noise, (n, channels, length)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    phases = rng.uniform(0, 6, (n, channels, 1))
    periods = np.array([5.0, 11.0, 1e9])[y][:, None, None]
    X = np.sin(np.arange(length) / periods * 2 * np.pi + phases)
    return X + 0.4 * rng.normal(size=X.shape), y


# --- shapes ----------------------------------------------------------------------------------


def test_images_of_every_shape_are_the_same(digits):
    X, y = digits[0][:300], digits[1][:300]
    made = [
        StepClassifier(stages="images", width=256).fit(images, y)
        for images in (X, X.reshape(-1, 8, 8), X.reshape(-1, 8, 8, 1), X.tolist())
    ]
    labels = made[0].predict(X)
    for one in made:
        assert one.decided_["input_shape"] == (8, 8, 1)
        assert one.network_ == made[0].network_
        for images in (X, X.reshape(-1, 8, 8), X.reshape(-1, 8, 8, 1)):
            np.testing.assert_array_equal(one.predict(images), labels)
    told = StepClassifier(stages="images", width=256, input_shape=(4, 16)).fit(X, y)
    assert told.network_.input_shape == (4, 16, 1)
    refuses(
        lambda: told.predict(X.reshape(-1, 8, 8)),
        ValueError,
        r"X must have shape \(n_samples, 4, 16\), .* got samples of shape \(8, 8\)",
    )
    colour = StepClassifier(stages="images", width=64).fit(X.reshape(-1, 4, 4, 4), y)
    assert colour.network_.input_shape == (4, 4, 4)
    refuses(
        lambda: StepClassifier(stages="images").fit(X[:, :60], y),
        ValueError,
        "X has 60 features, which is not a square number: give input_shape",
    )


def test_channels_that_come_first_are_refused_not_mixed():
    X, y = RNG.integers(0, 256, (30, 6, 6, 3)), np.arange(30) % 2
    made = StepClassifier(stages="images", width=64).fit(X, y)
    refuses(lambda: made.predict(X.transpose(0, 3, 1, 2)), ValueError, "X must have shape")


def test_channels_that_come_first_are_refused_at_fit_too():
    X, y = RNG.integers(0, 256, (30, 3, 9, 9)), np.arange(30) % 2
    refuses(
        lambda: StepClassifier(stages="images").fit(X, y), ValueError, "whose channels seem to come"
    )
    told = StepClassifier(stages="images", width=64, input_shape=(3, 9, 9)).fit(X, y)
    assert told.network_.input_shape == (3, 9, 9)
    series, y = waves(40, 30, 2)
    with pytest.warns(RandpropDataWarning, match=r"30 channels and 2 values each: is it"):
        StepClassifier(stages="series", width=16).fit(series.transpose(0, 2, 1), y)
    refuses(
        lambda: StepClassifier(
            stages="series", scaling=Scaling("channels", n_channels=3).fit(np.eye(6))
        ).fit(series, y),
        ValueError,
        "scaling has 3 ranges, X has 2 channels",
    )


def test_series_have_channels_before_time():
    X, y = waves(60, channels=2)
    made = StepClassifier(stages="series", width=100).fit(X, y)
    assert made.network_.input_shape == (60, 2)
    rows = X.transpose(0, 2, 1).reshape(60, -1)  # channel fastest
    told = StepClassifier(stages="series", width=100, input_shape=(60, 2)).fit(rows, y)
    assert told.network_ == made.network_
    np.testing.assert_array_equal(told.predict(rows), made.predict(X))
    np.testing.assert_array_equal(made.model_.predict(X), made.predict(X))
    refuses(
        lambda: made.predict(X.transpose(0, 2, 1)),
        ValueError,
        r"X must have shape \(n_samples, 2, 60\), \(n_samples, channels, length\)",
    )
    one = StepClassifier(stages="series", width=100).fit(X[:, 0], y)
    assert one.network_.input_shape == (60, 1)
    np.testing.assert_array_equal(one.predict(X[:, :1]), one.predict(X[:, 0]))


def test_series_of_unequal_lengths_are_refused_with_the_reason():
    X, y = waves(12)
    ragged = [series[:, : 40 + i] for i, series in enumerate(X)]
    for data in (ragged, np.array([*ragged, None], dtype=object)[:-1]):
        for call in (
            lambda data=data: StepClassifier(stages="series").fit(data, y),
            lambda data=data: evaluate(stages="series", dataset=(data, y, data, y)),
        ):
            refuses(call, ValueError, "series of unequal lengths, from 40 to 51: a network reads")


# --- what is decided -------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*units never change")  # of a network of nine units
def test_images_decide_between_bits_and_bytes_by_what_they_see():
    drawn = np.where(RNG.random((200, 12, 12)) < 0.3, 255, 0).astype(np.uint8)
    photographs = RNG.integers(0, 256, (200, 12, 12)).astype(np.uint8)
    y = np.arange(200) % 2
    first = StepClassifier(stages="images", width=64).fit(drawn, y)
    assert first.scaling_ == BinaryScaling(63.75)
    assert first.decided_["between"] == 0.0
    assert first.network_.stages[0].bias == 0
    second = StepClassifier(stages="images", width=64).fit(photographs, y)
    assert second.input_range_ == (0, 255)
    assert second.decided_["between"] > 0.4
    assert second.network_.stages[0].bias > 0
    # Told otherwise.
    told = StepClassifier(stages="images", width=64, scaling="range").fit(drawn, y)
    assert told.input_range_ == (0, 255)
    level = StepClassifier(stages="images", width=64, scaling=Scaling("binary", level=9))
    assert level.fit(photographs, y).scaling_ == BinaryScaling(9)
    bias = StepClassifier(stages="images", width=64, thresholds=3).fit(photographs, y)
    assert bias.network_.stages[0].bias == 3
    assert bias.decided_["thresholds"] == "of the stages"
    # A share is of the largest sum, of bits where the scaling makes them.
    for scaling, top in (("binary", 1), ("range", 255)):
        share = StepClassifier(stages="images", width=64, scaling=scaling, thresholds=0.5)
        assert share.fit(photographs, y).network_.stages[0].bias == round(0.5 * 4 * top)
    chain = [Conv2D(9, 3, fan_in=4, bias=0.5), Dense(9, fan_in=4, bias=0.5)]
    own = StepClassifier(stages=chain, scaling="binary").fit(photographs, y)
    assert [stage.bias for stage in own.network_.stages] == [2, 2]
    calibrated = StepClassifier(stages="images", width=64, thresholds="calibrated")
    assert calibrated.fit(drawn, y).network_.stages[0].thresholds is not None


def test_width_is_features_in_all():
    y = np.arange(40) % 2
    images, (series, _) = RNG.integers(0, 256, (40, 12, 12)), waves(40)
    for stages, X in (("images", images), ("series", series), ("table", images[:, 0])):
        for width, expected in ((64, 64), (67, 64 if stages == "images" else 67)):
            made = StepTransformer(stages=stages, width=width).fit(X)
            assert made.network_.widths == (expected,)
            assert made.transform(X).shape == (40, expected)
        refuses(
            lambda stages=stages, X=X: StepClassifier(stages=stages, width=[9]).fit(X, y),
            TypeError,
            "width must be an integer where stages is a name",
        )
    refuses(
        lambda: StepClassifier(stages="images", width=3).fit(images, y),
        ValueError,
        "width must be at least 16, got 3",
    )


def test_small_images_and_short_series_have_smaller_kernels():
    y = np.arange(20) % 2
    for shape in ((1, 1), (1, 9), (2, 3), (3, 3), (5, 28)):
        X = RNG.integers(0, 256, (20, *shape))
        made = StepTransformer(stages="images", width=16).fit(X)
        assert made.network_.widths[-1] == 16
    for length in (1, 2, 5, 9, 10):
        X = RNG.normal(size=(20, length))
        assert StepTransformer(stages="series", width=16).fit(X).network_.widths == (16,)
    assert StepClassifier(stages="series", width=8).fit(X, y).score(X, y) >= 0.5


def test_stages_one_by_one(digits):
    X, y, X_test, y_test = digits
    stages = [Conv2D(16, 3, fan_in=4, bias=0.1), Conv2D(64, 3, fan_in=2, pool=2), Dense(100)]
    made = StepClassifier(stages=stages, scaling=Scaling("range", low=0, high=16)).fit(X, y)
    assert made.network_.input_shape == (8, 8, 1)
    assert [type(stage) for stage in made.network_.stages] == [Conv2D, Conv2D, Dense]
    assert type(made.readout_).__name__ == "Centroids"
    found = evaluate(stages=stages, dataset=digits, scaling=Scaling("range", low=0, high=16))
    assert found.accuracy == made.score(X_test, y_test)
    assert found.layers == 2
    assert clone(made).get_params()["stages"] == stages
    series = StepClassifier(stages=[Conv1D(20, 5, pool=1)], thresholds="calibrated")
    assert series.fit(*waves(30)).network_.input_shape == (60, 1)


def test_bad_stages_scaling_and_thresholds_are_refused(digits):
    X, y = digits[0][:50], digits[1][:50]
    for options, error, text in (
        ({"stages": "pictures"}, ValueError, "stages must be one of 'images', 'series', 'table'"),
        ({"stages": []}, ValueError, "stages must have at least one stage"),
        ({"stages": ["x"]}, TypeError, r"stages\[0\] must be an integer"),
        ({"stages": "table", "layers": 2}, ValueError, "layers must be 0 where stages are given"),
        ({"stages": "table", "scaling": "minmax"}, ValueError, "scaling must be 'range'"),
        ({"stages": "table", "scaling": "channels"}, ValueError, "scaling must be 'range'"),
        ({"stages": "table", "thresholds": "drawn"}, ValueError, "thresholds must be 'calib"),
        ({"stages": "table", "thresholds": -1}, ValueError, "thresholds must lie in"),
        ({"scaling": "features", "input_range": (0, 1)}, ValueError, "and input_range cannot both"),
        ({"stages": "images", "input_shape": (8,)}, ValueError, "input_shape must be"),
        ({"stages": "images", "input_shape": (8, 9)}, ValueError, "has 72 features"),
        ({"scaling": Scaling("features").fit(np.eye(3))}, ValueError, "3 ranges, which do not"),
    ):
        refuses(lambda options=options: StepClassifier(**options).fit(X, y), error, text)
    refuses(lambda: evaluate(3, stages="table"), ValueError, "stages and layers cannot both")
    wrong = X.astype(float)
    wrong[3, 7] = np.nan
    refuses(
        lambda: StepClassifier(stages="table").fit(wrong, y), ValueError, "NaN .*column 7 has 1 of"
    )


# --- parts -----------------------------------------------------------------------------------


def _data(stages):
    if stages == "images":
        X, y = datasets.load_digits()[:2]
        return X[:400].reshape(-1, 8, 8), y[:400], {"width": 128}
    if stages == "series":
        return *waves(400, 30, 2), {"width": 100}
    X, y = sklearn.datasets.load_wine(return_X_y=True)
    return X, y, {"width": 64}


@pytest.mark.parametrize("stages", ["images", "series", "table"])
@pytest.mark.parametrize("readout", [None, "centroid"])
def test_prepared_any_parts_in_any_order_give_the_same_bytes(tmp_path, stages, readout):
    X, y, options = _data(stages)
    options |= {"stages": stages, "readout": readout}

    def file_of(made):
        save(made, tmp_path / "model")
        return (tmp_path / "model").read_bytes()

    whole = StepClassifier(**options).fit(X, y)
    expected = file_of(whole)
    some = StepClassifier(**options).prepare(X)
    assert not hasattr(some, "readout_")
    for n_parts in (1, 3, 40):
        parts = np.array_split(RNG.permutation(len(X)), n_parts)
        pieces = StepClassifier(**options).prepare(X)
        for part in parts:
            pieces.partial_fit(X[part], y[part])
        assert file_of(pieces) == expected
    made = fit_parallel(
        some.network_, X, y, scaling=some.scaling_, chunk_size=33, readout=whole.readout_, n_jobs=2
    )
    assert file_of(made) == file_of(whole.model_)  # which holds no classifier
    # `fit` makes all of it anew.
    again = some.fit(X[::2], y[::2])
    assert file_of(again) == file_of(StepClassifier(**options).fit(X[::2], y[::2]))


def test_parameters_that_change_after_prepare_are_refused():
    X, y, options = _data("table")
    made = StepClassifier(stages="table", **options).prepare(X).set_params(readout="centroid")
    made.partial_fit(X, y)
    made = StepClassifier(stages="table", **options).prepare(X).set_params(width=8)
    refuses(lambda: made.partial_fit(X, y), ValueError, "width has changed since prepare")
    assert made.fit(X, y).network_.widths == (8,)


@pytest.mark.parametrize("stages", ["images", "series", "table"])
def test_a_first_part_that_decides_warns(stages):
    X, y, options = _data(stages)
    with pytest.warns(
        RandpropDataWarning, match="has chosen the scaling or the thresholds from its first"
    ):
        made = StepClassifier(stages=stages, **options).partial_fit(X[:100], y[:100])
    network = made.network_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values beyond those of the first part
        made.partial_fit(X[100:], y[100:])
    assert made.network_ is network


def test_what_is_given_is_no_choice(digits):
    """No warning: the suite makes errors of them."""
    X, y = digits[0][:200], digits[1][:200]
    given = Scaling("range", low=0, high=16)
    StepClassifier(stages="images", width=64, scaling=given, thresholds=0.1).partial_fit(X, y)
    StepClassifier(width=64).partial_fit(X, y)


# --- what they are worth ---------------------------------------------------------------------


def test_a_cured_cause_is_not_warned_of():
    """Columns of other units kill most units of the plain network, and none of the table's."""
    X, y = sklearn.datasets.load_breast_cancer(return_X_y=True)
    with pytest.warns(RandpropDataWarning):
        plain = StepClassifier().fit(X, y)
    table = StepClassifier(stages="table").fit(X, y)
    assert plain.dead_units_.mean() > 0.3
    assert table.dead_units_.mean() < 0.01
    standardised = (X - X.mean(axis=0)) / X.std(axis=0)
    again = StepClassifier(stages="table").fit(standardised, y)
    np.testing.assert_array_equal(again.predict(standardised), table.predict(X))


@pytest.mark.filterwarnings("ignore::randprop.RandpropDataWarning")  # others
def test_evaluate_warns_of_data_as_estimators_do():
    X, y, _ = _data("table")
    wild = X.copy()
    wild[3] = 1e9
    for data, text in (
        ((wild, y, X, y), "its own range, in which a few values lie far"),
        ((X, y, X * 1000, y), "features are far from the training features"),
    ):
        with pytest.warns(RandpropDataWarning, match=text):
            evaluate(stages="table", width=64, dataset=data)


def test_each_kind_is_far_above_the_plain_network(digits):
    X, y, X_test, y_test = digits
    assert StepClassifier(stages="images").fit(X, y).score(X_test, y_test) > 0.94
    assert StepClassifier(stages="table").fit(X, y).score(X_test, y_test) > 0.92
    assert StepClassifier(width=1024).fit(X, y).score(X_test, y_test) < 0.87
    series, labels = waves(300)
    new, right = waves(300, seed=1)
    made = StepClassifier(stages="series", width=500).fit(series, labels)
    assert made.score(new, right) > 0.97
    assert StepClassifier(width=500).fit(series[:, 0], labels).score(new[:, 0], right) < 0.9


def test_planes_are_laid_out_as_images(monkeypatch):
    """CIFAR-10's channels stand one after the other; a convolution reads them side by side."""
    images = RNG.integers(0, 256, (80, 6, 6, 3)).astype(np.uint8)
    y = np.arange(80) % 2
    planar = images.transpose(0, 3, 1, 2).reshape(80, -1)
    data = datasets.Dataset(planar[:60], y[:60], planar[60:], y[60:])
    named = datasets.NamedSet(lambda: data, planes=(3, 6, 6))
    monkeypatch.setitem(datasets.DATASETS, "planar", named)
    expected = (images[:60], y[:60], images[60:], y[60:])
    for options in ({"stages": "images"}, {"layers": 0, "width": Conv2D(9, 3)}):
        shape = {} if "stages" in options else {"input_shape": (6, 6, 3)}
        found = evaluate(dataset="planar", seed=3, **options)
        wanted = evaluate(dataset=expected, seed=3, **options, **shape)
        np.testing.assert_array_equal(found.confusion_matrix, wanted.confusion_matrix)
    refuses(
        lambda: sweep([0], dataset="planar", width=Conv2D(9, 3), input_shape=(6, 6, 3), seeds=1),
        ValueError,
        "planar stores one channel after the other",
    )
