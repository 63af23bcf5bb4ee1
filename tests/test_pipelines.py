"""Scalers of scikit-learn in a model's own scaling; estimators in files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

import randprop
import randprop._core as _core
from randprop import Conv2D, LinearScaling, RidgeReadout, Scaling, StepClassifier
from randprop.model.files import read_model
from randprop.model.model import as_model

RNG = np.random.default_rng(4)
Y = np.arange(90) % 3
X = RNG.normal(size=(90, 6)) * [1, 10, 100, 1e-3, 1e5, 7] + np.eye(3, 6)[Y] * [2, 20, 0, 0, 0, 0]
# As they may come: within the training data and far from them.
MORE = np.concatenate([X, X * 3 - 1, RNG.normal(size=(500, 6)) * X.std(axis=0) * 2])

pytestmark = pytest.mark.filterwarnings("ignore::randprop.RandpropDataWarning")

PIPELINES: dict[str, Any] = {
    "standard": [StandardScaler()],
    "standard, mean alone": [StandardScaler(with_std=False)],
    "standard, scale alone": [StandardScaler(with_mean=False)],
    "min and max": [MinMaxScaler()],
    "min and max, other range": [MinMaxScaler((-3, 7))],
    "cut where the classifier cuts": [MinMaxScaler(clip=True)],
    "largest": [MaxAbsScaler()],
    "two": [MaxAbsScaler(), "passthrough", StandardScaler()],
    "none": ["passthrough"],
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("stages", [None, "table"])
def test_a_model_scales_as_the_pipeline(name: str, stages: Any, tmp_path: Path) -> None:
    classifier = StepClassifier(width=64, stages=stages)
    pipeline = make_pipeline(*PIPELINES[name], classifier).fit(X, Y)
    model = as_model(pipeline)
    scaled = pipeline[:-1].transform(MORE)
    mapped = pipeline[-1].scaling_.transform(scaled)
    own = model.scaling.transform(MORE)
    # In one step rather than two: a value in the middle of two levels may be rounded to the other.
    assert np.abs(mapped.astype(int) - own).max() <= 1
    assert (mapped != own).mean() < 1e-3
    np.testing.assert_array_equal(model.predict(MORE), pipeline.predict(MORE))
    randprop.save(pipeline, tmp_path / "m")
    loaded = randprop.load(tmp_path / "m")
    assert isinstance(loaded, StepClassifier)
    np.testing.assert_array_equal(loaded.predict(MORE), pipeline.predict(MORE))
    randprop.export_c(pipeline, tmp_path / "c")


def test_features_that_never_change(tmp_path: Path) -> None:
    constant = X.copy()
    constant[:, 2], constant[:, 3] = 5.0, 0.0
    for scaler in (StandardScaler(), MinMaxScaler(), MaxAbsScaler()):
        pipeline = make_pipeline(scaler, StepClassifier(width=64, stages="table"))
        pipeline.fit(constant, Y)
        found = as_model(pipeline).scaling.transform(MORE)
        expected = pipeline[-1].scaling_.transform(pipeline[:-1].transform(MORE))
        assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (make_pipeline(PCA(3), StepClassifier(width=8)), "cannot hold the step 'pca' .*, PCA"),
        (make_pipeline(RobustScaler(), StepClassifier(width=8)), "the step 'robustscaler'"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "ends in LogisticRegression"),
        (
            make_pipeline(MinMaxScaler((0.2, 0.8), clip=True), StepClassifier(
                width=8, input_range=(0, 1))),
            r"cuts features to \[0.2, 0.8\], which is narrower",
        ),
        (
            make_pipeline(StandardScaler(), StepClassifier(width=8, scaling="binary")),
            "cannot hold a scaler before BinaryScaling",
        ),
    ],
)  # fmt: skip
def test_what_a_model_cannot_hold(pipeline: Pipeline, message: str, tmp_path: Path) -> None:
    pipeline.fit(X, Y)
    with pytest.raises((TypeError, ValueError), match=message):
        randprop.save(pipeline, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_a_pipeline_that_is_not_fitted(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="StepClassifier that is not fitted"):
        randprop.save(make_pipeline(StandardScaler(), StepClassifier()), tmp_path / "m")
    wild = make_pipeline(StandardScaler(), StepClassifier(width=8)).fit(X, Y)
    wild[0].mean_ = wild[0].mean_ + 1e300
    with pytest.raises(ValueError, match="too narrow"):
        as_model(wild)


CLASSIFIERS: dict[str, StepClassifier] = {
    "plain": StepClassifier(1, width=[30, 20], weight_bits=2, activation="sign", random_state=7),
    "table": StepClassifier(stages="table", width=40),
    "discriminant": StepClassifier(width=40, readout="discriminant", alpha=0.5),
    "neighbours": StepClassifier(width=40, readout="knn", n_neighbors=3),
    "readout": StepClassifier(width=40, readout=RidgeReadout(0.25), n_jobs=2),
    "unfitted scaling": StepClassifier(width=40, scaling=Scaling(trim=0.1)),
    "fitted scaling": StepClassifier(width=40, scaling=Scaling().fit(X)),
    "range": StepClassifier(width=40, input_range=(-5, 5.5)),
    "stages": StepClassifier(stages=[Conv2D(8, 2, pool=1), 30], input_shape=(2, 3)),
    "generator": StepClassifier(width=40, random_state=np.random.RandomState(3)),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_comes_back(name: str, tmp_path: Path) -> None:
    classifier = CLASSIFIERS[name].fit(X, Y)
    randprop.save(classifier, tmp_path / "m")
    loaded = randprop.load(tmp_path / "m")
    assert isinstance(loaded, StepClassifier)
    np.testing.assert_array_equal(loaded.predict(MORE), classifier.predict(MORE))
    assert loaded.score(X, Y) == classifier.score(X, Y)
    if hasattr(classifier, "decision_function"):
        np.testing.assert_array_equal(
            loaded.decision_function(MORE), classifier.decision_function(MORE)
        )
    # The same parameters, fitted anew, are the same classifier.
    again = type(loaded)(**loaded.get_params(deep=False)).fit(X, Y)
    np.testing.assert_array_equal(again.predict(MORE), classifier.predict(MORE))
    plain = {n: v for n, v in classifier.get_params().items() if n != "n_jobs"}
    for parameter, value in plain.items():
        if value is None or isinstance(value, (int, float, str)):
            assert getattr(loaded, parameter) == value, parameter
    # The same bytes again, and a model for C++.
    first = (tmp_path / "m").read_bytes()
    randprop.save(loaded, tmp_path / "m")
    if name != "fitted scaling":
        assert (tmp_path / "m").read_bytes() == first
    assert _core.read_model(first) is not None
    with pytest.raises(AttributeError, match="has no information about the training samples"):
        loaded.dead_units_  # noqa: B018


def test_what_was_no_estimator_is_none(tmp_path: Path) -> None:
    classifier = StepClassifier(width=16).fit(X, Y)
    randprop.save(classifier.model_, tmp_path / "model")
    assert isinstance(randprop.load(tmp_path / "model"), randprop.Model)
    assert read_model(tmp_path / "model")[1] is None
    assert b"estimator" not in (tmp_path / "model").read_bytes()


@pytest.mark.parametrize(
    "told",
    [
        "", "{", "[]", "1", "{}", '{"class":"Other","parameters":{}}',
        '{"class":"StepClassifier","parameters":{"nothing":1}}',
        '{"class":"StepClassifier","parameters":{"width":"x"}}',
        '{"class":"StepClassifier","parameters":{"readout":{"of":"secrets"}}}',
        '{"class":"StepClassifier","parameters":{"scaling":{"scaling":{"kind":"x"}}}}',
        '{"class":"StepClassifier","parameters":{"stages":"pictures"}}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_an_estimator_that_is_not_known_is_a_model(
    told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a file says of an estimator is not needed to predict."""
    classifier = StepClassifier(width=16).fit(X, Y)
    monkeypatch.setattr(json, "dumps", _told(json.dumps, told))
    randprop.save(classifier, tmp_path / "m")
    monkeypatch.undo()
    loaded = randprop.load(tmp_path / "m")
    assert isinstance(loaded, randprop.Model)
    np.testing.assert_array_equal(loaded.predict(X), classifier.predict(X))


