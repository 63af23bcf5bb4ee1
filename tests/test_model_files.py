"""Model files: what is saved comes back, and nothing of a file is believed unchecked."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as unpack
from safetensors.numpy import save as pack

from helpers import random_bytes
from randprop import (
    BinaryScaling,
    Centroids,
    Conv2D,
    DiscriminantReadout,
    HammingNeighbors,
    LinearScaling,
    Model,
    RidgeReadout,
    StepClassifier,
    StepNetwork,
    load,
    save,
)
from randprop.model.container import DTYPES, packed
from randprop.model.fixed_scaling import FixedScaling

READOUTS = {
    "centroids": lambda: Centroids(),
    "cosine": lambda: Centroids(metric="cosine"),
    "hamming": lambda: Centroids(metric="hamming"),
    "ridge": lambda: RidgeReadout(0.5),
    "discriminant": lambda: DiscriminantReadout(0.5),
    "neighbors": lambda: HammingNeighbors(3),
    "means of 3 bits": lambda: Centroids(),
    "ridge of 8 bits": lambda: RidgeReadout(),
}


def make_model(readout="centroids", *, classes=(3, 5, 8), network=None, **mapped):
    network = network or StepNetwork(40, 1, width=[30, 100], weight_bits=2, seed=2**63 + 5)
    bits = network.propagate(random_bytes(3, 90, network.n_features))
    y = np.array(classes)[np.arange(90) % len(classes)]
    model = Model(network, READOUTS[readout]().fit(bits, y), **mapped)
    return model.quantize(centroid_bits=3) if " of " in readout else model


@pytest.mark.parametrize("readout", READOUTS)
def test_comes_back(tmp_path, readout):
    model = make_model(readout, input_range=(-1.5, 2.25))
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert again.network == model.network
    assert again.input_range == (-1.5, 2.25)
    assert repr(again) == repr(model)
    X = np.random.default_rng(1).normal(size=(200, 40))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    save(again, tmp_path / "again.safetensors")
    first = (tmp_path / "model.safetensors").read_bytes()
    assert (tmp_path / "again.safetensors").read_bytes() == first


@pytest.mark.parametrize(
    "classes", [("a", "ü"), (0.5, 1.5), (True, False), (-3, 2**40), (np.uint8(1), np.uint8(9))]
)
def test_labels_keep_their_type(tmp_path, classes):
    model = make_model(classes=classes)
    save(model, tmp_path / "m")
    found = load(tmp_path / "m").classes_
    assert found.dtype == model.classes_.dtype
    assert found.tolist() == model.classes_.tolist()


def test_convolutions_and_estimators(tmp_path):
    layers = [Conv2D(3, kernel=3, padding=1), Conv2D(2, kernel=2, stride=2), 20]
    network = StepNetwork(60, 2, width=layers, input_shape=(6, 5, 2), activation="sign")
    save(make_model(network=network), tmp_path / "m")
    assert load(tmp_path / "m").network == network
    X = np.random.default_rng(0).normal(size=(50, 6))
    classifier = StepClassifier(1, width=64).fit(X, np.arange(50) % 2)
    save(classifier, tmp_path / "c")
    np.testing.assert_array_equal(load(tmp_path / "c").predict(X), classifier.predict(X))


def test_another_process_predicts_the_same(tmp_path):
    model = make_model()
    save(model, tmp_path / "m")
    X = random_bytes(5, 100, 40)
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys, numpy, randprop\n"
        "print(randprop.load(sys.argv[1]).predict(numpy.load(sys.argv[2])).tolist())"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "m", tmp_path / "X.npy"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert json.loads(said) == model.predict(X).tolist()


def test_mnist_file_is_small(tmp_path):
    from randprop.datasets import load_mnist

    X, y, _, _ = load_mnist()
    network = StepNetwork(784, 3)
    save(Model(network, Centroids().fit(network.propagate(X), y)), tmp_path / "m")
    assert (tmp_path / "m").stat().st_size < 20_000


def test_a_loaded_ridge_takes_no_samples(tmp_path):
    save(make_model("ridge"), tmp_path / "m")
    readout = load(tmp_path / "m").readout
    bits = StepNetwork(5, width=100).propagate(random_bytes(0, 4, 5))
    for call in (
        lambda: readout.partial_fit(bits, [3, 5, 8, 8]),
        lambda: readout.merge(RidgeReadout().fit(bits, [3, 5, 8, 8])),
        lambda: RidgeReadout().fit(bits, [3, 5, 8, 8]).merge(readout),
    ):
        with pytest.raises(ValueError, match="came from a file"):
            call()
    readout.alpha = 2.0
    with pytest.raises(ValueError, match="came from a file"):
        readout.predict(bits)
    assert readout.fit(bits, [1, 2, 1, 2]).classes_.tolist() == [1, 2]


def rewrite(data, change):
    """A file with its description and arrays changed, and the sum set right again."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    description = json.loads(header["__metadata__"]["randprop"].partition(" ")[2])
    arrays = unpack(data)
    change(description, arrays)
    arrays = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
    text = json.dumps(description)
    total = zlib.crc32(text.encode())
    for name in sorted(arrays):
        total = zlib.crc32(arrays[name].tobytes(), total)
    return pack(arrays, metadata={"randprop": f"{total:08x} {text}"})


