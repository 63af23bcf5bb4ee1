"""Experiments: what they measure on a small data set, and answers that follow from the numbers."""

from __future__ import annotations

import copy
import json
import re

import numpy as np
import pytest

import randprop
from randprop import study
from randprop.study import EXPERIMENTS, cause, features, few_inputs, theory, variance, width
from randprop.study import datasets as study_datasets


@pytest.fixture(scope="module")
def numbers(known_numbers):
    return known_numbers["numbers"]


def answer(key, numbers):
    return " ".join(EXPERIMENTS[key].present(numbers).answer)


QUICK = ["accuracy", "variance", "datasets"]


@pytest.mark.parametrize("only", [QUICK, pytest.param(list(EXPERIMENTS), marks=pytest.mark.slow)])
def test_experiments_measure_present_and_draw(small_mnist, tmp_path, monkeypatch, only):
    monkeypatch.setattr(width, "_WIDTHS", (256, 512, 1024))
    monkeypatch.setattr(few_inputs, "_CASES", few_inputs._CASES[:2])
    monkeypatch.setattr(study_datasets, "_WIDTHS", (64, 256))
    monkeypatch.setattr(theory, "_CASES", theory._CASES[:2] + theory._CASES[-1:])
    told = []
    page = study.run_study(tmp_path / "report", seeds=2, only=only, progress=False, say=told.append)
    content = json.loads((tmp_path / "report" / "numbers.json").read_text())
    assert set(content["numbers"]) == set(only)
    assert content["about"]["command"] == "randprop study --seeds 2 --only " + ",".join(only)
    for key in only:
        experiment = EXPERIMENTS[key]
        assert experiment.title in told
        section = experiment.present(content["numbers"][key])
        assert content["answers"][key] == section.answer
        for figure in section.figures:
            for kind in ("svg", "png"):
                path = tmp_path / "report" / "figures" / f"{figure.name}.{kind}"
                assert path.stat().st_size > 2000
        for table in section.tables:
            lines = (tmp_path / "report" / "tables" / f"{table.name}.csv").read_text().splitlines()
            assert len(lines) == 1 + len(table.rows)
    text = page.read_text()
    assert "KMNIST, CIFAR-10" in text
    assert not list((tmp_path / "report").rglob("*.tmp"))
    # Again, from the store: the same numbers.
    again = study.measure(
        2, only=["accuracy", "variance"], store=tmp_path / "report" / "cells.sqlite", progress=False
    )
    assert again["numbers"]["accuracy"] == content["numbers"]["accuracy"]


def test_answers_are_those_of_the_numbers(numbers):
    for key, values in numbers.items():
        text = answer(key, values)
        assert len(text) > 80
        assert not re.search(r"\bnan\b", text)


def changed(values, path, value):
    values = copy.deepcopy(values)
    at = values
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return values


def flat(curve, value):
    return {**curve, "mean": [value] * len(curve["mean"])}


def test_accuracy_answer(numbers):
    values = numbers["accuracy"]
    assert "is reproduced, but here only up to one" in answer("accuracy", values)
    assert "no depth of the random network does better" in answer("accuracy", values)
    kept = changed(values, ["accuracy"], flat(values["accuracy"], 0.9))
    assert "is not reproduced" in answer("accuracy", kept)
    assert "does not fall through one half" in answer("accuracy", kept)
    assert "the network does better at 0 hidden layers" in answer("accuracy", kept)


def test_variance_answer(numbers):
    values = numbers["variance"]
    text = answer("variance", values)
    assert "over the units of an output vector: 0.2496 to 0.2496, almost no fall" in text
    assert "this is the variance between class means, per unit" in text
    other = changed(values, ["variance_class_means"], flat(values["variance_class_means"], 0.02))
    assert "this is none of the three variances" in answer("variance", other)
    assert "stays above the variance that sampling alone" in answer("variance", other)


def test_describe_fall():
    layers = list(range(16))
    falling = [2.0 ** -min(d, 10) for d in layers]
    assert variance.describe_fall(layers, falling) == {
        "falls": True, "ratio": 1024.0, "flat_from": 10, "as_paper": True,
    }  # fmt: skip
    assert not variance.describe_fall(layers, [2.0 ** -min(d, 3) for d in layers])["as_paper"]
    assert not variance.describe_fall(layers, [2.0**-d for d in layers])["as_paper"]
    assert not variance.describe_fall(layers, [0.25] * 16)["falls"]


def test_beyond_answer(numbers):
    values = numbers["beyond"]
    assert "Accuracy does not come back" in answer("beyond", values)
    back = copy.deepcopy(values)
    back["accuracy"]["mean"][-2] = 0.4
    assert "not at chance throughout: 0.400 at 56" in answer("beyond", back)


def test_weights_answer(numbers):
    values = numbers["weights"]
    text = answer("weights", values)
    assert "give exactly the same bits" in text
    assert "change 7 output bits" in answer(
        "weights", changed(values, ["scaled_differing", "100"], 7)
    )
    assert "2 inputs, + and -" in text
    lost = changed(
        values, ["accuracy", "fan_in_2_balanced"],
        flat(values["accuracy"]["fan_in_2_balanced"], 0.1),
    )  # fmt: skip
    assert "2 inputs, + and - (" not in answer("weights", lost)


