"""Exported ONNX graphs in ONNX Runtime: the same bits and labels as the library."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from helpers import random_bytes
from randprop import (
    BinaryScaling,
    Centroids,
    Conv1D,
    Conv2D,
    Dense,
    DiscriminantReadout,
    HammingNeighbors,
    LinearScaling,
    Model,
    QuantizedReadout,
    RidgeReadout,
    StepClassifier,
    StepNetwork,
    export_onnx,
)
from randprop.datasets import load_mnist


def run(path, X):
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["label", "scores", "bits"], {"X": X})


def fitted(network, readout, classes=(3, 5, 8)):
    bits = network.propagate(random_bytes(3, 90, network.n_features))
    return Model(network, readout.fit(bits, np.array(classes)[np.arange(90) % len(classes)]))


@pytest.mark.parametrize("layers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_every_mnist_test_image(tmp_path, layers):
    X_train, y_train, X_test, _ = load_mnist()
    network = StepNetwork(784, layers)
    readout = Centroids().fit(network.propagate(X_train), y_train)
    model = Model(network, readout)
    export_onnx(model, tmp_path / "model.onnx")
    label, scores, bits = run(tmp_path / "model.onnx", X_test)
    expected = network.propagate(X_test)
    np.testing.assert_array_equal(bits, expected.to_array())
    np.testing.assert_array_equal(label, readout.predict(expected))
    np.testing.assert_array_equal(-scores, readout.distances(expected))


@pytest.mark.parametrize("matmul", ["integer", "float"])
@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("weight_bits", [1, 2, 4, 8, 24])
def test_every_weight(tmp_path, weight_bits, activation, matmul):
    network = StepNetwork(
        70, 2, width=[90, 33, 50], weight_bits=weight_bits, activation=activation, seed=5
    )
    model = fitted(network, Centroids())
    export_onnx(model, tmp_path / "model.onnx", matmul=matmul)
    X = random_bytes(9, 200, 70)
    X[0], X[1] = 0, 255
    label, _, bits = run(tmp_path / "model.onnx", X)
    np.testing.assert_array_equal(bits, network.propagate(X).to_array())
    np.testing.assert_array_equal(label, model.predict(X))
    ops = {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert ("MatMulInteger" in ops) == (matmul == "integer" and weight_bits != 24)


@pytest.mark.parametrize("activation", ["step", "sign"])
def test_convolutions(tmp_path, activation):
    layers = [Conv2D(5, kernel=3, padding=1), Conv2D(4, kernel=4, stride=2, padding=2), 60]
    network = StepNetwork(
        9 * 8 * 2, 2, width=layers, input_shape=(9, 8, 2), activation=activation, weight_bits=8
    )
    model = fitted(network, Centroids())
    export_onnx(model, tmp_path / "model.onnx")
    X = random_bytes(9, 50, 144)
    label, _, bits = run(tmp_path / "model.onnx", X)
    np.testing.assert_array_equal(bits, network.propagate(X).to_array())
    np.testing.assert_array_equal(label, model.predict(X))


@pytest.mark.parametrize(
    "readout",
    [
        Centroids(metric="cosine"),
        Centroids(metric="hamming"),
        RidgeReadout(),
        DiscriminantReadout(),
        "means of 3 bits",
        "ridge of 6 bits",
        "discriminant of 2 bits",
    ],
    ids=str,
)
def test_every_readout(tmp_path, readout):
    network = StepNetwork(40, width=100, weight_bits=2)
    if isinstance(readout, str):
        kind, _, bits, _ = readout.split()
        kinds = {"means": Centroids, "ridge": RidgeReadout, "discriminant": DiscriminantReadout}
        model = fitted(network, kinds[kind]()).quantize(readout_bits=int(bits))
    else:
        model = fitted(network, readout)
    export_onnx(model, tmp_path / "model.onnx")
    X = random_bytes(9, 300, 40)
    label, scores, bits = run(tmp_path / "model.onnx", X)
    np.testing.assert_array_equal(label, model.predict(X))
    packed = network.propagate(X)
    np.testing.assert_array_equal(bits, packed.to_array())
    if isinstance(model.readout, QuantizedReadout):
        np.testing.assert_array_equal(scores, model.readout.decision_function(packed))
    elif isinstance(model.readout, (RidgeReadout, DiscriminantReadout)):
        np.testing.assert_allclose(scores, model.readout.decision_function(packed), atol=1e-12)


@pytest.mark.parametrize("classes", [("ape", "bär", "cat"), (0.5, 1.5, 2.5), (True, False)])
def test_labels_of_every_type(tmp_path, classes):
    model = fitted(StepNetwork(20, width=60), Centroids(), classes)
    export_onnx(model, tmp_path / "model.onnx")
    X = random_bytes(1, 30, 20)
    label = run(tmp_path / "model.onnx", X)[0]
    assert label.tolist() == model.predict(X).tolist()


@pytest.mark.filterwarnings("ignore::randprop.RandpropDataWarning")  # features about 0
def test_float_features_are_mapped_in_the_graph(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 15))
    classifier = StepClassifier(width=80).fit(X, np.arange(120) % 3)
    export_onnx(classifier, tmp_path / "model.onnx")
    queries = 1.5 * rng.normal(size=(400, 15))
    label, _, bits = run(tmp_path / "model.onnx", queries)
    np.testing.assert_array_equal(label, classifier.predict(queries))
    np.testing.assert_array_equal(bits, classifier.model_.propagate(queries).to_array())


RANGES = {
    "features": LinearScaling(np.arange(60.0) - 30, np.arange(60.0) ** 1.5 + 7),
    "channels": LinearScaling([-1.0, 0.0], [0.125, 1e-3]),
    "extreme": LinearScaling([-1.7e308, 0.0, -2.0, 1.5], [1.7e308, 3e-310, 3.0, 1.5]),
    "one, extreme": LinearScaling(0.0, 3e-310),
    "level": BinaryScaling(0.3),
}


@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("name", RANGES)
def test_every_scaling_is_mapped_in_the_graph(tmp_path, name, activation):
    scaling = RANGES[name]
    low, high = getattr(scaling, "low", -1.0), getattr(scaling, "high", 2.0)
    low, high = np.resize(low, 60), np.resize(high, 60)
    rng = np.random.default_rng(1)
    share = np.where(rng.uniform(size=(300, 60)) < 0.5, rng.integers(0, 511, (300, 60)) / 510,
                     rng.uniform(0, 1, (300, 60)))  # fmt: skip
    X = low * (1 - share) + high * share
    X[:20] = getattr(scaling, "level", 1e300)
    X[20:25] = -1e300
    stages = [Conv1D(9, kernel=4, padding=2, fan_in=3, bias=1), Dense(60, bias=9)]
    for chain, shape in ((stages, (30, 2)), ([Dense(80, bias=50), 40], None)):
        network = StepNetwork(60, stages=chain, input_shape=shape, activation=activation)
        bits = network.propagate(scaling.transform(X))
        model = Model(network, Centroids().fit(bits, np.arange(300) % 7), scaling=scaling)
        for matmul in ("integer", "float"):
            export_onnx(model, tmp_path / "model.onnx", matmul=matmul)
            label, _, found = run(tmp_path / "model.onnx", X)
            np.testing.assert_array_equal(found, bits.to_array())
            np.testing.assert_array_equal(label, model.predict(X))
        evaluator = ReferenceEvaluator(onnx.load(tmp_path / "model.onnx"))
        with np.errstate(over="ignore"):  # what is far outside is cut
            found = evaluator.run(["bits"], {"X": X})[0]
        np.testing.assert_array_equal(found, bits.to_array())


def test_same_bytes_again(tmp_path):
    model = fitted(StepNetwork(20, 1, width=60), Centroids())
    for name in ("a", "b"):
        export_onnx(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_refuses(tmp_path, monkeypatch):
    network = StepNetwork(20, width=60)
    path = tmp_path / "model.onnx"
    with pytest.raises(TypeError, match="exported to ONNX, got a HammingNeighbors"):
        export_onnx(fitted(network, HammingNeighbors()), path)
    with pytest.raises(TypeError, match="model must be a randprop.Model or a fitted .* got int"):
        export_onnx(3, path)
    with pytest.raises(TypeError, match="fitted randprop.StepClassifier, got StepClassifier"):
        export_onnx(StepClassifier(), path)
    with pytest.raises(ValueError, match="matmul must be one of 'integer', 'float', got 'int'"):
        export_onnx(fitted(network, Centroids()), path, matmul="int")
    model = fitted(network, Centroids())
    model.readout.counts_ *= 10**6
    model.readout.n_samples_ *= 10**6
    with pytest.raises(ValueError, match="do not fit exact arithmetic"):
        export_onnx(model, path)
    codes = np.ones((2, 8), dtype=np.int64)
    quantized = QuantizedReadout(codes, [0, 1], np.arange(2), bits=2)
    for bias in (2**53, -(2**63)):  # the least integer has no absolute value of its own
        quantized.bias_ = np.array([0, bias])
        with pytest.raises(ValueError, match=f"scores of up to {abs(bias) + 8} do not fit exact"):
            export_onnx(Model(StepNetwork(4, width=8), quantized), path)
    monkeypatch.setattr("randprop.model.export_onnx._MAX_BYTES", 100)
    with pytest.raises(ValueError, match="take more than 100 bytes, which one ONNX file does not"):
        export_onnx(fitted(network, Centroids()), path)
    assert not path.exists()
