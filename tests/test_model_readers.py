"""The readers of model files, Python's and C++'s, take the same files and predict the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import randprop._core as _core
from helpers import needs, random_bytes
from model_corpus import corpus
from model_files_made import Case, base, changed, file_of
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
    RidgeReadout,
    StepNetwork,
    load,
    save,
)

CORPUS = {case.name: case for case in corpus()}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("corpus") / "model"


def python_reads(data, path):
    """The model, or what it was refused with."""
    path.write_bytes(data)
    try:
        return load(path)
    except ValueError as error:
        assert str(path) in str(error)
        return error


def cpp_reads(data):
    try:
        return _core.read_model(data)
    except ValueError as error:
        return error


def assert_both_read(case: Case, path) -> None:
    ours, theirs = python_reads(case.data, path), cpp_reads(case.data)
    refused = [isinstance(found, ValueError) for found in (ours, theirs)]
    assert refused == [not case.valid] * 2, f"Python: {ours}\nC++: {theirs}"
    if not case.valid:
        return
    n_features, labels, _ = theirs
    assert n_features == ours.network.n_features
    assert len(labels) == len(ours.classes_)
    if ours.classes_.dtype.kind in "Uiu":
        assert labels == [str(label) for label in ours.classes_.tolist()]
    elif ours.classes_.dtype.kind == "f":
        assert [float(label) for label in labels] == ours.classes_.astype(float).tolist()
    if case.runs:
        rng = np.random.default_rng(4)
        X = np.concatenate([
            rng.integers(0, 256, (40, n_features)).astype(float),
            rng.normal(0, 2, (40, n_features)),
        ])  # fmt: skip
        predicted = _core.read_model_and_predict(case.data, X, 1)
        np.testing.assert_array_equal(ours.classes_[predicted], ours.predict(X))


@pytest.mark.parametrize("name", CORPUS)
def test_both_readers_agree(path, name):
    assert_both_read(CORPUS[name], path)


def test_the_corpus_is_of_both_kinds():
    valid = sum(case.valid for case in CORPUS.values())
    assert valid > 100
    assert len(CORPUS) - valid > 200


LABELS = {
    "texts": np.array(["", "b\u00fc", "\U0001f600"]),
    "truths": np.array([False, True]),
    "signed": np.array([-(2**63), -1, 2**63 - 1]),
    "unsigned": np.array([0, 2**63, 2**64 - 1], np.uint64),
    "bytes": np.array([0, 255], np.uint8),
    "floats": np.array([-1e308, 5e-324, 0.1]),
    "singles": np.array([0.1, 2.5], np.float32),
    "one": np.array(["only"]),
}
READOUTS = {
    "euclidean": Centroids(),
    "cosine": Centroids(metric="cosine"),
    "hamming": Centroids(metric="hamming"),
    "ridge": RidgeReadout(0.5),
    "discriminant": DiscriminantReadout(),
    "neighbours": HammingNeighbors(3),
}
IMAGE = [Conv2D(3, kernel=3, padding=1), Conv2D(2, kernel=2, stride=2), 65]


def written(path, network, readout, labels, bits=None, input_range=None):
    """The file of a model, and what both readers make of it."""
    X = random_bytes(3, 60, network.n_features)
    model = Model(
        network,
        readout.fresh().fit(network.propagate(X), labels[np.arange(60) % len(labels)]),
        input_range=input_range,
    )
    if bits is not None:
        model = model.quantize(centroid_bits=min(bits, 8), ridge_bits=max(bits, 2))
    save(model, path)
    data = path.read_bytes()
    assert_both_read(Case("saved", data, True), path)
    assert load(path).classes_.dtype == model.classes_.dtype


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("readout", READOUTS)
def test_both_read_what_save_writes(path, readout, kind):
    network = StepNetwork(7, 1, width=[20, 65], seed=2**64 - 1)
    written(path, network, READOUTS[readout], LABELS[kind], input_range=(-1.5, 2.25))


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
@pytest.mark.parametrize("readout", ["euclidean", "hamming", "ridge"])
def test_both_read_what_quantize_makes(path, readout, bits):
    written(path, StepNetwork(7, width=30), READOUTS[readout], LABELS["texts"], bits)


@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("weight_bits", [1, 2, 4, 8, 24])
def test_both_read_networks_of_every_kind(path, weight_bits, activation):
    options = {"weight_bits": weight_bits, "activation": activation}
    image = StepNetwork(60, 2, width=IMAGE, input_shape=(6, 5, 2), **options)
    for network in (StepNetwork(7, 2, width=30, **options), image):
        written(path, network, READOUTS["euclidean"], LABELS["texts"])


def test_what_could_not_be_read_is_not_written(path, monkeypatch):
    monkeypatch.setattr("randprop.model.files._MAX_LABEL_CHARACTERS", 100)
    path.write_bytes(b"as it was")
    network = StepNetwork(4, width=3)
    bits = network.propagate(random_bytes(0, 2, 4))
    for labels, said in ((["a", "b" * 51], "the longest label"),):
        model = Model(network, Centroids().fit(bits, labels))
        with pytest.raises(ValueError, match=said):
            save(model, path)
        assert path.read_bytes() == b"as it was"


def test_feature_names_reach_cpp():
    data = CORPUS['feature_names: ["a","b","c","d"]'].data
    assert _core.read_model(data)[2] == ["a", "b", "c", "d"]
    assert _core.read_model(CORPUS["feature_names: null"].data)[2] == []


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")  # opening it would wait for a writer
    for path in (tmp_path / "fifo", "/dev/zero", "/dev/null"):
        with pytest.raises(ValueError, match="is not a regular file"):
            load(path)
    with pytest.raises(IsADirectoryError):
        load(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "model")
    (tmp_path / "model").write_bytes(CORPUS["as it is"].data)
    assert load(tmp_path / "link").classes_.tolist() == ["a", "b"]


def test_a_file_is_as_long_as_it_was_when_opened(tmp_path, monkeypatch):
    data = CORPUS["as it is"].data
    (tmp_path / "model").write_bytes(data)
    told, real = [0], os.fstat

    def fstat(descriptor):
        state = list(real(descriptor))
        state[6] += told[0]
        return os.stat_result(state)

    monkeypatch.setattr(os, "fstat", fstat)
    for difference in (-3, 5):
        told[0] = difference
        with pytest.raises(ValueError, match="damaged"):
            load(tmp_path / "model")
    # Longer by the time it is read: what the header accounts for is there, and more.
    told[0] = -4
    (tmp_path / "model").write_bytes(data + b"more")
    with pytest.raises(ValueError, match="it grew while it was read"):
        load(tmp_path / "model")


def test_nothing_is_allocated_for_what_is_not_there(tmp_path):
    """Files of a terabyte, nearly all of it a hole; one that says so of an array; a long label."""
    path = tmp_path / "large"
    many = [f"{i:04d}" for i in range(3_000)]
    description, arrays = base()
    description["classes"] = [*many, "x" * 300_000]
    arrays["counts"] = np.zeros((3_001, 3), np.uint8)
    arrays["n_samples"] = np.ones(3_001, np.int64)
    hollow = (CORPUS["as it is"].data, b"\0" * 8, (100_000_000).to_bytes(8, "little") + b"{")
    for start in (*hollow, file_of(description, arrays)):
        path.write_bytes(start)
        if len(start) < 10_000:
            os.truncate(path, 2**40 - 1)
        tracemalloc.start()
        with pytest.raises(ValueError, match="damaged"):
            load(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # The header that the third says it has is of the file; it is no JSON.
        assert peak < (250e6 if start[3:4] == b"\x05" else 12e6)
    os.truncate(path, 2**40 + 1)
    with pytest.raises(ValueError, match="bytes, expected 8 to"):
        load(path)


def long_chain(n):
    """A file of n convolutions, and how many calls and allocations a reader makes for it."""

    def change(d, a):
        stage = {"channels": 1, "kernel": 1, "stride": 1, "padding": 0}
        d["network"].update(n_features=1, input_shape=[1, 1, 1], matrices=[stage] * n + [3])

    return changed(change)


def test_the_work_grows_with_the_file(path):
    """Calls of Python's reader: eight times the convolutions take eight times as many."""

    def calls(n):
        path.write_bytes(long_chain(n))
        found = 0

        def count(frame, event, argument):
            nonlocal found
            found += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            load(path)
        finally:
            sys.setprofile(None)
        return found

    calls(10)  # imports
    assert calls(1_600) < 9 * calls(200)


