"""Warnings of data that a network makes little of: what must give one, and what must not."""

import pickle
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import randprop
from randprop import RandpropDataWarning, StepClassifier, StepNetwork, StepTransformer
from randprop.datasets import load_digits, load_mnist

LEVELS, UNITS, FAR = "of the 256 levels", "units never change", "far from the training features"
TABLES = {"wine": load_wine, "breast_cancer": load_breast_cancer}


@pytest.fixture(scope="module")
def mnist():
    X_train, y_train, X_test, y_test = load_mnist()
    return X_train[:2000], y_train[:2000], X_test[:2000], y_test[:2000]


def table(name, scaler=None):
    X, y = TABLES[name](return_X_y=True)
    return (X if scaler is None else scaler.fit_transform(X)), y


def digits_with(value):
    X, y = load_digits()[:2]
    X = X.astype(np.int64)
    X[5, 20] = value
    return X, y


def said(call):
    """Return what a call warned of, its result aside; only this class, all from this file."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    assert all(warning.category is RandpropDataWarning for warning in found)
    assert all(warning.filename == __file__ for warning in found)
    return [str(warning.message) for warning in found]


def causes(call):
    return [cause for message in said(call) for cause in (LEVELS, UNITS, FAR) if cause in message]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_mixed_units_loses_levels_and_units(name):
    assert causes(lambda: StepClassifier().fit(*table(name))) == [LEVELS, UNITS]


@pytest.mark.parametrize("name", TABLES)
def test_a_standardised_table_loses_units(name):
    assert causes(lambda: StepClassifier().fit(*table(name, StandardScaler()))) == [UNITS]


@pytest.mark.parametrize("name", TABLES)
def test_a_scaled_table_is_silent(name):
    X, y = table(name)
    assert said(lambda: make_pipeline(MinMaxScaler(), StepClassifier()).fit(X, y).predict(X)) == []


@pytest.mark.parametrize("value", [-999, 10_000])
def test_one_cell_far_out_takes_the_levels_of_all(value):
    assert LEVELS in causes(lambda: StepClassifier(width=64).fit(*digits_with(value)))


def test_a_message_gives_figures_the_reason_and_the_cure():
    levels, units = said(lambda: StepClassifier(width=64).fit(*digits_with(-999)))
    assert "55 of 56 features" in levels
    assert "-999 to 16" in levels
    assert "scale each feature" in levels
    assert " of 64 units" in units
    assert "1437 training samples" in units
    assert "scale each feature" in units


def test_images_are_silent(mnist):
    X_train, y_train, X_test, _ = mnist
    for scale in (1, 255.0):  # bytes, and floats of [0, 1] with the same black borders
        fit = StepClassifier(width=256)
        assert said(lambda s=scale, fit=fit: fit.fit(X_train / s, y_train)) == []
        assert said(lambda s=scale, fit=fit: fit.predict(X_test / s)) == []
    X, y, X_more, _ = load_digits()
    assert said(lambda: StepClassifier(layers=3).fit(X, y).predict(X_more)) == []


def test_binary_features_and_sparse_text_are_silent():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    one_hot = np.eye(8)[rng.integers(0, 8, (400, 12))].reshape(400, -1)
    binary = (rng.random((400, 50)) < 0.1).astype(np.float64)
    text = sparse.random(400, 3000, 0.01, "csr", random_state=0)  # as tf-idf: [0, 1], most 0
    beside = np.column_stack([one_hot, rng.random(400)])  # real numbers of the same scale
    for X in (one_hot, binary, one_hot.astype(int), beside, text):
        assert said(lambda X=X: StepClassifier(width=256).fit(X, y)) == []


def test_binary_features_beside_large_numbers_are_lost():
    rng = np.random.default_rng(0)
    income = rng.gamma(2.0, 20_000, (400, 1))
    X = np.hstack([(rng.random((400, 10)) < 0.3), income])
    assert LEVELS in causes(lambda: StepClassifier(width=256).fit(X, rng.integers(0, 2, 400)))


def test_word_counts_beside_a_large_one_are_lost():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.1, (300, 200)) * rng.integers(1, 6, (300, 200))
    counts[7, 3] = 3000
    fit = StepClassifier(width=64).fit
    assert LEVELS in causes(lambda: fit(sparse.csr_matrix(counts), np.arange(300) % 2))


@pytest.mark.parametrize("readout", ["centroid", "ridge", "knn"])
def test_dead_units_are_those_of_all_parts(readout):
    X, y = table("wine")
    whole = StepClassifier(width=200, readout=readout)
    parts = StepClassifier(width=200, readout=readout, input_range=(X.min(), X.max()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RandpropDataWarning)
        whole.fit(X, y)
        for start in range(0, len(X), 50):
            parts.partial_fit(X[start : start + 50], y[start : start + 50])
    bits = whole.network_.propagate(np.rint((X - X.min()) / np.ptp(X) * 255).astype(np.uint8))
    share = bits.to_array().mean(axis=0)
    assert whole.dead_units_.shape == (200,)
    assert whole.dead_units_.dtype == bool
    assert 100 < whole.dead_units_.sum() < 200
    np.testing.assert_array_equal(whole.dead_units_, (share == 0) | (share == 1))
    np.testing.assert_array_equal(parts.dead_units_, whole.dead_units_)


def test_a_stream_warns_once_and_not_of_its_first_samples():
    X, y = table("breast_cancer", StandardScaler())
    stream = StepClassifier(width=256, input_range=(X.min(), X.max()))
    heard = [causes(lambda i=i: stream.partial_fit(X[i : i + 10], y[i : i + 10]))
             for i in range(0, 300, 10)]  # fmt: skip
    assert heard[:3] == [[], [], []]
    assert [cause for part in heard for cause in part] == [UNITS]
    # Another fit is another matter.
    assert causes(lambda: stream.fit(X, y)) == [UNITS]


def test_the_transformer_warns_and_has_dead_units():
    X, _ = table("wine")
    transformer = StepTransformer(width=200)
    assert causes(lambda: transformer.fit(X)) == [LEVELS, UNITS]
    out = transformer.transform(X)
    np.testing.assert_array_equal(transformer.dead_units_, np.ptp(out, axis=0) == 0)
    assert causes(lambda: StepTransformer(width=200).fit_transform(X)) == [LEVELS, UNITS]
    assert causes(lambda: transformer.transform(X[:, ::-1])) == [FAR]


def test_inverted_images_are_far_from_training(mnist):
    X_train, y_train, X_test, _ = mnist
    for n in (1, 10, 100):
        classifier = StepClassifier(width=64).fit(X_train, y_train)
        assert said(lambda c=classifier: c.predict(X_test)) == []
        assert causes(lambda c=classifier, n=n: c.predict(255 - X_test[:n])) == [FAR]
        # Once a fit, however often it is asked.
        assert said(lambda c=classifier: c.predict(255 - X_test)) == []


@pytest.mark.parametrize("factor", [255, 1 / 255])
def test_another_unit_is_far_from_training(factor):
    X, y, X_test, _ = load_digits()
    for n in (1, 100):
        classifier = StepClassifier(width=64).fit(X / 16, y)
        assert causes(lambda c=classifier, n=n: c.predict(X_test[:n] / 16 * factor)) == [FAR]


@pytest.mark.filterwarnings("ignore:.*(levels|units never):randprop.RandpropDataWarning")
@pytest.mark.parametrize("name", TABLES)
def test_columns_in_another_order_are_far_from_training(name):
    X, y = table(name)
    fitted = StepClassifier(width=64).fit(X[::2], y[::2])
    assert said(lambda: fitted.predict(X[1::2])) == []
    assert causes(lambda: fitted.predict(X[1::2, ::-1])) == [FAR]


def test_plausible_images_are_not_far_from_training(mnist):
    X_train, y_train, X_test, y_test = mnist
    classifier = StepClassifier(width=16).fit(X_train, y_train)
    rng = np.random.default_rng(0)
    noisy = np.clip(X_test + rng.normal(0, 30, X_test.shape), 0, 255).astype(np.uint8)
    brighter = np.minimum(X_test.astype(np.int64) + 40, 255)

    def predict_all():
        for X in (X_test, noisy, brighter):
            for i in range(50):
                classifier.predict(X[i : i + 1])
            for n in (10, 100, 1000):
                classifier.predict(X[:n])
        for digit in range(10):
            classifier.predict(X_test[y_test == digit])

    assert said(predict_all) == []


def test_the_model_of_an_estimator_compares_and_that_of_a_file_does_not(mnist, tmp_path):
    X_train, y_train, X_test, _ = mnist
    model = StepClassifier(width=64).fit(X_train, y_train).model_
    randprop.save(model, tmp_path / "model.safetensors")
    assert said(lambda: randprop.load(tmp_path / "model.safetensors").predict(255 - X_test)) == []
    small = pickle.loads(pickle.dumps(model)).quantize()
    assert causes(lambda: small.predict(255 - X_test)) == [FAR]
    assert causes(lambda: model.predict(255 - X_test)) == [FAR]
    assert said(lambda: model.predict(255 - X_test)) == []


def test_evaluate_warns_of_arrays_and_a_sweep_once_for_all_cells():
    X, y = table("wine")
    data = (X[::2], y[::2], X[1::2], y[1::2])
    assert causes(lambda: randprop.evaluate([0, 5], dataset=data, width=32)) == [LEVELS, UNITS]
    sweep = {"layers": [0, 2], "dataset": data, "width": [16, 32], "seeds": 2, "progress": False}
    assert causes(lambda: randprop.sweep(**sweep)) == [LEVELS, UNITS]


@pytest.mark.parametrize("readout", ["centroid", "ridge"])
def test_fit_parallel_warns_of_what_the_parts_add_up_to(readout):
    X, y = table("wine")
    network, span = StepNetwork(13, width=64), (X.min(), X.max())
    rules = {"readout": readout, "input_range": span, "chunk_size": 20}
    assert causes(lambda: randprop.fit_parallel(network, X, y, **rules)) == [LEVELS, UNITS]
    parts = [(X[i : i + 20], y[i : i + 20]) for i in range(0, len(X), 20)]
    assert causes(lambda: randprop.fit_parallel(network, parts, **rules)) == [UNITS]


@pytest.mark.slow
def test_processes_neither_lose_a_warning_nor_repeat_it(capfd):
    X, y = table("wine")
    network, span = StepNetwork(13, width=64), (X.min(), X.max())
    with ProcessPoolExecutor(2) as pool:
        rules = {"input_range": span, "chunk_size": 20, "executor": pool}
        assert causes(lambda: randprop.fit_parallel(network, X, y, **rules)) == [LEVELS, UNITS]
        data = (X[::2], y[::2], X[1::2], y[1::2])
        sweep = {"layers": [0], "dataset": data, "width": 16, "seeds": 4, "executor": pool}
        assert causes(lambda: randprop.sweep(**sweep, progress=False)) == [LEVELS, UNITS]
    assert "DataWarning" not in capfd.readouterr().err


def test_a_warning_made_an_error_leaves_the_estimator_fitted():
    X, y = table("wine")
    classifier = StepClassifier(width=64)
    with pytest.raises(RandpropDataWarning):
        classifier.fit(X, y)
    assert classifier.n_features_in_ == 13
    assert len(classifier.predict(X)) == len(X)


def test_values_at_the_ends_of_float64_are_looked_at_without_overflow():
    rng = np.random.default_rng(0)
    X = rng.random((64, 8)) * 2e307 - 1e307
    fitted = StepClassifier(width=64).fit(X, np.arange(64) % 2)
    assert said(lambda: fitted.predict(X)) == []
    bytes_ = StepClassifier(width=64).fit(rng.integers(0, 256, (64, 8)), np.arange(64) % 2)
    assert causes(lambda: bytes_.predict(X)) == [FAR]


def test_of_wide_features_some_are_looked_at():
    X = sparse.random(64, 20_000, 0.01, "csr", random_state=0)
    transformer = StepTransformer(width=8)
    assert said(lambda: transformer.fit(X).transform(X)) == []
    assert causes(lambda: transformer.transform(X * 255)) == [FAR]
    X.data[0] = 1000.0
    assert LEVELS in causes(lambda: transformer.fit(X))
