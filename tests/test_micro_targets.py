"""The runtime on emulated microcontrollers, bit for bit what the library computes.

Needs the cross compilers and emulators that bench/micro_targets.py names; with
RANDPROP_REQUIRE_TARGETS set their absence is a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import HANG, needs
from randprop import (
    BinaryScaling,
    Centroids,
    Conv1D,
    Conv2D,
    Dense,
    Model,
    RidgeReadout,
    StepNetwork,
    export_c,
)
from randprop.datasets import load_mnist
from test_micro import inputs_for, of_stages

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
from micro_targets import TARGETS, build, run

CASES: dict[str, dict[str, Any]] = {
    "1 bit, 1 matrix": {"weight_bits": 1},
    "8 bits, 1 matrix": {"weight_bits": 8},
    "1 bit, 4 matrices": {"weight_bits": 1, "layers": 3},
    "8 bits, 4 matrices": {"weight_bits": 8, "layers": 3},
    "sign, several widths": {
        "weight_bits": 2, "layers": 2, "width": [130, 300, 90], "activation": "sign",
        "seed": 2**40 + 3,
    },
    "ridge": {"weight_bits": 1, "width": 200, "readout": "ridge"},
}  # fmt: skip
first, *others = CASES
# Stages of few inputs, on small inputs; codes of every width that a readout may have.
FEW: dict[str, Callable[[], Model]] = {
    "rows, counts": lambda: of_stages(
        Conv2D(12, 5, fan_in=4, pool=4), shape=(20, 20, 1), of_bits=True, n_classes=10
    ),
    "rows, odd classes, a code across bytes": lambda: of_stages(
        Conv2D(6, (3, 5), padding=(1, 2), dilation=(2, 1), fan_in=7, pool=(3, 2), bias=2),
        shape=(13, 19, 1), of_bits=True, kind="ridge", code_bits=3, n_classes=5,
    ),
    "rows, bits out": lambda: of_stages(
        Conv2D(3, 4, fan_in=4), shape=(12, 26, 1), of_bits=True, kind="ridge", code_bits="ternary",
        n_classes=4,
    ),
    "rows, all places in one": lambda: of_stages(
        Conv2D(4, 3, fan_in=4, pool=1), shape=(34, 30, 1), of_bits=True, code_bits=1
    ),
    "bytes": lambda: of_stages(
        Conv2D(4, 3, stride=2, padding=1, fan_in=5, pool=2, bias=100), shape=(9, 8, 3),
        kind="ridge", code_bits=8,
    ),
    "bytes, counts over a byte": lambda: of_stages(
        Conv2D(3, 3, dilation=(1, 2), fan_in=6, pool=(1, 2)), shape=(24, 20, 1), kind="ridge",
        code_bits=4, n_classes=2,
    ),
    "series, drawn dilations": lambda: of_stages(
        Conv1D(8, 5, dilation="log", fan_in=6, pool=1, bias=0.1), shape=(60, 2), n_classes=6
    ),
    "series, padded": lambda: of_stages(
        Conv1D(6, 4, padding=3, stride=2, dilation=2, fan_in=3, pool=3), shape=(31, 2),
        n_classes=10,
    ),
    "dense of few inputs": lambda: of_stages(
        Dense(90, fan_in=9, bias=40), n=70, kind="ridge", code_bits=8
    ),
    "dense, thresholds": lambda: of_stages(
        Dense(20, weight_bits=2, bias=300), Dense(130, weight_bits=1, thresholds=range(-65, 65)),
        n=40, activation="sign", code_bits=4,
    ),
    "bits to few, signs": lambda: of_stages(
        Dense(140, weight_bits=1), Dense(33, fan_in=9, bias=2), n=18, activation="sign",
        kind="ridge", code_bits="ternary", n_classes=10,
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
quick, *slow = FEW


@cache
def fitted(case: str) -> tuple[Model, np.ndarray]:
    X_train, y_train, X_test, _ = load_mnist()
    options = {"width": 784, **CASES[case]}
    readout = Centroids() if options.pop("readout", "centroid") == "centroid" else RidgeReadout()
    network = StepNetwork(784, **options)
    train = network.propagate(X_train[::20])
    return Model(network, readout.fit(train, y_train[::20])), X_test[:3]


@pytest.mark.parametrize(
    "case", [first, *(pytest.param(case, marks=pytest.mark.slow) for case in others)]
)
@pytest.mark.parametrize("name", TARGETS)
def test_device_computes_what_the_library_does(tmp_path, name, case):
    target = TARGETS[name]
    needs_programs(target.missing())
    model, images = fitted(case)
    quantized = model.quantize(centroid_bits=2)
    folder = export_c(model, tmp_path / "model", centroid_bits=2, self_test=images)
    # The 2 KB of an ATmega328P do not hold an image beside the counters of 8-bit weights.
    options = ("-DREPORT_STREAM",) if name == "atmega328p" else ()
    found = run(
        target, build(target, folder, tmp_path / "report.elf", options=options), timeout=HANG
    )

    bits = model.network.propagate(images)
    scores = quantized.readout.decision_function(bits)
    np.testing.assert_array_equal(found.bits, bits.to_packbits())
    np.testing.assert_array_equal(found.scores, scores)
    np.testing.assert_array_equal(found.labels, scores.argmax(axis=1))
    assert found.self_test == 0
    assert (found.cost > 0).all()
    if isinstance(model.readout, Centroids):
        # From the device's bits and scores: squared distances to the rounded means, times M^2.
        top = 2**quantized.readout.bits - 1
        x = np.unpackbits(found.bits, axis=1, bitorder="little")[:, : bits.n_bits].astype(int)
        distances = top**2 * x.sum(axis=1)[:, None] - found.scores
        codes = quantized.readout.codes_
        np.testing.assert_array_equal(
            distances, ((top * x[:, None, :] - codes[None]) ** 2).sum(axis=2)
        )


@pytest.mark.parametrize("units", ["stored", "seed"])
@pytest.mark.parametrize(
    "case", [quick, *(pytest.param(case, marks=pytest.mark.slow) for case in slow)]
)
@pytest.mark.parametrize("name", TARGETS)
def test_stages_of_few_inputs(tmp_path, name, case, units):
    target = TARGETS[name]
    needs_programs(target.missing())
    model = FEW[case]()
    of_bits = isinstance(model.scaling, BinaryScaling)
    images = inputs_for(5, 4, model.network.n_features, of_bits)
    images[0] = 1 if of_bits else 255
    folder = export_c(model, tmp_path / "model", self_test=images, units=units)
    found = run(target, build(target, folder, tmp_path / "report.elf"), timeout=HANG)
    outputs = model.network.propagate(images)
    scores = model.readout.decision_function(outputs)
    counts = model.network.stages[-1].gives_bytes
    np.testing.assert_array_equal(found.bits, outputs if counts else outputs.to_packbits())
    np.testing.assert_array_equal(found.scores, scores)
    np.testing.assert_array_equal(found.labels, scores.argmax(axis=1))
    assert found.self_test == 0
    # A runtime for any model, on one device of each family that has the memory.
    if units == "seed" and name in ("cortex-m0", "atmega2560", "rv32ec"):
        (folder / "randprop_config.h").write_text("")
        again = run(target, build(target, folder, tmp_path / "any.elf"), timeout=HANG)
        np.testing.assert_array_equal(again.bits, found.bits)
        np.testing.assert_array_equal(again.scores, scores)
        assert again.self_test == 0


def test_bare_metal_example_builds_and_runs(tmp_path):
    needs_programs([*TARGETS["cortex-m0"].missing(), *missing("make")])
    root = Path(__file__).parent.parent
    shutil.copytree(root / "examples" / "bare_metal", tmp_path / "example")
    scripts = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["make", "-s", "run", f"BOARDS={root / 'cpp' / 'micro' / 'boards'}"],
        cwd=tmp_path / "example",
        env=os.environ | {"PATH": scripts + os.pathsep + os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    said = done.stdout + done.stderr
    assert "t 00000000" in said
    assert "z 00000000" in said
    labels = re.findall(r"^l 0000000(\d)", said, re.MULTILINE)
    decisions = re.findall(r"^d 0000000(\d)", said, re.MULTILINE)
    assert len(labels) == 4
    # One every half image: at its end, and halfway to the next.
    assert len(decisions) == 7
    assert decisions[::2] == labels


def test_an_avr_refuses_tables_that_it_cannot_read(tmp_path):
    """Its compiler would lay them out, and 16 bits of address read others in their place."""
    needs_programs(missing("avr-gcc"))
    network = StepNetwork(600, width=256)
    bits = network.propagate(np.arange(140 * 600, dtype=np.uint8).reshape(140, 600))
    model = Model(network, Centroids().fit(bits, np.arange(140)))
    for n_classes_bits, n_tests, text in (
        (8, 1, b"tables of at most 32,767 bytes"),
        (7, 60, b"tables of at most 65,000 bytes"),
    ):
        folder = export_c(model, tmp_path / "out", centroid_bits=n_classes_bits, self_test=n_tests)
        done = subprocess.run(
            ["avr-gcc", "-mmcu=atmega2560", "-fsyntax-only", "-I.", "example.c"],
            cwd=folder, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert text in done.stderr


def needs_programs(lacking: list[str]) -> None:
    needs(not lacking, ", ".join(lacking), "TARGETS")


def missing(program: str) -> list[str]:
    return [] if shutil.which(program) else [program]


@pytest.mark.parametrize(("name", "told"), [("cortex-m0", "Cortex-M0"), ("atmega328p", "AVR")])
def test_the_readme_tells_about_what_a_sample_costs(tmp_path, name, told):
    """Its estimate is within a half of what the emulator counts, for the smallest useful model."""
    target = TARGETS[name]
    needs_programs(target.missing())
    X_train, y_train, X_test, _ = load_mnist()
    scaling = BinaryScaling(63)
    network = StepNetwork(784, stages=[Conv2D(32, 7, fan_in=4, pool=4)], input_shape=(28, 28, 1))
    train, images = (scaling.transform(X) for X in (X_train[::20], X_test[:2]))
    readout = RidgeReadout().fit(network.propagate(train), y_train[::20])
    model = Model(network, readout, scaling=scaling)
    folder = export_c(model, tmp_path / "model", readout_bits=2, self_test=images.to_array())
    found = run(target, build(target, folder, tmp_path / "report.elf"), timeout=HANG)
    (line,) = (row for row in (folder / "README.md").read_text().splitlines() if f"| {told}" in row)
    estimate = int(line.split("|")[4].split()[0].replace(",", ""))
    assert 0.67 < estimate / found.cost.mean() < 1.5
