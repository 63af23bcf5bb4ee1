"""Stages of every kind against the definition: known answers, and chains of all kinds mixed."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import randprop
from helpers import known_input, known_rows, random_bits, random_bytes
from randprop import BitMatrix, Conv1D, Conv2D, Dense, StepNetwork, reference

KINDS = {"dense": Dense, "conv1d": Conv1D, "conv2d": Conv2D}
FIELDS = {
    "units", "channels", "kernel", "stride", "padding", "dilation", "fan_in", "weight_bits",
    "bias", "pool",
}  # fmt: skip
CASES = json.loads((Path(__file__).parent / "data/known_stages.json").read_text())["stages"]


def stage_of(described: dict[str, Any]) -> randprop.network.stages.Stage:
    fields = {name: described[name] for name in FIELDS & described.keys()}
    if described["stage"] == "conv1d" and fields.get("pool"):
        fields["pool"] = fields["pool"][0]
    return KINDS[described["stage"]](**fields)


def network_of(case: dict[str, Any]) -> StepNetwork:
    return StepNetwork(
        case["n_features"],
        stages=[stage_of(entry) for entry in case.get("stages", [case])],
        input_shape=case.get("input_shape"),
        activation=case.get("activation", "step"),
        seed=case["seed"],
    )


def as_rows(output: Any) -> np.ndarray:
    """Return packed rows of bits, or bytes."""
    return output.to_packbits() if isinstance(output, BitMatrix) else output


def described(network: StepNetwork) -> list[dict[str, Any]]:
    """Return the stages as the reference reads them."""
    found = []
    for stage in network.stages:
        entry = stage.described()
        entry = {"kind": "Dense", "units": entry} if isinstance(entry, int) else dict(entry)
        found.append({"kind": "Conv2D", **entry, "thresholds": stage.thresholds})
    return found


def check(network: StepNetwork, X: np.ndarray | BitMatrix) -> list[Any]:
    """Compare outputs and thresholds of all stages with the reference."""
    outputs = network.propagate_all(X)
    expected, thresholds = reference.propagate_stages(
        X.to_array() if isinstance(X, BitMatrix) else X,
        described(network),
        input_shape=network.input_shape,
        weight_bits=network.weight_bits,
        activation=network.activation,
        seed=network.seed,
    )
    for m, (found, wanted) in enumerate(zip(outputs, expected, strict=True)):
        assert isinstance(found, BitMatrix) != network.stages[m].gives_bytes
        bits_or_bytes = found.to_array() if isinstance(found, BitMatrix) else found
        np.testing.assert_array_equal(bits_or_bytes, wanted)
        np.testing.assert_array_equal(network.thresholds(m), thresholds[m])
        if isinstance(found, BitMatrix):
            BitMatrix(found.words, found.n_bits)  # raises where a bit past the last is set
    return outputs


@pytest.mark.parametrize("case", CASES, ids=[case["about"][:40] for case in CASES])
def test_known_answers(level: str, kernel: str, case: dict[str, Any]) -> None:
    network = network_of(case)
    if "calibrate_samples" in case:
        network = network.calibrate(
            known_input(case["input"], case["calibrate_samples"], case["n_features"])
        )
    thresholds = network.thresholds(0).tolist()
    assert thresholds == case.get("thresholds", thresholds)
    head = case.get("thresholds_head", [])
    assert thresholds[: len(head)] == head
    if "weights_row0" in case:
        row = network.weights(0)[0]
        assert row[case["weights_row0"]].tolist() == case["signs_row0"]
        assert np.count_nonzero(row) == case["fan_in"]
    X = known_input(case["input"], case["n_samples"], case["n_features"])
    assert known_rows(as_rows(network.propagate(X))) == case["outputs"]
    assert network.propagate_all(X)[-1].shape[1] == network.widths[-1]


@pytest.mark.parametrize("case", CASES, ids=[case["about"][:40] for case in CASES])
def test_known_answers_by_reference(case: dict[str, Any]) -> None:
    network = network_of(case)
    n_samples = case.get("calibrate_samples", case["n_samples"])
    outputs, thresholds = reference.propagate_stages(
        known_input(case["input"], n_samples, case["n_features"]),
        described(network),
        input_shape=case.get("input_shape"),
        activation=network.activation,
        seed=case["seed"],
        calibrate="calibrate_samples" in case,
    )
    last = outputs[-1][: case["n_samples"]]
    packed = last if case["gives"] == "bytes" else np.packbits(last, axis=1, bitorder="little")
    assert known_rows(packed) == case["outputs"]
    assert thresholds[0].tolist() == case.get("thresholds", thresholds[0].tolist())


@pytest.mark.parametrize("case", CASES, ids=[case["about"][:40] for case in CASES])
def test_known_answers_of_models(case: dict[str, Any], tmp_path: Path) -> None:
    network = network_of(case)
    if "calibrate_samples" in case:
        network = network.calibrate(
            known_input(case["input"], case["calibrate_samples"], case["n_features"])
        )
    X = known_input(case["input"], case["n_samples"], case["n_features"])
    readout = randprop.Centroids().fit(network.propagate(X), np.arange(len(X)) % 2)
    model = randprop.Model(network, readout)
    randprop.save(model, tmp_path / "model")
    loaded = randprop.load(tmp_path / "model")
    assert known_rows(as_rows(loaded.propagate(X))) == case["outputs"]
    data = (tmp_path / "model").read_bytes()
    found = randprop._core.read_model_and_predict(data, X.astype(np.float64), 1)
    np.testing.assert_array_equal(model.classes_[found], model.predict(X))
    assert_onnx_equals(model, X, tmp_path / "model.onnx")


def conv_sizes(draw: Any, size: int) -> tuple[int, int, int, int]:
    """Draw kernel, stride, padding and dilation that fit one side of a map."""
    kernel = draw(st.integers(1, 5))
    padding = draw(st.integers(max(0, (kernel - size + 1) // 2), kernel - 1))
    room = size + 2 * padding - 1
    dilation = draw(st.integers(1, max(1, room // (kernel - 1)))) if kernel > 1 else 1
    return kernel, draw(st.integers(1, 3)), padding, dilation


def draw_stage(draw: Any, shape: tuple[int, ...]) -> Any:
    """Draw a stage of any kind that reads an input of this shape."""
    shared: dict[str, Any] = {}
    wants_few, wants_bias = draw(st.booleans()), draw(st.booleans())
    kinds = {1: [Dense], 2: [Dense, Conv1D, Conv1D], 3: [Dense, Conv2D, Conv2D]}[len(shape)]
    kind = draw(st.sampled_from(kinds))
    if kind is Dense:
        stage = Dense(draw(st.integers(1, 140)))
    else:
        channels = draw(st.sampled_from([1, 2, 5, 9, 66]))
        sizes = list(zip(*(conv_sizes(draw, size) for size in shape[:-1]), strict=True))
        kernel, stride, padding, dilation = (
            entry[0] if kind is Conv1D else entry for entry in sizes
        )
        if kind is Conv1D and 1 < kernel <= shape[0] and draw(st.booleans()):
            stage = Conv1D(channels, kernel, stride, dilation="log", pool=1)
        else:
            stage = kind(channels, kernel, stride, padding, dilation=dilation)
            if draw(st.booleans()):
                grid = [draw(st.integers(1, places)) for places in stage.output_shape(shape)[:-1]]
                shared["pool"] = grid[0] if kind is Conv1D else grid
    n_inputs = stage.inputs_a_unit(shape)
    if wants_few:
        shared["fan_in"] = draw(st.integers(1, n_inputs))
    else:
        shared["weight_bits"] = draw(st.sampled_from([1, 2, 4, 8, 24, None]))
    if wants_bias:
        largest = shared.get("fan_in") or n_inputs * (2 ** (shared["weight_bits"] or 8) - 1)
        shared["bias"] = draw(st.integers(0, min(255 * largest, 2**31 - 1)))
    fields = {entry.name: getattr(stage, entry.name) for entry in dataclasses.fields(stage)}
    return kind(**{**fields, **shared})


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_chains(data: Any) -> None:
    draw = data.draw
    shape = draw(st.sampled_from([(90,), (1,), (37, 1), (20, 3), (7, 9, 1), (5, 4, 3), (1, 12, 2)]))
    n_features = int(np.prod(shape))
    stages, here = [], shape
    for _ in range(draw(st.integers(1, 4))):
        stages.append(draw_stage(draw, here))
        here = stages[-1].output_shape(here)
    network = StepNetwork(
        n_features,
        stages=stages,
        activation=draw(st.sampled_from(["step", "sign"])),
        seed=draw(st.integers(0, 2**64 - 1)),
        input_shape=shape if len(shape) > 1 else None,
    )
    n_samples, seed = draw(st.sampled_from([1, 3, 65])), draw(st.integers(0, 99))
    level = draw(st.sampled_from(randprop._core.simd_levels_supported()))
    before = randprop._core.simd_level()
    try:
        randprop._core.use_simd_level(level)
        if draw(st.booleans()):
            outputs = check(network, random_bytes(seed, n_samples, n_features))
        else:
            outputs = check(network, BitMatrix.from_array(random_bits(seed, n_samples, n_features)))
    finally:
        randprop._core.use_simd_level(before)
    assert [output.shape[1] for output in outputs] == list(network.widths)
    assert pickle.loads(pickle.dumps(network)) == network
    hash(network)


@pytest.mark.parametrize("activation", ["step", "sign"])
def test_calibrate_is_the_definitions(activation: str) -> None:
    stages = [
        Conv2D(7, 3, padding=1, pool=3, fan_in=4),
        Conv2D(5, 2, fan_in=3),
        Dense(40, weight_bits=4, bias=0.2),
    ]
    X = random_bytes(8, 50, 64)
    network = StepNetwork(64, stages=stages, activation=activation, input_shape=(8, 8, 1), seed=3)
    calibrated = network.calibrate(X)
    outputs, thresholds = reference.propagate_stages(
        X, described(network), input_shape=(8, 8, 1), activation=activation, seed=3, calibrate=True
    )
    for m, expected in enumerate(thresholds):
        assert calibrated.thresholds(m).tolist() == expected.tolist()
    np.testing.assert_array_equal(calibrated.propagate(X).to_array(), outputs[-1])
    # It does not depend on threads, and calibrating again changes nothing.
    assert network.calibrate(X, n_threads=1) == calibrated
    assert calibrated.calibrate(X) == calibrated
    series = StepNetwork(
        60, stages=[Conv1D(20, 5, 2, dilation="log", fan_in=4, pool=1)], input_shape=(30, 2)
    )
    X = random_bytes(9, 30, 60)
    _, thresholds = reference.propagate_stages(
        X, described(series), input_shape=(30, 2), calibrate=True
    )
    assert series.calibrate(X).thresholds(0).tolist() == thresholds[0].tolist()
    of_bits = BitMatrix.from_array(random_bits(3, 40, 60))
    _, thresholds = reference.propagate_stages(
        of_bits.to_array(), described(series), input_shape=(30, 2), calibrate=True
    )
    assert series.calibrate(of_bits).thresholds(0).tolist() == thresholds[0].tolist()


def test_calibrated_units_live_whatever_the_scale() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.integers(200, 204, 400), rng.integers(0, 256, 400), rng.integers(0, 3, 400)]
    ).astype(np.uint8)

    def dead(network: StepNetwork) -> float:
        share = network.propagate(X).to_array().mean(axis=0)
        return float(np.mean((share < 0.01) | (share > 0.99)))

    network = StepNetwork(3, width=500)
    assert dead(network) > 0.5
    assert dead(network.calibrate(X)) < 0.05


def test_a_share_as_bias_is_an_integer() -> None:
    stages = [Dense(5, fan_in=4, bias=0.1), Dense(6, bias=0.25), Dense(7, weight_bits=1, bias=1.0)]
    network = StepNetwork(10, stages=stages)
    # 255 x 4 x .1; bits of 5 units x 255 x .25; of 6 units x 1.
    assert [stage.bias for stage in network.stages] == [102, 319, 6]
    assert all(isinstance(stage.bias, int) for stage in network.stages)
    check(network, random_bytes(1, 20, 10))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Dense(0), "units must lie in"),
        (lambda: Dense(3, fan_in=0), "fan_in must lie in"),
        (lambda: Dense(3, fan_in=2, weight_bits=8), "not both"),
        (lambda: Dense(3, weight_bits=3), "weight_bits must be one of"),
        (lambda: Dense(3, bias=-1), "bias must lie in"),
        (lambda: Dense(3, bias=-0.5), "bias must be at least 0"),
        (lambda: Dense(3, bias=1, thresholds=[1, 2, 3]), "not both"),
        (lambda: Dense(3, thresholds=[1, 2]), r"thresholds must have shape \(3,\)"),
        (lambda: Conv2D(3, (2, 3, 4)), "kernel must be an integer or two"),
        (lambda: Conv2D(3, 2, padding=2), "padding must be below the kernel"),
        (lambda: Conv2D(3, 2, pool=0), "pool must lie in"),
        (lambda: Conv1D(3, 1, dilation="log", pool=1), "kernel of at least 2"),
        (lambda: Conv1D(3, 2, dilation="log"), "pool=1"),
        (lambda: Conv1D(3, 2, dilation="wide"), "an integer or 'log'"),
        (lambda: StepNetwork(10, stages=[Dense(3, fan_in=11)]), "a unit has 10 inputs"),
        (lambda: StepNetwork(10, stages=[]), "at least one stage"),
        (lambda: StepNetwork(10, 1, stages=[3, 4]), "together with layers or width"),
        (lambda: StepNetwork(10, stages=[3], width=4), "together with layers or width"),
        (lambda: StepNetwork(10, stages=[Conv1D(3, 4)]), r"input_shape \(length, channels\)"),
        (lambda: StepNetwork(10, stages=[Conv1D(3, 11)], input_shape=(10, 1)), "does not fit"),
        (
            lambda: StepNetwork(10, stages=[Conv1D(3, 5), Conv2D(2, 1)], input_shape=(10, 1)),
            r"stages\[1\] is a Conv2D and reads an image",
        ),
        (
            lambda: StepNetwork(9, stages=[Conv2D(3, 2, pool=3)], input_shape=(3, 3, 1)),
            "larger than the map",
        ),
        (lambda: StepNetwork(9, stages=[Dense(3, bias=1e9)]), "must be below 2"),
        (
            lambda: StepNetwork(3).calibrate(np.zeros((0, 3), np.uint8)),
            "X must hold at least one sample",
        ),
    ],
)
def test_refuses(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_stages_are_a_sequence() -> None:
    for stages in (Dense(3), "3", 3):
        with pytest.raises(TypeError, match="stages must be a sequence of stages"):
            StepNetwork(10, stages=stages)  # type: ignore[arg-type]


def test_repr_and_summary() -> None:
    conv = Conv2D(6, (3, 5), fan_in=4, pool=(2, 1))
    assert repr(conv) == (
        "Conv2D(channels=6, kernel=(3, 5), stride=1, padding=0, fan_in=4, pool=(2, 1))"
    )
    assert Conv2D(6, (3, 3)) == Conv2D(6, 3)
    network = StepNetwork(64, stages=[conv, 9], input_shape=(8, 8, 1))
    assert eval(repr(network)) == network
    assert "Conv2D  2 x 1 x 6" in network.summary()
    assert network.matrices == (conv, 9)
    assert "3 integers" in repr(Dense(3, thresholds=[1, 2, 3]))


READOUTS = [
    randprop.Centroids(),
    randprop.Centroids(metric="cosine"),
    randprop.RidgeReadout(),
    randprop.HammingNeighbors(2),
]
CHAINS: dict[str, tuple[list[Any], tuple[int, ...] | None]] = {
    "bits": ([Dense(40, fan_in=3, bias=0.1), Dense(50, weight_bits=2)], None),
    "counts": ([Conv2D(9, (3, 2), fan_in=4, pool=(2, 3), dilation=(1, 2))], (6, 8, 1)),
    "series": ([Conv1D(30, 5, dilation="log", fan_in=4, bias=0.2, pool=1)], (16, 3)),
    "both": ([Conv1D(8, 3, 2, 1, pool=4), Conv1D(6, 2, dilation=2), 33], (24, 2)),
}


def assert_onnx_equals(model: randprop.Model, X: np.ndarray, path: Path) -> None:
    """Compare what ONNX Runtime makes of an exported model."""
    onnxruntime = pytest.importorskip("onnxruntime")
    randprop.export_onnx(model, path)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    label, _, behind = session.run(None, {"X": X})
    features = model.propagate(X)
    np.testing.assert_array_equal(
        behind, features.to_array() if isinstance(features, BitMatrix) else features
    )
    np.testing.assert_array_equal(label, model.predict(X))


@pytest.mark.parametrize("chain", CHAINS)
def test_models_of_stages_in_files(chain: str, tmp_path: Path) -> None:
    stages, shape = CHAINS[chain]
    X = random_bytes(1, 60, 48)
    y = np.arange(60) % 4
    plain = StepNetwork(48, stages=stages, input_shape=shape, seed=5)
    for number, network in enumerate([plain, plain.calibrate(X)]):
        features = network.propagate(X)
        for readout in READOUTS:
            fitted = readout.fresh().fit(features, y)
            models = [randprop.Model(network, fitted)]
            if type(fitted) is not randprop.HammingNeighbors and fitted.parameters != ("metric",):
                models.append(models[0].quantize())
            for model in models:
                path = tmp_path / f"{number}"
                randprop.save(model, path)
                loaded = randprop.load(path)
                assert loaded.network == network
                assert loaded.readout.reads_bits != network.gives_bytes
                np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
                found = randprop._core.read_model_and_predict(
                    path.read_bytes(), X.astype(np.float64), 2
                )
                np.testing.assert_array_equal(model.classes_[found], model.predict(X))
                if type(fitted) is not randprop.HammingNeighbors:
                    assert_onnx_equals(model, X, tmp_path / "model.onnx")
                randprop.save(loaded, tmp_path / "again")
                assert (tmp_path / "again").read_bytes() == path.read_bytes()