def test_activations_answer(numbers):
    values = numbers["activations"]
    assert "a small variance alone loses nothing" in answer("activations", values)
    other = changed(values, ["accuracy", "tanh"], flat(values["accuracy"]["tanh"], 0.1))
    other = changed(other, ["accuracy", "sigmoid"], flat(values["accuracy"]["tanh"], 0.1))
    assert "fall together here" in answer("activations", other)
    assert "differ from the identity by up to" in answer("activations", other)


def test_convolution_answer(numbers):
    values = numbers["convolution"]
    best = max(
        (v["mean"], k) for k, v in values["single"].items() if not k.startswith("dense")
    )[1]  # fmt: skip
    assert f"the best convolution, {best} channels" in answer("convolution", values)
    worse = copy.deepcopy(values)
    for name, stack in worse["stacks"].items():
        stack["mean"] = [0.9 if name.startswith("dense") else 0.2] * len(stack["mean"])
    assert "No convolution is more accurate" in answer("convolution", worse)


def test_cause_answer(numbers):
    values = numbers["cause"]
    text = answer("cause", values)
    assert "no label changes" in text
    assert "more variance, less accuracy" in text
    assert "So variance does not cause accuracy" in text
    assert "3 labels change" in answer("cause", changed(values, ["labels_changed_by_scaling"], 3))
    one = copy.deepcopy(values)
    for name in one["families"]:
        one["families"][name] = copy.deepcopy(values["families"]["depth"])
    assert "one curve" in answer("cause", one)


def test_theory_answer(numbers):
    values = numbers["theory"]
    assert "At infinite width accuracy does not fall" in answer("theory", values)
    right = copy.deepcopy(values)
    for case in right["cases"]:
        case["predicted_accuracy"] = case["accuracy"]["mean"]
        case["predicted_variance"] = case["variance_class_means"]["mean"]
    assert "all of them" in answer("theory", right)
    assert "784 units, step: 5 %: kept" in answer("theory", right)
    wrong = copy.deepcopy(right)
    wrong["cases"][0]["predicted_accuracy"] = [1.0] * 16
    wrong["cases"][0]["predicted_variance"] = [1.0] * 16
    assert "all but mnist, 784 units, step" in answer("theory", wrong)
    assert "784 units, step: 5 %: missed" in answer("theory", wrong)
    falls = copy.deepcopy(values)
    falls["cases"][0]["predicted_infinite"][-1] = 0.1
    assert "Even at infinite width accuracy falls" in answer("theory", falls)


def test_width_answer(numbers):
    values = numbers["width"]
    assert "the curves of all widths coincide" in answer("width", values)
    other = copy.deepcopy(values)
    other["cases"][3]["signal"] = [10 * s for s in other["cases"][3]["signal"]]
    assert "the curves do not collapse" in answer("width", other)


def test_readouts_answer(numbers):
    values = numbers["readouts"]
    assert "The bits hold far more than class means use" in answer("readouts", values)
    same = copy.deepcopy(values)
    for name in same["accuracy"]:
        same["accuracy"][name] = copy.deepcopy(values["accuracy"]["centroid"])
    assert "no readout is much better" in answer("readouts", same)
    hidden = changed(values, ["accuracy", "ridge"], flat(values["accuracy"]["ridge"], 0.8))
    assert "information that class means do not use" in answer("readouts", hidden)


def test_datasets_answer(numbers):
    values = numbers["datasets"]
    assert "All fall to chance" in answer("datasets", values)
    other = changed(values, ["accuracy", "mnist", "mean", -1], 0.5)
    assert "Not all fall to chance" in answer("datasets", other)


def test_accuracy_gap():
    def points(*pairs):
        return [{"variance": v, "accuracy": a} for v, a in pairs]

    line = points((1e-4, 0.1), (1e-2, 0.5), (1.0, 0.9))
    assert cause.accuracy_gap(line, line) == 0
    assert cause.accuracy_gap(line, points((1e-2, 0.2), (1.0, 0.9))) == pytest.approx(0.3, abs=0.01)


def test_flips_and_erasures_have_their_probability():
    from randprop import BitMatrix

    rng = np.random.default_rng(0)
    bits = BitMatrix.from_array(np.ones((200, 1000), dtype=np.uint8))
    for p in (0.0, 0.1, 0.5, 0.95):
        flipped = cause._combine(bits, p, rng, np.bitwise_xor)
        assert flipped.to_array().mean() == pytest.approx(1 - p, abs=0.005)
        kept = cause._combine(bits, 1 - p, rng, np.bitwise_and)
        assert kept.to_array().mean() == pytest.approx(1 - p, abs=0.005)


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="must be one of 'accuracy', 'variance'"):
        study.run_study(tmp_path / "r", only=["acuracy"])
    with pytest.raises(TypeError, match="only must be several names"):
        study.run_study(tmp_path / "r", only="accuracy")
    with pytest.raises(ValueError, match="at least one experiment"):
        study.run_study(tmp_path / "r", only=[])
    with pytest.raises(ValueError, match="seeds must lie in"):
        study.run_study(tmp_path / "r", seeds=0)
    assert not (tmp_path / "r").exists()