def network_of(**changes):
    return lambda d, a: d["network"].update(changes)


CHANGES = {
    "newer": (lambda d, a: d.update(version=2), "has version int 2 of the format"),
    "version": (lambda d, a: d.update(version="x"), "version str 'x' of the format"),
    "no network": (lambda d, a: d.pop("network"), "'network' is missing"),
    "no counts": (lambda d, a: a.pop("counts"), "'counts' is missing"),
    "shape": (lambda d, a: a.update(counts=a["counts"][:, :99]), "array counts has dtype .* shape"),
    "type": (
        lambda d, a: a.update(counts=a["counts"].astype(float)),
        "array counts has dtype float64",
    ),
    "negative": (lambda d, a: a.update(n_samples=-a["n_samples"]), "n_samples must lie in"),
    "too many": (lambda d, a: a.update(n_samples=a["n_samples"] * 0 + 1), "larger than the sums"),
    "one too many": (
        lambda d, a: a.update(n_samples=a["counts"].max(axis=1).astype(np.int64) - 1),
        "larger than the sums",
    ),
    "huge": (lambda d, a: a.update(n_samples=a["n_samples"] * 0 + 2**40), "n_samples must lie in"),
    "metric": (lambda d, a: d["readout"].update(metric="l7"), "unknown metric str 'l7'"),
    "kind": (lambda d, a: d["readout"].update(kind="tree"), "unknown kind str 'tree'"),
    "seed": (network_of(seed=3), "string of digits, got int 3"),
    "seed sign": (network_of(seed="-3"), "string of digits, got str '-3'"),
    "seed size": (network_of(seed=str(2**64)), "seed must lie"),
    "weights": (network_of(weight_bits=5), "weight_bits must be one of"),
    "features": (network_of(n_features=0), "n_features must lie"),
    "widths": (network_of(matrices=[30, 99]), "array counts has dtype"),
    "no widths": (network_of(matrices=[]), "at least one stage"),
    "range": (lambda d, a: d.update(input_range=[1, 0]), "low <= high"),
    "range type": (lambda d, a: d.update(input_range=["a", 0]), "must be a number"),
    "labels": (lambda d, a: a.update(classes=a["classes"][::-1]), "classes must be sorted"),
    "same": (lambda d, a: a.update(classes=a["classes"] * 0), "sorted and different"),
    "few": (lambda d, a: a.update(classes=a["classes"][:2]), "array counts has dtype"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_refuses_what_does_not_fit(tmp_path, change):
    save(make_model(), tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    alter, text = CHANGES[change]
    (tmp_path / "m").write_bytes(rewrite(data, alter))
    with pytest.raises(ValueError, match=text):
        load(tmp_path / "m")


@pytest.mark.parametrize(
    ("readout", "change", "text"),
    [
        ("means of 3 bits", lambda d, a: a.update(codes=a["codes"] + 8), "codes must lie in"),
        ("means of 3 bits", lambda d, a: d["readout"].update(bits=99), "bits must lie in"),
        ("ridge", lambda d, a: a.update(coef=a["coef"] * np.nan), "NaN or infinity"),
        ("ridge", lambda d, a: d["readout"].update(alpha=0), "alpha must be above 0"),
        ("neighbors", lambda d, a: a.update(codes=a["codes"] + 9), "not the number of a class"),
        ("neighbors", lambda d, a: a.update(words=~a["words"]), "has bits set after bit 99"),
        ("neighbors", lambda d, a: d["readout"].update(n_neighbors=91), "at least n_neighbors"),
    ],
)
def test_refuses_readouts_that_do_not_fit(tmp_path, readout, change, text):
    save(make_model(readout), tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    (tmp_path / "m").write_bytes(rewrite(data, change))
    with pytest.raises(ValueError, match=text):
        load(tmp_path / "m")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damage_is_found_or_harmless(tmp_path, data):
    """Cut anywhere, or with bytes changed anywhere, a file is refused or loads as it was."""
    if not (tmp_path / "good").exists():
        save(make_model(), tmp_path / "good")
    good = (tmp_path / "good").read_bytes()
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(good) - 1))]
    (tmp_path / "bad").write_bytes(damaged)
    try:
        found = load(tmp_path / "bad")
    except ValueError as error:
        assert "bad" in str(error)
        return
    save(found, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == good


def test_other_files(tmp_path):
    (tmp_path / "text").write_text("hello, this is no model")
    with pytest.raises(ValueError, match="text is damaged, cut short, or not a safetensors file"):
        load(tmp_path / "text")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ValueError, match="empty is damaged"):
        load(tmp_path / "empty")
    (tmp_path / "other").write_bytes(pack({"x": np.zeros(3)}))
    with pytest.raises(ValueError, match="other is a safetensors file, but holds no"):
        load(tmp_path / "other")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")
    with pytest.raises(TypeError, match="model must be a randprop.Model or a fitted .* got dict"):
        save({}, tmp_path / "m")
    with pytest.raises(FileNotFoundError):
        save(make_model(), tmp_path / "no" / "m")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "other", "text"]


