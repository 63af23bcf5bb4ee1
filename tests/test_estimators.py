"""The scikit-learn estimators: its own checks, its own tools, and the library's numbers."""

from __future__ import annotations

import os

import numpy as np
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from randprop import StepClassifier, StepNetwork, StepRegressor, StepTransformer, evaluate

ESTIMATORS = [
    StepTransformer(width=64),
    StepTransformer(layers=1, width=64, output="packed"),
    StepClassifier(),
    StepClassifier(readout="majority"),
    StepClassifier(metric="cosine"),
    StepClassifier(readout="knn", n_neighbors=3),
    StepClassifier(readout="ridge", width=200),
    StepClassifier(readout="discriminant", width=200),
    StepClassifier(stages="table", width=64),
    StepClassifier(stages="series", width=64),
    StepTransformer(stages="table", width=32),
    StepRegressor(width=100),
]


# A list: older releases of scikit-learn give pytest a generator, which new ones of it warn of.
CHECKS = parametrize_with_checks(ESTIMATORS)
NAMES, CASES = CHECKS.args


# Their tables of two or three features leave most units as they are.
@pytest.mark.filterwarnings("ignore::randprop.RandpropDataWarning")
@pytest.mark.parametrize(NAMES, list(CASES), **CHECKS.kwargs)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    from randprop.datasets import load_digits

    return load_digits()


def test_no_check_is_left_out():
    """SCIPY_ARRAY_API is set in conftest.py, without which scikit-learn skips a check."""
    assert os.environ["SCIPY_ARRAY_API"] == "1"


@pytest.mark.parametrize(
    ("options", "readout"),
    [
        ({}, "centroid"),
        ({"readout": "majority"}, "majority"),
        ({"metric": "hamming"}, "majority"),
        ({"metric": "cosine"}, "cosine"),
        ({"readout": "knn"}, "knn"),
        ({"readout": "knn", "n_neighbors": 5}, "knn_5"),
        ({"readout": "ridge"}, "ridge"),
    ],
)
def test_scores_are_those_of_evaluate(digits, options, readout):
    X_train, y_train, X_test, y_test = digits
    classifier = StepClassifier(2, width=[90, 80, 120], weight_bits=4, random_state=3, **options)
    expected = evaluate(
        2, dataset=digits, width=[90, 80, 120], weight_bits=4, seed=3, readout=readout
    )
    assert classifier.fit(X_train, y_train).score(X_test, y_test) == expected.accuracy


def test_transformer_gives_the_networks_bits(digits):
    X = digits[0]
    network = StepNetwork(64, 1, width=100, seed=9)
    bits = network.propagate(X)
    dense = StepTransformer(1, width=100, random_state=9)
    np.testing.assert_array_equal(dense.fit_transform(X), bits.to_array())
    assert dense.transform(X).dtype == np.uint8
    packed = StepTransformer(1, width=100, random_state=9, output="packed").fit(X)
    np.testing.assert_array_equal(packed.transform(X), bits.words)
    assert packed.get_feature_names_out().tolist() == ["steptransformer0", "steptransformer1"]
    assert len(dense.get_feature_names_out()) == 100
    # Floats of the same range, and sparse ones, are the same bytes.
    floats = StepTransformer(1, width=100, random_state=9, input_range=(0, 255))
    np.testing.assert_array_equal(floats.fit_transform(X.astype(float)), bits.to_array())
    sparse_X = scipy.sparse.csr_matrix(X)
    np.testing.assert_array_equal(dense.fit(sparse_X).transform(sparse_X), bits.to_array())


def test_sparse_floats_are_the_dense_ones():
    X = np.random.default_rng(0).normal(size=(40, 12))
    X[X < 0.3] = 0
    dense = StepTransformer(width=50).fit_transform(X)
    np.testing.assert_array_equal(
        StepTransformer(width=50).fit_transform(scipy.sparse.csr_matrix(X)), dense
    )
    nothing = scipy.sparse.csr_matrix((3, 12))
    assert not StepTransformer(width=50).fit_transform(nothing).any()


