"""The microcontroller runtime, built for this machine, against the library, bit for bit."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import cache, partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers import C_COMPILER, C_WARNINGS, random_bytes
from micro import (
    BUFFER,
    MODEL,
    NO_LABEL,
    NULL,
    OK,
    READ,
    SELF_TEST,
    SOURCES,
    DeviceModel,
    Expected,
    Guarded,
    Stream,
    build_runtime,
)
from randprop import (
    BinaryScaling,
    Centroids,
    Conv1D,
    Conv2D,
    Dense,
    Model,
    RidgeReadout,
    StepNetwork,
)
from randprop.model.c_stages import DENSE, FEW, FEW_ROWS, NONE, CStage

LANES = {"words": (), "bytes": ("-DRP_BYTE_LANES",)}


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory):
    """The runtime as a shared library, for CPUs of words and of bytes."""
    with ThreadPoolExecutor(2) as pool:
        return {
            lanes: found.result()
            for lanes, found in [
                (lanes, pool.submit(build_runtime, tmp_path_factory.mktemp(lanes), "-O1", *flags))
                for lanes, flags in LANES.items()
            ]
        }


def inputs_for(seed, n_samples, n_features, of_bits):
    X = random_bytes(seed, n_samples, n_features)
    return X % 2 if of_bits else X


def fit(network, *, of_bits=False, kind="centroid", code_bits=2, n_classes=3):
    """A network and a readout in few bits."""
    X = inputs_for(9, 60, network.n_features, of_bits)
    readout = Centroids() if kind == "centroid" else RidgeReadout(alpha=1.0)
    fitted = readout.fit(network.propagate(X), np.arange(60) % n_classes)
    scaling = BinaryScaling(0.5) if of_bits else None
    return Model(network, fitted.quantize(code_bits), scaling=scaling)


def classified(runtime, device, sample, buffer):
    """Features, scores and label of a sample in memory; nothing beside the rooms is written."""
    rooms = [Guarded(device.layout.row_bytes), Guarded(4 * len(device.bias))]
    label = ctypes.c_uint16(999)
    status = runtime.rp_classify_bytes(
        device.struct, sample.ctypes.data, buffer.pointer, buffer.size, rooms[1].pointer,
        ctypes.addressof(label), rooms[0].pointer,
    )  # fmt: skip
    assert status == OK
    for room in (buffer, *rooms):
        room.check()
    return rooms[0].held(), rooms[1].held().view(np.int32), label.value


def check(runtimes, model, X, units=("stored", "seed")):
    """The same features, scores and labels for both kinds of CPU and both homes of units."""
    for where in units:
        device = DeviceModel(model, where)
        features, scores, labels = device.expected(X)
        for lanes, runtime in runtimes.items():
            size = runtime.rp_buffer_size(device.struct)
            assert size == device.layout.buffer_size(lanes, any_model=True)
            assert runtime.rp_check_model(device.struct, size) == OK
            for s, sample in enumerate(X):
                found = classified(runtime, device, sample, Guarded(size, s % 4))
                np.testing.assert_array_equal(found[0], features[s])
                np.testing.assert_array_equal(found[1], scores[s])
                assert found[2] == labels[s]


def of_stages(*stages, shape=None, n=None, of_bits=False, **options):
    n = int(np.prod(shape)) if n is None else n
    readout = {
        name: options.pop(name) for name in ("kind", "code_bits", "n_classes") if name in options
    }
    network = StepNetwork(n, stages=stages, input_shape=shape, **options)
    return fit(network, of_bits=of_bits, **readout)


# Every kind of stage, at its borders.
KINDS = {
    "rows, counts": lambda: of_stages(
        Conv2D(8, 5, fan_in=4, pool=4), shape=(28, 28, 1), of_bits=True, n_classes=10
    ),
    "rows, padded": lambda: of_stages(
        Conv2D(5, (3, 5), padding=(2, 4), dilation=(2, 1), fan_in=7, bias=2),
        shape=(7, 9, 1), of_bits=True, kind="ridge", code_bits=8,
    ),
    "rows, 32 columns, places over a byte": lambda: of_stages(
        Conv2D(3, (1, 2), padding=(0, 1), fan_in=2, pool=(2, 1)), shape=(40, 30, 1), of_bits=True
    ),
    "rows, 255 rows": lambda: of_stages(
        Conv2D(3, (4, 1), padding=(1, 0), fan_in=4, pool=(9, 1)), shape=(253, 3, 1), of_bits=True
    ),
    "rows, 31 rows a window, 31 inputs a unit": lambda: of_stages(
        Conv2D(4, 16, fan_in=31, pool=(1, 2)), shape=(46, 20, 1), of_bits=True
    ),
    "an image of bits, 32 rows a window": lambda: of_stages(
        Conv2D(4, 16, fan_in=4, pool=(1, 2)), shape=(47, 20, 1), of_bits=True
    ),
    "an image of bits, 32 inputs a unit": lambda: of_stages(
        Conv2D(4, 16, fan_in=32, pool=(3, 2)), shape=(30, 20, 1), of_bits=True
    ),
    "an image of bits that is no rows": lambda: of_stages(
        Conv2D(4, 3, stride=2, fan_in=3, pool=2), shape=(12, 9, 1), of_bits=True
    ),
    "bytes": lambda: of_stages(
        Conv2D(6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 3), fan_in=5, bias=100),
        shape=(9, 8, 3), kind="ridge", code_bits=3,
    ),
    "bytes, counts over a byte": lambda: of_stages(
        Conv2D(4, 3, fan_in=6, pool=(1, 2)), shape=(30, 20, 2), kind="ridge", code_bits=4
    ),
    "bytes, 255 inputs a unit": lambda: of_stages(
        Conv2D(3, 10, fan_in=255), shape=(12, 12, 3), code_bits=1
    ),
    "series, drawn dilations": lambda: of_stages(
        Conv1D(12, 5, stride=2, dilation="log", fan_in=6, pool=1, bias=0.1), shape=(70, 2)
    ),
    "series, padded": lambda: of_stages(
        Conv1D(6, 4, padding=3, stride=2, dilation=2, fan_in=3, pool=3), shape=(31, 2)
    ),
    "dense of few inputs": lambda: of_stages(Dense(300, fan_in=9, bias=40), n=300),
    "dense, thresholds": lambda: of_stages(
        Dense(20, weight_bits=8, bias=300), Dense(130, weight_bits=1, thresholds=range(-65, 65)),
        n=12, activation="sign", code_bits=4,
    ),
    "bits to few, signs": lambda: of_stages(
        Dense(140, weight_bits=2), Dense(33, fan_in=9, bias=2), n=18, activation="sign",
        kind="ridge", code_bits="ternary",
    ),
    "rows to dense": lambda: of_stages(
        Conv2D(4, 3, fan_in=4, pool=2), Dense(20, weight_bits=4, bias=3), shape=(8, 8, 1),
        of_bits=True, activation="sign",
    ),
    "four stages": lambda: of_stages(
        Conv2D(4, 3, fan_in=4), Conv2D(5, 2, padding=1, fan_in=4, pool=3), Dense(70, fan_in=2),
        Dense(9, weight_bits=1), shape=(9, 9, 1),
    ),
}  # fmt: skip


@cache
def kind_of_model(kind):
    return KINDS[kind]()


def device_of(kind):
    return DeviceModel(kind_of_model(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_stage(runtimes, kind):
    model = kind_of_model(kind)
    of_bits = isinstance(model.scaling, BinaryScaling)
    X = inputs_for(5, 6, model.network.n_features, of_bits)
    X[0], X[1] = 0, 1 if of_bits else 255
    check(runtimes, model, X)
    first = DeviceModel(model).stages[0].kind
    assert (first == FEW_ROWS) == kind.startswith("rows")


def test_a_calibrated_network(runtimes):
    X = inputs_for(4, 40, 6 * 7 * 2, of_bits=False)
    stages = [Conv2D(7, 3, fan_in=4, pool=2), Dense(40, weight_bits=4), Dense(30, fan_in=5)]
    network = StepNetwork(84, stages=stages, input_shape=(6, 7, 2)).calibrate(X)
    check(runtimes, fit(network), X[:6])


@pytest.mark.parametrize("weight_bits", [1, 2, 4, 8])
@pytest.mark.parametrize("activation", ["step", "sign"])
@pytest.mark.parametrize("widths", [[1], [128], [129, 40], [7, 300, 130, 65]])
def test_equals_the_library(runtimes, weight_bits, activation, widths):
    network = StepNetwork(
        70, len(widths) - 1, width=widths, weight_bits=weight_bits, activation=activation,
        seed=2**50 + weight_bits,
    )  # fmt: skip
    X = random_bytes(3, 4, 70)
    X[0], X[1] = 255, 0
    for kind, code_bits in (("centroid", 2), ("ridge", 4)):
        check(runtimes, fit(network, kind=kind, code_bits=code_bits), X, units=["auto"])


def number(draw, low, high):
    return draw(st.integers(low, max(low, high)))


def few_inputs(draw, n_inputs):
    return number(draw, 1, min(n_inputs, 12))


def first_image(draw, of_bits):
    shape = (number(draw, 2, 20), number(draw, 1, 32), 1 if of_bits else number(draw, 1, 3))
    kernel = number(draw, 1, min(shape[0], 6)), number(draw, 1, min(shape[1], 6))
    far = [1 + (2 * (k - 1) < shape[i] and draw(st.booleans())) for i, k in enumerate(kernel)]
    options = {
        "kernel": kernel,
        "padding": tuple(number(draw, 0, min(k - 1, 2)) for k in kernel),
        "dilation": tuple(far),
        "stride": 1 if of_bits else (number(draw, 1, 2), number(draw, 1, 3)),
        "fan_in": few_inputs(draw, int(np.prod(kernel)) * shape[2]),
    }
    places = Conv2D(1, **options).output_shape(shape)[:2]
    pool = tuple(number(draw, 1, n) for n in places) if draw(st.booleans()) else None
    bias = draw(st.sampled_from([0, 0, 2, 200, 0.2]))
    return shape, Conv2D(number(draw, 1, 8), pool=pool, bias=bias, **options)


def first_series(draw, of_bits):
    length, channels = number(draw, 4, 40), number(draw, 1, 3)
    kernel = number(draw, 2, min(length, 8))
    options = {
        "kernel": kernel,
        "stride": number(draw, 1, 2),
        "fan_in": few_inputs(draw, kernel * channels),
    }
    if draw(st.booleans()):
        options |= {"dilation": "log", "pool": 1, "bias": draw(st.sampled_from([0, 0.1]))}
    else:
        options["padding"] = number(draw, 0, kernel - 1)
        (places, _) = Conv1D(1, **options).output_shape((length, channels))
        options["pool"] = number(draw, 1, places) if draw(st.booleans()) else None
    return (length, channels), Conv1D(number(draw, 1, 8), **options)


def first_dense(draw, of_bits):
    n = number(draw, 1, 90)
    bits, bias = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from([0, 0, 50, 0.1]))
    return (n,), Dense(number(draw, 1, 270), weight_bits=bits, bias=bias)


def first_few(draw, of_bits):
    n = number(draw, 1, 90)
    bias = draw(st.sampled_from([0, 3]))
    return (n,), Dense(number(draw, 1, 270), fan_in=few_inputs(draw, n), bias=bias)


def later_stage(draw, network):
    shape, before = network.shapes[-1], network.stages[-1]
    if len(shape) == 3 and min(shape[:2]) >= 2 and draw(st.booleans()):
        signs = network.activation == "sign" and not before.gives_bytes
        padding, pool = 0 if signs else number(draw, 0, 1), draw(st.sampled_from([None, 1]))
        fan_in = few_inputs(draw, 4 * shape[2])
        return Conv2D(number(draw, 1, 5), 2, padding=padding, fan_in=fan_in, pool=pool)
    n, units = int(np.prod(shape)), number(draw, 1, 200)
    if draw(st.booleans()):
        return Dense(units, fan_in=few_inputs(draw, n), bias=draw(st.sampled_from([0, 2])))
    bits, bias = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from([0, 0, 7]))
    return Dense(units, weight_bits=bits, bias=bias)


def random_model(draw, *firsts):
    """A chain of stages and a readout behind it."""
    of_bits = draw(st.booleans())
    shape, stage = draw(st.sampled_from(firsts))(draw, of_bits)
    stages = [stage]
    options = {
        "input_shape": shape if len(shape) > 1 else None,
        "activation": draw(st.sampled_from(["step", "sign"])),
        "seed": draw(st.integers(0, 2**64 - 1)),
    }
    n = int(np.prod(shape))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 3]))):
        stages.append(later_stage(draw, StepNetwork(n, stages=stages, **options)))
    kind, bits = draw(
        st.sampled_from([("centroid", b) for b in range(1, 9)] + [("ridge", b) for b in (2, 4, 8)])
    )
    n_classes = number(draw, 1, 5)
    network = StepNetwork(n, stages=stages, **options)
    counts = network.stages[-1].gives_bytes
    assume(not (counts and kind == "centroid" and bits > 3))  # scores of more than 32 bits
    model = fit(network, of_bits=of_bits, kind=kind, code_bits=bits, n_classes=n_classes)
    top = (2**bits - 1) * network.widths[-1] * (255 if counts else 1)
    assume(model.readout.multiplier * top < 2**30)
    return model


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_models(runtimes, data):
    model = random_model(data.draw, first_image, first_series, first_dense, first_few)
    seed, of_bits = data.draw(st.integers(0, 99)), isinstance(model.scaling, BinaryScaling)
    check(runtimes, model, inputs_for(seed, 2, model.network.n_features, of_bits))


def test_many_bright_inputs_fill_the_counters(runtimes):
    network = StepNetwork(3000, 0, width=5, weight_bits=8, seed=1)
    X = np.full((1, 3000), 255, dtype=np.uint8)
    check(runtimes, fit(network, code_bits=1), X)


@pytest.mark.parametrize(
    ("model", "times"),
    [
        (lambda: fit(StepNetwork(20, 0, width=300, weight_bits=2)), 3 * 2),
        *(
            (partial(kind_of_model, kind), 1)
            for kind in ("rows, padded", "bytes", "series, padded", "dense of few inputs")
        ),
    ],
)
def test_inputs_are_asked_for_in_order(runtimes, model, times):
    """Once a group and weight bit where all inputs count, else once."""
    device = DeviceModel(model())
    n = device.network.n_features
    for runtime in runtimes.values():
        asked, label = [], ctypes.c_uint16()
        size = runtime.rp_buffer_size(device.struct)
        buffer, read = Guarded(size), READ(lambda context, index, to=asked: to.append(index) or 1)
        pointers = (None, ctypes.addressof(label), None)
        assert runtime.rp_classify(device.struct, read, None, buffer.pointer, size, *pointers) == OK
        assert asked == list(range(n)) * times


def test_rows_read_what_is_not_0_as_1(runtimes):
    device = device_of("rows, padded")
    X = inputs_for(2, 1, device.network.n_features, of_bits=True)
    bright = X * np.arange(1, 1 + X.size, dtype=np.uint8)
    for runtime in runtimes.values():
        buffer = Guarded(runtime.rp_buffer_size(device.struct))
        found = [classified(runtime, device, rows[0], buffer) for rows in (X, bright)]
        np.testing.assert_array_equal(found[0][0], found[1][0])


@pytest.mark.parametrize("kind", ["dense, thresholds", "rows, counts", "bytes"])
def test_scores_and_features_need_not_be_kept(runtimes, kind):
    device = device_of(kind)
    X = inputs_for(8, 3, device.network.n_features, of_bits=kind.startswith("rows"))
    labels = device.expected(X)[2]
    for runtime in runtimes.values():
        size = runtime.rp_buffer_size(device.struct)
        for sample, expected in zip(X, labels, strict=True):
            label, buffer = ctypes.c_uint16(), Guarded(size, 2)
            call = (buffer.pointer, size, None, ctypes.addressof(label), None)
            assert runtime.rp_classify_bytes(device.struct, sample.ctypes.data, *call) == OK
            assert label.value == expected
            assert runtime.rp_classify_bytes(device.struct, None, *call) == NULL
            buffer.check()


def pushed(runtime, device, parts, hop, shift=0):
    """Push rows or moments; return labels and the scores of those that are labels."""
    stream = Stream()
    buffer = Guarded(runtime.rp_buffer_size(device.struct), shift)
    to = ctypes.addressof(stream)
    assert runtime.rp_start(to, device.struct, hop, buffer.pointer, buffer.size) == OK
    labels, scores = [], []
    for part in np.ascontiguousarray(parts):
        room, label = np.zeros(len(device.bias), dtype=np.int32), ctypes.c_uint16()
        call = (part.ctypes.data, room.ctypes.data, ctypes.addressof(label))
        assert runtime.rp_push(to, *call) == OK
        labels.append(label.value)
        if label.value != NO_LABEL:
            scores.append(room)
        else:
            assert not room.any()
    buffer.check()
    return labels, scores


def check_stream(runtimes, model, hop, seed=0):
    device = DeviceModel(model)
    n_pushes, size = device.layout.pushes
    hop = 1 + hop % n_pushes
    of_bits = isinstance(model.scaling, BinaryScaling)
    parts = inputs_for(seed, 2 * n_pushes + 3, size, of_bits)
    ends = range(n_pushes, len(parts) + 1, hop)
    windows = np.array([parts[end - n_pushes : end].ravel() for end in ends])
    _, scores, labels = device.expected(windows)
    expected = np.full(len(parts), NO_LABEL)
    expected[np.array(ends) - 1] = labels
    for shift, runtime in enumerate(runtimes.values()):
        found = pushed(runtime, device, parts, hop, shift)
        np.testing.assert_array_equal(found[0], expected)
        np.testing.assert_array_equal(found[1], scores)


@pytest.mark.parametrize(
    "kind",
    [
        "rows, counts", "rows, padded", "bytes", "an image of bits that is no rows",
        "series, drawn dilations", "series, padded", "dense of few inputs", "rows to dense",
        "four stages",
    ],
)  # fmt: skip
@pytest.mark.parametrize("hop", [0, 1, 4, -1])
def test_a_window_that_moves_is_classified_as_if_it_came_at_once(runtimes, kind, hop):
    check_stream(runtimes, kind_of_model(kind), hop)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_random_streams(runtimes, data):
    model = random_model(data.draw, first_image, first_series, first_few)
    check_stream(runtimes, model, data.draw(st.integers(0, 50)), data.draw(st.integers(0, 9)))


def test_a_stream_begins_anew(runtimes):
    device = device_of("series, padded")
    parts = random_bytes(0, 40, 2)
    for runtime in runtimes.values():
        stream, label = Stream(), ctypes.c_uint16()
        buffer = Guarded(runtime.rp_buffer_size(device.struct))
        seen = []
        for _ in range(2):
            start = (ctypes.addressof(stream), device.struct, 5, buffer.pointer, buffer.size)
            assert runtime.rp_start(*start) == OK
            for part in parts:
                call = (part.ctypes.data, None, ctypes.addressof(label))
                assert runtime.rp_push(start[0], *call) == OK
                seen.append(label.value)
        assert seen[:40] == seen[40:]
        assert sum(label != NO_LABEL for label in seen) == 4


def test_streams_that_are_refused(runtimes):
    runtime = runtimes["words"]
    device, dense = (device_of("series, padded"), device_of("dense, thresholds"))
    stream, label, values = Stream(), ctypes.c_uint16(5), np.zeros(2, dtype=np.uint8)
    size = runtime.rp_buffer_size(device.struct)
    buffer = Guarded(10_000)

    def start(model=device, hop=1, to=stream, pointer=buffer.pointer, size=size):
        address = None if to is None else ctypes.addressof(to)
        return runtime.rp_start(address, model and model.struct, hop, pointer, size)

    def push(given=values, to=label, of=stream):
        return runtime.rp_push(
            of and ctypes.addressof(of), None if given is None else given.ctypes.data, None,
            to and ctypes.addressof(to),
        )  # fmt: skip

    for hop, status in ((0, MODEL), (1, OK), (31, OK), (32, MODEL), (65535, MODEL)):
        assert start(hop=hop) == status
    assert start(dense, size=10_000) == MODEL
    assert start(model=None) == start(to=None) == start(pointer=None) == NULL
    assert start(size=size - 1) == BUFFER
    assert push() == start() == OK
    assert label.value == NO_LABEL
    before = buffer.array.copy()
    assert push(given=None) == push(to=None) == push(of=None) == NULL
    for name, value, status in (
        ("at", 31, MODEL), ("buffer_size", size - 1, BUFFER), ("buffer", None, NULL),
        ("model", None, NULL), ("model", ctypes.addressof(dense.struct), BUFFER),
    ):  # fmt: skip
        kept = getattr(stream, name)
        setattr(stream, name, value)
        assert push() == status, name
        setattr(stream, name, kept)
    stream.model, stream.buffer_size = ctypes.addressof(dense.struct), 10_000
    assert push() == MODEL
    np.testing.assert_array_equal(buffer.array, before)


@pytest.mark.parametrize("kind", ["dense, thresholds", "rows, counts", "series, padded"])
def test_self_test_finds_every_difference(runtimes, kind):
    device = device_of(kind)
    X = inputs_for(4, 3, device.network.n_features, of_bits=kind.startswith("rows"))
    features, scores, labels = device.expected(X)
    tables = {
        "inputs": X,
        "features": np.ascontiguousarray(features),
        "scores": scores.astype(np.int32),
        "labels": labels.astype(np.uint16),
    }
    row_bytes = device.layout.row_bytes
    for runtime in runtimes.values():
        size = runtime.rp_buffer_size(device.struct)
        buffer = Guarded(size)
        rooms = [Guarded(4 * len(device.bias)), Guarded(row_bytes)]

        def run(size=size, rooms=rooms, runtime=runtime, buffer=buffer, **changed):
            given = {name: table.ctypes.data for name, table in tables.items()} | changed
            expected = ctypes.byref(Expected(3, row_bytes, **given))
            pointers = (None if room is None else room.pointer for room in rooms)
            return runtime.rp_self_test(device.struct, expected, buffer.pointer, size, *pointers)

        assert run() == OK
        for name in ("features", "scores", "labels"):
            for row in range(3):
                for at in (0, -1):
                    table = tables[name].copy()
                    table.reshape(3, -1)[row, at] ^= 1
                    assert run(**{name: table.ctypes.data}) == SELF_TEST, name
            assert run(**{name: None}) == NULL
        assert (
            run(inputs=None) == run(rooms=[None, rooms[1]]) == run(rooms=[rooms[0], None]) == NULL
        )
        assert run(size=size - 1) == BUFFER
        pointers = (None, buffer.pointer, size, *(room.pointer for room in rooms))
        assert runtime.rp_self_test(device.struct, *pointers) == NULL
        device.struct.code_bits = 9
        assert run() == MODEL
        device.struct.code_bits = device.quantized.bits
        assert run() == OK
        for room in (buffer, *rooms):
            room.check()


# What may not stand in a field of a stage of a kind, all else unchanged.
BASES = {
    "rows": lambda: of_stages(
        Conv2D(3, (3, 4), padding=(1, 1), fan_in=5, pool=(2, 2), bias=2), shape=(6, 7, 1),
        of_bits=True,
    ),
    "bytes": lambda: of_stages(
        Conv2D(3, (3, 4), stride=2, padding=(1, 1), fan_in=5, pool=(2, 2)), shape=(9, 7, 3)
    ),
    "log": lambda: of_stages(
        Conv1D(5, 4, dilation="log", fan_in=3, pool=1, bias=0.1), shape=(20, 2)
    ),
    "dense": lambda: of_stages(Dense(30, weight_bits=2), Dense(7, weight_bits=4, bias=3), n=9),
    "padded behind counts": lambda: of_stages(
        Conv2D(2, 3, fan_in=4, pool=(4, 3)), Conv2D(3, 2, padding=1, fan_in=3), shape=(9, 9, 1),
        activation="sign",
    ),
    "few": lambda: of_stages(Dense(30, weight_bits=2), Dense(7, fan_in=4, bias=2), n=9),
}  # fmt: skip
BIG = 65535
REFUSED = {
    "rows": {
        "kind": (DENSE, 3, 255), "fan_in": (0, 13), "tap_bytes": (0, 3, 255),
        "n_units": (0, 16384, BIG), "height": (0, 1, 5, BIG), "width": (0, 8, BIG),
        "channels": (0, 2), "kernel_y": (0, 2, BIG), "kernel_x": (0, 3, BIG), "stride_y": (0, 2),
        "stride_x": (0, 2), "padding_y": (0, 3, BIG), "padding_x": (0, 4, BIG),
        "dilation_y": (0, 2, BIG), "dilation_x": (0, 2, BIG), "places_y": (0, 5, 7),
        "places_x": (0, 5, 7), "windows_y": (0, 7, BIG), "windows_x": (0, 7, BIG),
        "bias": (2**31, NONE), "taps_at": (NONE,),
    },
    "bytes": {
        "kind": (DENSE, FEW_ROWS, 3), "fan_in": (0, 37), "tap_bytes": (0, 3), "n_units": (0, BIG),
        "height": (0, 8, 10), "width": (0, 6), "channels": (0, 2, 4), "kernel_y": (0, 5),
        "kernel_x": (0, 6), "stride_y": (0, 1, 3), "stride_x": (0, 1), "padding_y": (0, 3),
        "padding_x": (0, 4), "dilation_y": (0, 2), "dilation_x": (0, 2), "places_y": (0, 4),
        "places_x": (0, 2), "windows_y": (0, 6), "windows_x": (0, 4), "bias": (2**31,),
        "taps_at": (NONE,),
    },
    "log": {
        "kind": (DENSE, FEW_ROWS), "height": (2,), "kernel_y": (0, 2), "kernel_x": (0, 1, 5),
        "stride_x": (0, 2), "padding_x": (1,), "padding_y": (1,), "dilation_y": (0,),
        "places_x": (0, 16, 18), "windows_y": (0, 2), "windows_x": (0, 2),
    },
    "dense": {
        "kind": (FEW_ROWS,), "weight_bits": (0, 3, 5, 7, 16, 24, 255), "n_units": (0,),
        "height": (0, 2), "width": (0, 2), "channels": (0, 29, 31), "padding_y": (1,),
        "padding_x": (1,), "places_y": (0, 2), "places_x": (0, 2), "windows_y": (1,),
        "windows_x": (1,), "bias": (2**30, NONE),
    },
    "padded behind counts": {
        "kind": (DENSE, FEW_ROWS), "height": (3,), "padding_y": (2,), "padding_x": (2,),
    },
    "few": {"padding_y": (1,), "fan_in": (31,), "kind": (FEW_ROWS,), "kernel_y": (2,)},
}  # fmt: skip


def test_every_field_of_a_stage_is_looked_at(runtimes):
    """Nothing is written to a buffer that belongs to a model of any such value."""
    label = ctypes.c_uint16()
    for base, refused in REFUSED.items():
        device = DeviceModel(BASES[base](), "stored")
        stage = device.stages[len(device.stages) - 1]
        sample = np.zeros(device.network.n_features, dtype=np.uint8)
        for runtime in runtimes.values():
            size = runtime.rp_buffer_size(device.struct)
            assert size != 0
            buffer = Guarded(size)
            call = (sample.ctypes.data, buffer.pointer, size, None, ctypes.addressof(label), None)
            for name, values in refused.items():
                kept = getattr(stage, name)
                for value in values:
                    setattr(stage, name, value)
                    assert runtime.rp_check_model(device.struct, 2**31) == MODEL, (
                        base,
                        name,
                        value,
                    )
                    assert runtime.rp_buffer_size(device.struct) == 0
                    assert runtime.rp_classify_bytes(device.struct, *call) == MODEL
                setattr(stage, name, kept)
            assert (buffer.held() == buffer.fill).all()
            assert runtime.rp_classify_bytes(device.struct, *call) == OK
    # Where the other tables begin is anybody's; without tables there is none to begin.
    looked_at = {name for refused in REFUSED.values() for name in refused}
    assert looked_at == {f.name for f in fields(CStage)} - {"dilations_at", "thresholds_at"}
    for base, names in (
        ("log", ("taps_at", "dilations_at", "thresholds_at")),
        ("dense", ("thresholds_at",)),
    ):
        device = DeviceModel(BASES[base](), "seed")
        device.struct.units = None
        stage = device.stages[len(device.stages) - 1]
        for runtime in runtimes.values():
            assert runtime.rp_check_model(device.struct, 2**31) == OK
            for name in names:
                setattr(stage, name, 0)
                assert runtime.rp_check_model(device.struct, 2**31) == NULL, name
                setattr(stage, name, NONE)


def test_refuses_bad_models_and_buffers(runtimes):
    for base, of_counts in (("dense", False), ("rows", True)):
        device = DeviceModel(BASES[base]())
        model, n = device.struct, device.network.n_features
        read = READ(lambda context, index: 1)
        for runtime in runtimes.values():
            size = runtime.rp_buffer_size(model)
            buffer, label = Guarded(size, 1), ctypes.c_uint16()

            def checked(size=2**31, runtime=runtime, model=model):
                return runtime.rp_check_model(model, size)

            def classify(
                size=size, read=read, pointer=buffer.pointer, to=label, runtime=runtime,
                model=model,
            ):  # fmt: skip
                target = None if to is None else ctypes.addressof(to)
                given = (None, pointer, size, None, target, None)
                return runtime.rp_classify(model, read, *given)

            for name, values in (
                ("n_features", (0, n - 1, n + 1, BIG)), ("n_classes", (0,)),
                ("n_stages", (0,)), ("activation", (2, 255)), ("code_bits", (0, 9, 255)),
                ("offset", (4, BIG)),
            ):  # fmt: skip
                kept = getattr(model, name)
                for value in values:
                    setattr(model, name, value)
                    assert checked() == classify() == MODEL, name
                    assert runtime.rp_buffer_size(model) == 0
                setattr(model, name, kept)
            for bias in (2**30, -(2**30), 2**31 - 1, -(2**31)):
                kept, device.bias[-1] = device.bias[-1], bias
                assert checked() == MODEL
                device.bias[-1] = kept
            for name in ("stages", "codes", "bias"):
                kept = getattr(model, name)
                setattr(model, name, None)
                assert checked() == classify() == NULL, name
                setattr(model, name, kept)
            assert checked(size=size - 1) == classify(size=size - 1) == classify(size=0) == BUFFER
            assert classify(pointer=None) == classify(to=None) == classify(read=READ()) == NULL
            assert checked(model=None) == classify(model=None) == NULL
            assert runtime.rp_buffer_size(None) == 0
            assert (buffer.held() == buffer.fill).all()
            assert checked() == checked(size=size) == classify() == OK
            buffer.check()
            # The largest sum times the multiplier is below 2^30.
            kept = model.multiplier, model.code_bits
            model.code_bits = 8
            for multiplier, status in (
                ((1376, OK), (1377, MODEL)) if of_counts else ((BIG, OK),)  # 255 * 255 * 12
            ):
                model.multiplier = multiplier
                assert checked() == status
            model.multiplier, model.code_bits = kept


def test_limits_of_a_model(runtimes):
    runtime = runtimes["words"]

    def checked(device):
        return runtime.rp_check_model(device.struct, 2**31)

    # 272 * 255 * 46,442 * ... : counters of 32 bits.
    dense = DeviceModel(fit(StepNetwork(9, width=5, weight_bits=8)))
    stage = dense.stages[0]
    for n, status in ((46_441, OK), (46_442, OK), (46_443, MODEL)):
        dense.struct.n_features = stage.channels = n
        assert checked(dense) == status
    # An image is kept with its padding.
    few = DeviceModel(BASES["bytes"]())
    stage = few.stages[0]
    for side, status in ((251, OK), (252, MODEL)):
        few.struct.n_features = side * side
        stage.height = stage.width = side
        stage.channels, stage.padding_y, stage.padding_x = 1, 2, 2
        stage.kernel_y = stage.kernel_x = 3
        stage.places_y = stage.places_x = (side + 4 - 3) // 2 + 1
        assert checked(few) == status
    # Rows have 32 columns and 255 rows at most, 31 of them in a window, and units 31 inputs.
    for shape, fan_in, pool, status in (
        ((30, 32), 4, 2, OK), ((30, 33), 4, 2, MODEL), ((255, 9), 4, (9, 2), OK),
        ((256, 9), 4, (9, 2), MODEL), ((33, 9), 4, 1, OK), ((34, 9), 4, 1, MODEL),
        ((30, 9), 31, 2, OK), ((30, 9), 32, 2, MODEL),
    ):  # fmt: skip
        stage = Conv2D(2, 3 if fan_in == 4 else 6, fan_in=fan_in, pool=pool)
        rows = DeviceModel(of_stages(stage, shape=(*shape, 1)))
        assert rows.stages[0].kind == FEW
        assert checked(rows) == OK
        rows.stages[0].kind = FEW_ROWS
        assert checked(rows) == status
    # Sums of all classes are found by 16 bits.
    few = DeviceModel(BASES["bytes"]())
    bias = np.zeros(BIG, dtype=np.int32)
    few.struct.bias = bias.ctypes.data
    for n, status in ((0xFFF0 // 2, OK), (0xFFF0 // 2 + 1, MODEL)):
        few.struct.n_classes = n
        assert checked(few) == status


def test_bits_that_stand_for_signs_are_not_padded(runtimes):
    device = DeviceModel(BASES["padded behind counts"]())
    for runtime in runtimes.values():
        assert runtime.rp_check_model(device.struct, 2**31) == OK
        # Bits in place of counts: there are as many of a map whose windows are its places.
        before = device.stages[0]
        counted = before.windows_y, before.windows_x
        before.kernel_y, before.kernel_x = 6, 7
        before.places_y, before.places_x = counted
        assert runtime.rp_check_model(device.struct, 2**31) == OK
        before.windows_y = before.windows_x = 0
        assert runtime.rp_check_model(device.struct, 2**31) == MODEL
        device.struct.activation = 0
        assert runtime.rp_check_model(device.struct, 2**31) == OK
        device.struct.activation = 1
        before.kernel_y = before.kernel_x = 3
        before.places_y = before.places_x = 7
        before.windows_y, before.windows_x = counted


@pytest.mark.parametrize(
    ("base", "size"), [("rows", 1), ("bytes", 1), ("log", 1), ("few", 1), ("wide", 2)]
)
def test_tables_of_any_content_stay_inside_the_buffer(runtimes, base, size):
    """An input beyond the patch is the first, and a dilation beyond the series the largest."""
    wide = lambda: of_stages(Conv2D(3, 12, fan_in=5), shape=(14, 13, 2))  # noqa: E731
    device = DeviceModel(BASES.get(base, wide)(), "stored")
    stage = device.stages[len(device.stages) - 1]
    assert stage.tap_bytes == size
    X = inputs_for(3, 3, device.network.n_features, of_bits=base == "rows")
    n_taps = stage.n_units * stage.fan_in * size
    exponents = slice(stage.dilations_at, stage.dilations_at + stage.n_units)
    taps = device.units[stage.taps_at : stage.taps_at + n_taps]
    taps.reshape(-1, size)[::2] = 255
    if base == "log":
        device.units[exponents] = [0, 2, 3, 200, 255]
    for runtime in runtimes.values():
        needed = runtime.rp_buffer_size(device.struct)
        found = []
        for fill in (0x00, 0xFF):
            buffer = Guarded(needed, fill=fill, margin=70_000)
            found.append([classified(runtime, device, sample, buffer) for sample in X])
        stray = device.units.copy()
        taps.reshape(-1, size)[::2] = 0
        if base == "log":  # 3 << 2 < 20
            device.units[exponents] = [0, 2, 2, 2, 2]
        found.append([classified(runtime, device, sample, buffer) for sample in X])
        device.units[:] = stray
        for rows in zip(*found, strict=True):
            for one in rows[1:]:
                np.testing.assert_array_equal(one[0], rows[0][0])
                np.testing.assert_array_equal(one[1], rows[0][1])


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