def test_8000_convolutions_are_read_by_both(path):
    assert_both_read(Case("many", long_chain(8_000), True, runs=False), path)


@pytest.mark.slow
def test_the_largest_that_the_table_takes(path):
    """The borders that take seconds: 100,001 matrices, and labels of 2**26 characters in all."""

    def matrices(d, a):
        d["network"]["matrices"] = [1] * 100_000 + [3]

    def classes(d, a):
        d["classes"] = [*(f"{i:04d}" for i in range(8_191)), "x" * 8_192]
        a["counts"] = np.zeros((8_192, 3), np.uint8)
        a["n_samples"] = np.ones(8_192, np.int64)

    for change in (matrices, classes):
        assert_both_read(Case("largest", changed(change), True, runs=False), path)


# What C++ would read or write by the locale of the program. A stream is imbued with the classic
# locale; std::to_string is for integers, which locales leave alone.
BY_LOCALE = re.compile(
    r"\b(strto(d|f|ld)|atof|sto(d|f|ld)|v?[fs]?scanf|setlocale)\s*\("
    r'|"[^"\n]*%[-+ #0-9.*]*[aefgAEFG][^"\n]*"'
)


def test_nothing_in_cpp_reads_numbers_by_the_locale():
    assert BY_LOCALE.search('std::strtod("1", nullptr)')
    assert BY_LOCALE.search('std::printf("%.3f", x)')
    root = Path(__file__).parents[1] / "cpp"
    sources = [path for path in root.rglob("*") if path.suffix in (".cpp", ".hpp", ".c", ".h")]
    assert len(sources) > 40
    n_streams = 0
    for source in sources:
        code = re.sub(r"//.*|/\*.*?\*/", "", source.read_text(encoding="utf-8"))
        assert not BY_LOCALE.search(code), source
        for stream in re.findall(r"std::[io]?stringstream (\w+)", code):
            assert f"{stream}.imbue(std::locale::classic())" in code, source
            n_streams += 1
    assert n_streams == 2


