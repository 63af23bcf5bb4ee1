"""The microcontroller runtime, built for this machine, against the library, bit for bit."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import C_COMPILER, C_TRAPS, C_WARNINGS, random_bytes
from randprop import Centroids, RidgeReadout, StepNetwork

SOURCES = Path(__file__).parent.parent / "cpp" / "micro"
OK, NULL, MODEL, BUFFER, SELF_TEST = range(5)
READ = ctypes.CFUNCTYPE(ctypes.c_uint8, ctypes.c_void_p, ctypes.c_uint16)


class Model(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint32),
        ("seed_low", ctypes.c_uint32),
        ("seed_high", ctypes.c_uint32),
        ("n_features", ctypes.c_uint16),
        ("n_classes", ctypes.c_uint16),
        ("n_matrices", ctypes.c_uint8),
        ("weight_bits", ctypes.c_uint8),
        ("activation", ctypes.c_uint8),
        ("code_bits", ctypes.c_uint8),
        ("multiplier", ctypes.c_uint16),
        ("offset", ctypes.c_uint16),
        ("widths", ctypes.POINTER(ctypes.c_uint16)),
        ("codes", ctypes.POINTER(ctypes.c_uint8)),
        ("bias", ctypes.POINTER(ctypes.c_int32)),
    )


class Expected(ctypes.Structure):
    _fields_ = (
        ("n_samples", ctypes.c_uint16),
        ("images", ctypes.c_void_p),
        ("bits", ctypes.c_void_p),
        ("scores", ctypes.c_void_p),
        ("labels", ctypes.c_void_p),
    )


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """The runtime as a shared library; warnings are errors."""
    library = tmp_path_factory.mktemp("micro") / "librandprop_micro.so"
    subprocess.run(
        [C_COMPILER, "-std=c99", "-O2", *C_WARNINGS, *C_TRAPS, "-fPIC", "-shared",
         str(SOURCES / "randprop_micro.c"), "-o", str(library)],
        check=True,
    )  # fmt: skip
    loaded = ctypes.CDLL(str(library))
    loaded.rp_buffer_size.restype = ctypes.c_size_t
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    loaded.rp_check_model.argtypes = [ctypes.POINTER(Model), size]
    loaded.rp_propagate.argtypes = [ctypes.POINTER(Model), READ, pointer, pointer, size, pointer]
    loaded.rp_classify.argtypes = [
        ctypes.POINTER(Model), READ, pointer, pointer, size, pointer, pointer, pointer,
    ]  # fmt: skip
    loaded.rp_classify_bytes.argtypes = [
        ctypes.POINTER(Model), pointer, pointer, size, pointer, pointer, pointer,
    ]  # fmt: skip
    loaded.rp_self_test.argtypes = [
        ctypes.POINTER(Model), ctypes.POINTER(Expected), pointer, size, pointer,
    ]  # fmt: skip
    return loaded


def pack_codes(codes, bits):
    """For each class each bit of its codes, highest first, as a row of whole bytes."""
    rows = [(row >> j) & 1 for row in codes for j in reversed(range(bits))]
    return np.packbits(np.array(rows, dtype=np.uint8), axis=1, bitorder="little")


def make_model(network, quantized):
    """Return a model and the arrays that it points into, which must live as long."""
    widths = np.array(network.widths, dtype=np.uint16)
    codes = np.ascontiguousarray(pack_codes(quantized.codes_, quantized.bits))
    bias = quantized.bias_.astype(np.int32)
    model = Model(
        0,
        network.seed & 0xFFFFFFFF,
        network.seed >> 32,
        network.n_features,
        len(quantized.classes_),
        network.layers + 1,
        network.weight_bits,
        network.activation == "sign",
        quantized.bits,
        quantized.multiplier,
        quantized.offset,
        widths.ctypes.data_as(ctypes.POINTER(ctypes.c_uint16)),
        codes.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)),
        bias.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
    )
    return model, (widths, codes, bias)


def reader(image):
    return READ(lambda context, index: int(image[index]))


class Guarded:
    """A buffer between bytes that must stay as they are, at any alignment."""

    MARGIN = 64

    def __init__(self, size, shift):
        self.array = np.full(size + 2 * self.MARGIN + 8, 0xA5, dtype=np.uint8)
        self.size, self.start = size, self.MARGIN + shift
        self.pointer = self.array.ctypes.data + self.start

    def check(self):
        assert (self.array[: self.start] == 0xA5).all()
        assert (self.array[self.start + self.size :] == 0xA5).all()

    def bits(self, pointer, width):
        first = pointer - self.array.ctypes.data
        assert self.start <= first <= self.start + self.size - (width + 7) // 8
        data = self.array[first : first + (width + 127) // 128 * 16]
        unpacked = np.unpackbits(data, bitorder="little")
        assert not unpacked[width:].any()
        return unpacked[:width]


def check(runtime, network, quantized, X):
    model, arrays = make_model(network, quantized)
    size = runtime.rp_buffer_size(ctypes.byref(model))
    assert runtime.rp_check_model(ctypes.byref(model), size) == OK
    expected = network.propagate(X)
    scores = quantized.decision_function(expected)
    labels = scores.argmax(axis=1)
    for s, image in enumerate(X):
        buffer = Guarded(size, shift=s % 4)
        bits = ctypes.c_void_p()
        found = runtime.rp_propagate(
            model, reader(image), None, buffer.pointer, size, ctypes.addressof(bits)
        )
        assert found == OK
        buffer.check()
        got = buffer.bits(bits.value, network.widths[-1])
        np.testing.assert_array_equal(got, expected[s].to_array()[0])
        got_scores = np.zeros(len(quantized.classes_), dtype=np.int32)
        label = ctypes.c_uint16(999)
        found = runtime.rp_classify(
            model, reader(image), None, buffer.pointer, size,
            got_scores.ctypes.data, ctypes.addressof(label), None,
        )  # fmt: skip
        assert found == OK
        buffer.check()
        np.testing.assert_array_equal(got_scores, scores[s])
        assert label.value == labels[s]
    return arrays


def fit(network, kind, code_bits, n_classes=3):
    X = random_bytes(9, 60, network.n_features)
    bits = network.propagate(X)
    y = np.arange(60) % n_classes
    readout = Centroids() if kind == "centroid" else RidgeReadout()
    return readout.fit(bits, y).quantize(code_bits)


@pytest.mark.parametrize("weight_bits", [1, 2, 4, 8])
@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("widths", [[1], [128], [129, 40], [7, 300, 130, 65]])
def test_equals_the_library(runtime, weight_bits, activation, widths):
    network = StepNetwork(
        70, len(widths) - 1, width=widths, weight_bits=weight_bits, activation=activation,
        seed=2**50 + weight_bits,
    )  # fmt: skip
    X = random_bytes(3, 6, 70)
    X[0], X[1] = 255, 0
    for kind, code_bits in (("centroid", 2), ("ridge", 4)):
        check(runtime, network, fit(network, kind, code_bits), X)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_models(runtime, data):
    draw = data.draw
    n_matrices = draw(st.integers(1, 4))
    network = StepNetwork(
        draw(st.integers(1, 90)),
        n_matrices - 1,
        width=[draw(st.integers(1, 270)) for _ in range(n_matrices)],
        weight_bits=draw(st.sampled_from([1, 2, 4, 8])),
        activation=draw(st.sampled_from(["step", "sign"])),
        seed=draw(st.integers(0, 2**64 - 1)),
    )
    kind = draw(st.sampled_from(["centroid", "ridge"]))
    code_bits = draw(st.integers(1 if kind == "centroid" else 2, 8))
    quantized = fit(network, kind, code_bits, n_classes=draw(st.integers(1, 5)))
    check(
        runtime, network, quantized, random_bytes(draw(st.integers(0, 99)), 2, network.n_features)
    )


def test_many_bright_inputs_fill_the_counters(runtime):
    network = StepNetwork(3000, 0, width=5, weight_bits=8, seed=1)
    X = np.full((1, 3000), 255, dtype=np.uint8)
    check(runtime, network, fit(network, "centroid", 1), X)


def test_inputs_are_asked_for_in_order_once_a_group_and_weight_bit(runtime):
    network = StepNetwork(20, 0, width=300, weight_bits=2)
    model, arrays = make_model(network, fit(network, "centroid", 1))
    asked = []
    size = runtime.rp_buffer_size(ctypes.byref(model))
    buffer, bits = Guarded(size, 0), ctypes.c_void_p()
    read = READ(lambda context, index: asked.append(index) or 1)
    runtime.rp_propagate(model, read, None, buffer.pointer, size, ctypes.addressof(bits))
    assert asked == list(range(20)) * 3 * 2
    assert arrays


def test_image_in_memory_and_bits_behind_a_label(runtime):
    network = StepNetwork(50, 1, width=[130, 77], weight_bits=4, seed=5)
    quantized = fit(network, "ridge", 8)
    model, arrays = make_model(network, quantized)
    X = random_bytes(8, 3, 50)
    size = runtime.rp_buffer_size(ctypes.byref(model))
    labels = quantized.decision_function(network.propagate(X)).argmax(axis=1)
    for image, expected, row in zip(X, labels, network.propagate(X).to_array(), strict=True):
        buffer, bits, label = Guarded(size, 2), ctypes.c_void_p(), ctypes.c_uint16()
        pointers = ctypes.addressof(label), ctypes.addressof(bits)
        call = (model, image.ctypes.data, buffer.pointer, size, None, *pointers)
        assert runtime.rp_classify_bytes(*call) == OK
        assert label.value == expected
        np.testing.assert_array_equal(buffer.bits(bits.value, 77), row)
    assert runtime.rp_classify_bytes(model, None, buffer.pointer, size, None, *pointers) == NULL
    assert arrays


def test_self_test_finds_every_difference(runtime):
    network = StepNetwork(30, 1, width=[60, 40], weight_bits=2, seed=3)
    quantized = fit(network, "centroid", 4)
    model, arrays = make_model(network, quantized)
    X = random_bytes(4, 3, 30)
    bits = network.propagate(X)
    scores = quantized.decision_function(bits).astype(np.int32)
    tables = {
        "images": X,
        "bits": bits.to_packbits(),
        "scores": scores,
        "labels": scores.argmax(axis=1).astype(np.uint16),
    }
    size = runtime.rp_buffer_size(ctypes.byref(model))
    buffer, room = Guarded(size, 0), np.zeros(3, dtype=np.int32)

    def run(size=size, room=room, **changed):
        arguments = {name: table.ctypes.data for name, table in tables.items()} | changed
        expected = Expected(3, **arguments)
        target = room.ctypes.data if room is not None else None
        return runtime.rp_self_test(model, ctypes.byref(expected), buffer.pointer, size, target)

    assert run() == OK
    for name in ("bits", "scores", "labels"):
        table = tables[name].copy()
        table.reshape(-1)[-1] ^= 1
        assert run(**{name: table.ctypes.data}) == SELF_TEST, name
        assert run(**{name: None}) == NULL
    assert run(images=None) == NULL
    assert run(room=None) == NULL
    assert run(size=size - 1) == BUFFER
    assert runtime.rp_self_test(model, None, buffer.pointer, size, room.ctypes.data) == NULL
    model.weight_bits = 3
    assert run() == MODEL
    buffer.check()
    assert arrays


def test_refuses_bad_models_and_buffers(runtime):
    network = StepNetwork(20, 1, width=[30, 10])
    model, arrays = make_model(network, fit(network, "centroid", 2))
    size = runtime.rp_buffer_size(ctypes.byref(model))
    buffer, bits, label = Guarded(size, 1), ctypes.c_void_p(), ctypes.c_uint16()
    ones = reader(np.ones(20, dtype=np.uint8))
    plenty = 2**31

    def checked(model=model, size=plenty):
        return runtime.rp_check_model(None if model is None else ctypes.byref(model), size)

    def propagate(size=size, read=ones, pointer=buffer.pointer, to=bits):
        target = ctypes.addressof(to) if to is not None else None
        return runtime.rp_propagate(model, read, None, pointer, size, target)

    def classify(label):
        target = ctypes.addressof(label) if label is not None else None
        return runtime.rp_classify(model, ones, None, buffer.pointer, size, None, target, None)

    assert checked() == checked(size=size) == propagate() == classify(label) == OK
    assert checked(size=size - 1) == propagate(size=size - 1) == propagate(size=0) == BUFFER
    assert propagate(pointer=None) == propagate(to=None) == propagate(read=READ()) == NULL
    assert checked(None) == classify(None) == NULL
    for name, value in (
        ("n_features", 0), ("n_classes", 0), ("n_matrices", 0), ("weight_bits", 3),
        ("weight_bits", 0), ("weight_bits", 24), ("activation", 2), ("code_bits", 0),
        ("code_bits", 9), ("offset", 4),
    ):  # fmt: skip
        before = getattr(model, name)
        setattr(model, name, value)
        assert checked() == MODEL, name
        assert runtime.rp_buffer_size(ctypes.byref(model)) == 0
        assert propagate() == MODEL
        setattr(model, name, before)
    widths, _, bias = arrays
    widths[0] = 0
    assert checked() == MODEL
    widths[0] = 30
    bias[0] = -(2**31)
    assert checked() == MODEL
    bias[0] = 0
    # 10 units of 2 bits: the largest multiplier still fits; with 65,535 units it does not.
    model.multiplier = 65535
    assert checked() == OK
    widths[1] = 65535
    assert checked() == MODEL
    model.multiplier, widths[1] = 1, 10
    # 272 * 255 * 61,922 is the last below 2^32.
    model.weight_bits, model.n_features = 8, 61_922
    assert checked() == OK
    model.n_features = 61_923
    assert checked() == MODEL
    for name in ("widths", "codes", "bias"):
        fresh, kept = make_model(network, fit(network, "centroid", 2))
        setattr(fresh, name, None)
        assert checked(fresh) == NULL
        assert kept
    buffer.check()


def test_header_serves_cpp(tmp_path):
    source = tmp_path / "use.cpp"
    source.write_text(
        '#include "randprop_micro.h"\nint main() { return rp_check_model(NULL, 0) != 1; }\n'
    )
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    subprocess.run(
        [C_COMPILER, "-std=c99", "-c", str(SOURCES / "randprop_micro.c"), "-o",
         str(tmp_path / "micro.o")], check=True,
    )  # fmt: skip
    subprocess.run(
        [compiler, *C_WARNINGS, "-I", str(SOURCES), str(source), str(tmp_path / "micro.o"), "-o",
         str(tmp_path / "use")], check=True,
    )  # fmt: skip
    assert subprocess.run([str(tmp_path / "use")], check=False).returncode == 0