def test_a_wrong_sum_is_found(tmp_path):
    save(make_model(), tmp_path / "m")
    data = (tmp_path / "m").read_bytes()
    changed = data.replace(b'seed\\":\\"9', b'seed\\":\\"8', 1)
    assert changed != data
    (tmp_path / "m").write_bytes(changed)
    with pytest.raises(ValueError, match="m is damaged: its checksum does not match"):
        load(tmp_path / "m")


@pytest.mark.parametrize("where", ["header", "description"])
def test_json_too_deep_to_parse(tmp_path, where):
    """Python's JSON parser gives up with an error of its own kind."""
    deep = "[" * 100_000 + "]" * 100_000
    if where == "description":
        data = pack({"a": np.zeros(1)}, metadata={"randprop": f"00000000 {deep}"})
    else:
        data = len(deep).to_bytes(8, "little") + deep.encode()
    path = tmp_path / "model"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged|holds no randprop model"):
        load(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_files_are_those_of_safetensors(data):
    dtypes = [np.dtype(dtype) for dtype in DTYPES.values()]
    names = data.draw(st.lists(st.text(min_size=1, max_size=9), unique=True, max_size=6))
    arrays = {
        name: np.zeros(data.draw(st.lists(st.integers(0, 3), max_size=3)), data.draw(kinds))
        for name, kinds in ((name, st.sampled_from(dtypes)) for name in names)
        if name != "__metadata__"
    }
    text = data.draw(st.text(max_size=20))
    try:
        expected = pack(arrays, metadata={"randprop": text})
    except UnicodeEncodeError:  # half a character
        return
    assert packed(arrays, text) == expected


def test_what_a_model_becomes_keeps_its_scaling():
    for scaling, shown in (
        (
            LinearScaling([-1.0, 0.5], [2.0, 9.0]),
            "scaling=LinearScaling(<2 numbers>, <2 numbers>))",
        ),
        (BinaryScaling(0.25), "scaling=BinaryScaling(0.25))"),
        (LinearScaling(-1.0, 2.0), "input_range=(-1.0, 2.0))"),
        (LinearScaling(0, 255), "n_samples=90))"),
    ):
        model = make_model(scaling=scaling)
        again = pickle.loads(pickle.dumps(model))
        assert model.scaling == again.scaling == model.quantize().scaling == scaling
        assert repr(model).endswith(shown)
        assert model.input_range == scaling.input_range


def test_a_model_pickled_with_a_range_has_that_scaling():
    model = make_model(input_range=(-1.0, 2.0))
    state = model.__dict__.copy()
    del state["scaling"]
    state["input_range"] = (-1.0, 2.0)
    old = Model.__new__(Model)
    old.__setstate__(state)
    assert old.scaling == LinearScaling(-1.0, 2.0)
    X = random_bytes(0, 20, old.network.n_features) / 70
    assert old.predict(X).tolist() == model.predict(X).tolist()


def test_a_scaling_of_a_programs_own_is_not_written(tmp_path):
    class Own(LinearScaling):
        kind = "own"

    class Other(FixedScaling):
        kind, n_groups = "other", 1

    for scaling in (Own(0, 1), Other()):
        with pytest.raises(TypeError, match=f"model has a {type(scaling).__name__}, which"):
            save(make_model(scaling=scaling), tmp_path / "model")
    assert not (tmp_path / "model").exists()