@pytest.mark.parametrize("readout", ["centroid", "majority", "ridge", "discriminant", "knn"])
def test_any_parts_in_any_order_make_the_same_model(digits, readout):
    X, y, X_test, _ = digits
    X, y = X[:700], np.array(list("abcdefghij"))[y[:700]]
    whole = StepClassifier(width=70, readout=readout).fit(X, y)
    rng = np.random.default_rng(0)
    for n_parts in (1, 7, 700):
        parts = np.array_split(np.arange(700), n_parts)
        if readout != "knn":  # whose ties go to what came first
            parts = [parts[i] for i in rng.permutation(n_parts)]
        pieces = StepClassifier(width=70, readout=readout)
        for part in parts:
            pieces.partial_fit(X[part], y[part])
        assert pieces.classes_.tolist() == whole.classes_.tolist()
        for name in ("counts_", "n_samples_", "gram_", "_codes"):
            if hasattr(whole.readout_, name):
                np.testing.assert_array_equal(
                    getattr(pieces.readout_, name), getattr(whole.readout_, name)
                )
        np.testing.assert_array_equal(pieces.predict(X_test), whole.predict(X_test))


def test_at_home_in_scikit_learn(digits):
    X_train, y_train, X_test, y_test = digits
    pipeline = make_pipeline(
        MinMaxScaler(), StepClassifier(width=128, input_range=(0, 1), random_state=1)
    )
    search = GridSearchCV(pipeline, {"stepclassifier__layers": [0, 4]}, cv=3)
    search.fit(X_train, y_train)
    assert search.best_params_ == {"stepclassifier__layers": 0}
    assert search.score(X_test, y_test) > 0.7
    assert cross_val_score(StepClassifier(width=64), X_train, y_train, cv=3).min() > 0.6
    calibrated = CalibratedClassifierCV(StepClassifier(width=128), cv=2).fit(X_train, y_train)
    chances = calibrated.predict_proba(X_test)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (chances.argmax(axis=1) == y_test).mean() > 0.7
    twin = clone(StepClassifier(3, width=[5, 6, 7, 8], alpha=2.0))
    assert twin.get_params()["width"] == [5, 6, 7, 8]
    frame = StepTransformer(width=3).set_output(transform="pandas").fit_transform(X_train)
    assert list(frame.columns) == [f"steptransformer{i}" for i in range(3)]
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            StepClassifier(width=64).set_score_request(sample_weight=True),
            X_train, y_train, cv=2, params={"sample_weight": np.arange(len(y_train))},
        )  # fmt: skip
    assert (scores > 0.5).all()


def test_probabilities_and_scores_only_where_they_mean_something(digits):
    X_train, y_train, X_test, _ = digits
    knn = StepClassifier(width=64, readout="knn", n_neighbors=4).fit(X_train, y_train)
    chances = knn.predict_proba(X_test)
    assert set(np.unique(4 * chances)) <= {0, 1, 2, 3, 4}
    np.testing.assert_array_equal(chances.sum(axis=1), 1)
    np.testing.assert_array_equal(knn.classes_[chances.argmax(axis=1)], knn.predict(X_test))
    assert not hasattr(knn, "decision_function")
    assert not hasattr(StepClassifier(), "predict_proba")


def test_random_state():
    X = np.arange(12.0).reshape(3, 4)
    seeds = [StepTransformer(random_state=s).fit(X).network_.seed for s in (5, 0, None)]
    assert seeds[:2] == [5, 0]
    generator = np.random.RandomState(1)
    first = StepTransformer(random_state=generator).fit(X).network_.seed
    assert first == StepTransformer(random_state=np.random.RandomState(1)).fit(X).network_.seed


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"layers": -1}, "'layers' parameter of StepClassifier must be"),
        ({"weight_bits": 3}, "weight_bits must be one of 1, 2, 4, 8, 24, got 3"),
        ({"readout": "svm"}, "readout must be one of 'centroid'"),
        ({"readout": 3}, "'readout' parameter of StepClassifier must be"),
        ({"metric": "cosine", "readout": "ridge"}, "metric 'cosine' is for readout 'centroid'"),
        ({"n_jobs": 0}, "n_jobs must be at least 1, or negative .* got 0"),
        ({"n_jobs": -5000}, "n_jobs must lie in"),
        ({"input_range": (3, 2)}, "input_range must have low <= high"),
        ({"width": [5, 5]}, "width must have 1 entries"),
        ({"random_state": -1}, "'random_state' parameter of StepClassifier must be"),
        ({"alpha": 0, "readout": "ridge"}, "'alpha' parameter of StepClassifier must be"),
    ],
)
def test_refuses(options, text):
    with pytest.raises(ValueError, match=text):
        StepClassifier(**options).fit([[1.0, 2.0], [2.0, 1.0]], [0, 1])