def test_convolution_answer_of_features(numbers):
    values = numbers["convolution"]
    text = answer("convolution", values)
    assert "Patches do not help with single bits or with class means" in text
    assert "few inputs help." in text
    found = values["features"]["1024"]
    same = copy.deepcopy(values)
    same["features"]["1024"] = dict.fromkeys(found, found["no patches"])
    assert "Patches help nowhere." in answer("convolution", same)
    bits = copy.deepcopy(values)
    bits["features"]["1024"]["bits"] = found["counts"]
    text = answer("convolution", bits)
    assert "Patches help bits read by discriminant, bits read by ridge, counts" in text
    few = changed(
        values,
        ["features", "1024", "counts", "all inputs", "discriminant"],
        {**found["counts"]["4 inputs"]["discriminant"], "mean": 0.995},
    )
    assert "few inputs cost something" in answer("convolution", few)


def test_useful_answer(numbers):
    values = numbers["useful"]
    text = answer("useful", values)
    assert "with 1,024 features" in text
    assert "No weight is trained" in text
    assert "The first of these matters most, class means: for a readout that" in text
    useless = copy.deepcopy(values)
    for entry in useless["steps"]:
        entry["mean"] = 0.8
    assert "do not make the network useful" in answer("useful", useless)
    input_counts = changed(values, ["back", 4, "mean"], 0.2)
    assert "The first of these matters most, 8-bit pixels." in answer("useful", input_counts)
    rising = copy.deepcopy(values)
    for i, entry in enumerate(rising["steps"]):
        entry["mean"] = 0.8 + 0.01 * i
    assert "none is a loss" in answer("useful", rising)


def test_few_inputs_answer(numbers):
    values = numbers["few_inputs"]
    text = answer("few_inputs", values)
    assert "few inputs lose less than all inputs, 2 inputs the least" in text
    assert "falls like 1 / l" in text
    assert "which do not depend on overlaps alone" in text
    flat_case = copy.deepcopy(values)
    for case in flat_case["cases"]:
        case["accuracy"] = flat(case["accuracy"], 0.1)
        case["predicted_accuracy"] = [0.1] * 11
    text = answer("few_inputs", flat_case)
    assert "few inputs lose as much as all inputs" in text
    assert "everywhere" in text
    wrong = changed(values, ["cases", 1, "predicted_accuracy"], [0.0] * 11)
    assert "except for 2 inputs, 784 units" in answer("few_inputs", wrong)
    wide = copy.deepcopy(values)
    wide["wanted"]["widths"][0]["measured"] = None
    assert "all inputs" in answer("few_inputs", wide)
    assert ", not measured" in answer("few_inputs", wide)


def test_width_answer_of_wanted_widths(numbers):
    values = numbers["width"]
    entry = values["wanted"][0]
    assert f"takes {entry['width']} units, measured" in answer("width", values)
    assert "takes" not in answer("width", {**values, "wanted": []})


def test_datasets_answer_of_networks(numbers):
    values = numbers["datasets"]
    text = answer("datasets", values)
    assert "CIFAR-10, useful networks: 1,024 counts" in text
    assert "counts of patches are clearly better than both" in text
    worse = copy.deepcopy(values)
    worse["networks"]["cifar10"]["raw pixels"]["ridge"]["mean"] = 0.9
    assert "counts of patches are hardly better" in answer("datasets", worse)
    assert "Not measured" not in answer("datasets", {**values, "missing": {}})
    assert "Not measured, because the files were not found: KMNIST." in answer(
        "datasets", {**values, "missing": {"kmnist": "why"}}
    )


def test_channels_stand_last():
    planes = np.arange(2 * 3 * 32 * 32).astype(np.uint8).reshape(2, 3072)
    found = randprop.datasets.DATASETS["cifar10"].as_images(planes)
    for channel in range(3):
        np.testing.assert_array_equal(
            found[..., channel].reshape(2, -1), planes[:, 1024 * channel :][:, :1024]
        )


def test_majority_is_of_each_window():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (3, 8 * 9)).astype(np.uint8)
    stage = randprop.Conv2D(4, 3, padding=1, fan_in=4, pool=(3, 2))
    network = randprop.StepNetwork(72, stages=[stage], input_shape=(8, 9, 1), seed=5)
    X = randprop.BitMatrix.from_array(bits)
    found = features.majority(network.propagate(X), network).to_array().reshape(3, 3, 2, 4)
    whole = randprop.Conv2D(4, 3, padding=1, fan_in=4)
    maps = randprop.StepNetwork(72, stages=[whole], input_shape=(8, 9, 1), seed=5).propagate(X)
    maps = maps.to_array().reshape(3, 8, 9, 4)
    for y, rows in enumerate((slice(0, 2), slice(2, 5), slice(5, 8))):
        for x, columns in enumerate((slice(0, 4), slice(4, 9))):
            window = maps[:, rows, columns].mean(axis=(1, 2))
            np.testing.assert_array_equal(found[:, y, x], window > 0.5)