COMMA = """
LC_NUMERIC
decimal_point ","
thousands_sep "."
grouping 3;3
END LC_NUMERIC
"""


def test_a_decimal_comma_changes_nothing(tmp_path):
    """Under a locale of the C library, which is made here."""
    needs(shutil.which("localedef"), "localedef", "LOCALE")
    (tmp_path / "comma").write_text(COMMA)
    # Complains of the categories that are not there, and does its work.
    subprocess.run(
        ["localedef", "-c", "-i", "comma", "-f", "ANSI_X3.4-1968", tmp_path / "xx_XX"],
        capture_output=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    data = CORPUS["input_range: [0.5,1.5] 3"].data
    (tmp_path / "model").write_bytes(data)
    code = """
import locale, sys, numpy as np
import randprop, randprop._core as _core
data = open("model", "rb").read()
X = np.linspace(0, 2, 400).reshape(100, 4)
before = _core.read_model_and_predict(data, X, 1), randprop.load("model").predict(X).tolist()
locale.setlocale(locale.LC_NUMERIC, "xx_XX")
assert locale.localeconv()["decimal_point"] == ","
after = _core.read_model_and_predict(data, X, 1), randprop.load("model").predict(X).tolist()
assert before == after and len(set(before[0])) == 2
"""
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LOCPATH": str(tmp_path)}, cwd=tmp_path, check=True,
    )  # fmt: skip