def _told(dumps: Any, told: str) -> Any:
    """Return json.dumps that tells something else of an estimator."""

    def other(value: Any, **options: Any) -> Any:
        return told if isinstance(value, dict) and "class" in value else dumps(value, **options)

    return other


def test_reading_a_model_loads_no_scikit_learn(tmp_path: Path) -> None:
    randprop.save(StepClassifier(width=16).fit(X, Y).model_, tmp_path / "m")
    code = f"import sys, randprop; randprop.load({str(tmp_path / 'm')!r}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "sklearn" not in loaded.stdout.split()


def test_without_scikit_learn_a_classifier_is_a_model(tmp_path: Path) -> None:
    classifier = StepClassifier(width=16).fit(X, Y)
    randprop.save(classifier, tmp_path / "m")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys; sys.modules['sklearn'] = None; import numpy, randprop\n"
        "model = randprop.load('m')\n"
        "print(type(model).__name__, *model.predict(numpy.load('X.npy')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["Model", *map(str, classifier.predict(X))]


def test_names_of_a_frame_come_through_a_pipeline(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    pipeline = make_pipeline(StandardScaler(), StepClassifier(width=16)).fit(frame, Y)
    randprop.save(pipeline, tmp_path / "m")
    loaded = randprop.load(tmp_path / "m")
    assert loaded.model_.feature_names == tuple("abcdef")
    np.testing.assert_array_equal(loaded.predict(frame), pipeline.predict(frame))
    assert isinstance(loaded.scaling, LinearScaling)
