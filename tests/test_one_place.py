"""A new readout, activation, stage kind or data set is one entry, and then everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import randprop
import randprop._core as _core
from randprop import Dense, Model, StepClassifier, StepNetwork, evaluate, fit_parallel, sweep
from randprop.cli import main
from randprop.datasets import DATASETS, Dataset, NamedSet, load_digits
from randprop.network.activations import ACTIVATIONS, Activation
from randprop.network.stages import STAGES
from randprop.readouts import Centroids
from randprop.readouts.registry import READOUTS, NamedReadout

REGISTRIES: dict[str, Any] = {
    "readout": READOUTS,
    "activation": ACTIVATIONS,
    "stage": STAGES,
    "dataset": DATASETS,
}


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = {name: dict(registry) for name, registry in REGISTRIES.items()}
    yield
    for name, registry in REGISTRIES.items():
        registry.clear()
        registry.update(before[name])


def help_of(verb: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    return " ".join(capsys.readouterr().out.split())


def round_trip(model: Model, tmp_path: Any) -> Model:
    randprop.save(model, tmp_path / "toy.safetensors")
    return randprop.load(tmp_path / "toy.safetensors")


def test_readout(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    class Farthest(Centroids):
        """The farthest class mean."""

        kind = "farthest"

        def scores(self, bits: Any) -> Any:
            return self.distances(bits)

    READOUTS.add("farthest", NamedReadout(Farthest))
    options: Any = {"dataset": "digits", "width": 64}
    result = evaluate(0, readout="farthest", **options)
    assert result.readout == "farthest"
    assert result.accuracy < 0.1
    assert evaluate(0, readout=Farthest(), **options).accuracy == result.accuracy
    rows = sweep(0, readout=["farthest", "centroid"], seeds=1, **options).rows
    assert {row["readout"]: row["accuracy"] for row in rows}["farthest"] == result.accuracy

    X, y, X_test, y_test = load_digits()
    classifier = StepClassifier(width=64, readout="farthest", input_range=(0, 255)).fit(X, y)
    assert classifier.score(X_test, y_test) == result.accuracy
    assert classifier.decision_function(X_test).shape == (360, 10)
    network = StepNetwork(64, width=64)
    assert fit_parallel(network, X, y, readout="farthest").score(X_test, y_test) == result.accuracy
    loaded = round_trip(classifier.model_, tmp_path)
    assert isinstance(loaded.readout, Farthest)
    np.testing.assert_array_equal(loaded.predict(X_test), classifier.predict(X_test))
    for verb in ("evaluate", "sweep", "export"):
        assert "knn, ridge, discriminant or farthest" in help_of(verb, capsys)
    assert main(["evaluate", "--dataset", "digits", "--readout", "farthest"]) == 0
    assert "readout farthest" in capsys.readouterr().out


def test_activation_of_bits(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ACTIVATIONS.add("spin", Activation("spin", bits=_core.Activation.sign, levels=(-0.5, 0.5)))
    options: Any = {"dataset": "digits", "width": 64}
    spin, sign = (evaluate(3, activation=name, **options) for name in ("spin", "sign"))
    assert spin.activation == "spin"
    assert spin.accuracy == sign.accuracy
    assert spin.variance_units == pytest.approx(sign.variance_units / 4)
    (row,) = sweep(3, activation="spin", seeds=1, **options).rows
    assert row["accuracy"] == spin.accuracy
    X, y, X_test, y_test = load_digits()
    classifier = StepClassifier(3, width=64, activation="spin").fit(X, y)
    assert classifier.score(X_test, y_test) == spin.accuracy
    assert round_trip(classifier.model_, tmp_path).network.activation == "spin"
    for verb in ("evaluate", "sweep", "export"):
        assert "spin" in help_of(verb, capsys)


def test_activation_of_real_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    ACTIVATIONS.add(
        "half", Activation("half", value=lambda a: a / 2, difference=lambda a, b: b / 2)
    )
    options: Any = {"dataset": "digits", "width": 64, "seeds": 1}
    (half,), (identity,) = (
        sweep(2, activation=name, **options).rows for name in ("half", "identity")
    )
    assert half["accuracy"] == identity["accuracy"]
    assert half["variance_samples"] == pytest.approx(identity["variance_samples"] / 64, rel=1e-3)
    assert "half" in help_of("sweep", capsys)
    with pytest.raises(ValueError, match="activation must be one of 'step', 'sign', got 'half'"):
        evaluate(2, activation="half", dataset="digits")


def test_stage(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    @STAGES.kind
    @dataclass(frozen=True)
    class Twice(Dense):
        """Twice as many units as it says."""

        def output_shape(self, shape: Any) -> Any:
            return (2 * self.units,)

        def n_units(self) -> int:
            return 2 * self.units

        def core(self, weight_bits: int) -> Any:
            return _core.Dense(2 * self.units, weight_bits)

        def described(self) -> Any:
            return {"kind": "Twice", "units": self.units}

    plain = evaluate(1, dataset="digits", width=[64, 40])
    result = evaluate(1, dataset="digits", width=[Twice(32), 40])
    assert result.widths == (64, 40)
    assert result.accuracy == plain.accuracy
    (row,) = sweep(1, dataset="digits", width=[(Twice(32), 40)], seeds=1).rows
    assert row["width"] == repr((Twice(32), Dense(40)))
    assert row["accuracy"] == plain.accuracy
    X, y, X_test, y_test = load_digits()
    classifier = StepClassifier(1, width=[Twice(32), 40]).fit(X, y)
    assert classifier.score(X_test, y_test) == plain.accuracy
    loaded = round_trip(classifier.model_, tmp_path)
    assert loaded.network.stages == (Twice(32), Dense(40))
    np.testing.assert_array_equal(loaded.predict(X_test), classifier.predict(X_test))
    assert "Twice" in loaded.network.summary()
    for verb in ("evaluate", "sweep", "export"):
        assert "Dense, Conv2D, Conv1D, Twice" in help_of(verb, capsys)
    call = ["evaluate", "--layers", "1", "--dataset", "digits", "--width", "Twice(32), 40"]
    assert main(call) == 0
    assert f"accuracy                      {plain.accuracy:.4f}" in capsys.readouterr().out


def test_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    digits = load_digits()
    DATASETS.add(
        "few_digits", NamedSet(lambda: Dataset(*(part[:300] for part in digits)), (8, 8, 1))
    )
    conv = randprop.Conv2D(4, kernel=3)
    result = evaluate(0, dataset="few_digits", width=conv)
    assert (result.dataset, result.n_train) == ("few_digits", 300)
    (row,) = sweep(0, dataset="few_digits", width=conv, seeds=1).rows
    assert row["accuracy"] == result.accuracy
    assert randprop.datasets.load("few_digits").X_test.shape == (300, 64)
    for verb in ("evaluate", "sweep", "export"):
        assert "cifar10, digits or few_digits" in help_of(verb, capsys)


def test_a_name_stands_for_one_thing() -> None:
    for registry in REGISTRIES.values():
        name = next(iter(registry))
        with pytest.raises(ValueError, match="exists already"):
            registry.add(name, registry[name])