@pytest.mark.parametrize("span", [(-1.7e308, 1.7e308), (0.0, 3e-310), (-1e-310, 3e-310), (-2, 3)])
def test_extreme_ranges_are_mapped_alike(span: tuple[float, float], tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    share = rng.uniform(0, 1, (200, 5))
    X = span[0] * (1 - share) + span[1] * share
    network = StepNetwork(5, width=64)
    bits = network.propagate(rng.integers(0, 256, (40, 5), dtype=np.uint8))
    model = Model(network, Centroids().fit(bits, np.arange(40) % 9), input_range=span)
    save(model, tmp_path / "model")
    found = _core.read_model_and_predict((tmp_path / "model").read_bytes(), X, 1)
    assert len(set(found)) > 3
    assert model.classes_[found].tolist() == model.predict(X).tolist()


EXTREMES = LinearScaling(
    [-1.7e308, 0.0, -1e-310, -2.0, 1.5, -1.7e308], [1.7e308, 3e-310, 3e-310, 3.0, 1.5, -1.6e308]
)
SCALINGS = {
    "by feature": LinearScaling(np.arange(60.0) - 30, np.arange(60.0) ** 1.5 + 7),
    "by channel": LinearScaling([-1.0, 0.0], [0.125, 1e-3]),
    "extreme": EXTREMES,
    "level": BinaryScaling(0.25),
    "level of the largest": BinaryScaling(1.7e308),
}
CHAINS = {
    "units": [Dense(80, bias=9), 40],
    "few inputs": [Dense(80, fan_in=3, thresholds=np.arange(80) % 3 - 1), Dense(40, fan_in=2)],
    "image": [Conv2D(6, kernel=3, padding=1, bias=2, pool=2), Dense(40, weight_bits=2)],
    "series": [Conv1D(9, kernel=4, padding=2, fan_in=3, bias=1), Dense(40)],
}


def numbers_for(scaling, n_samples, n_features):
    """Features within the ranges, on their borders, at what rounds to even, and beyond."""
    rng = np.random.default_rng(3)
    if isinstance(scaling, BinaryScaling):
        near = [np.nextafter(scaling.level, to) for to in (-np.inf, np.inf)]
        picked = rng.choice([scaling.level, *near, 0.0, -1.0], (n_samples, n_features))
        return np.clip(picked, -1.79e308, 1.79e308)
    low, high = (np.resize(ends, n_features) for ends in (scaling.low, scaling.high))
    share = rng.choice([0, 0.5, 1 / 510, 1, 2.5 / 255], (n_samples, n_features))
    share = np.where(
        rng.uniform(size=share.shape) < 0.5, share, rng.uniform(-0.1, 1.1, share.shape)
    )
    with np.errstate(over="ignore"):
        return np.clip(low * (1 - share) + high * share, -1.79e308, 1.79e308)


@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("name", SCALINGS)
def test_every_scaling_is_kept_and_maps_alike(path, name, chain, activation):
    scaling = SCALINGS[name]
    shape = {"image": (6, 5, 2), "series": (30, 2)}.get(chain)
    network = StepNetwork(60, stages=CHAINS[chain], input_shape=shape, activation=activation)
    X = numbers_for(scaling, 200, 60)
    labels = np.arange(200) % 9
    readout = Centroids().fit(network.propagate(scaling.transform(X)), labels)
    model = Model(network, readout, scaling=scaling)
    save(model, path)
    data, again = path.read_bytes(), load(path)
    assert again.scaling == scaling
    save(again, path)
    assert path.read_bytes() == data
    found = _core.read_model_and_predict(data, X, 1)
    assert len(set(found)) > 3
    assert model.classes_[found].tolist() == again.predict(X).tolist() == model.predict(X).tolist()


@pytest.mark.parametrize("name", SCALINGS)
def test_cpp_maps_each_feature_to_the_same_byte(path, name):
    scaling = SCALINGS[name]
    network = StepNetwork(60, width=9)
    readout = Centroids().fit(network.propagate(random_bytes(0, 9, 60)), np.arange(9))
    save(Model(network, readout, scaling=scaling), path)
    data, X = path.read_bytes(), numbers_for(scaling, 3_000, 60)
    expected = scaling.transform(X)
    expected = expected.to_array() if scaling.gives_bits else expected
    np.testing.assert_array_equal(_core.read_model_and_map(data, X), expected)
    assert len(np.unique(expected)) == (2 if scaling.gives_bits else 256)
    ends = _core.read_model_and_map(data, np.array([[np.nan, np.inf, -np.inf]]))
    assert ends.tolist() == [[0, 1 if scaling.gives_bits else 255, 0]]
