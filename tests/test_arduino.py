"""Exported models in sketches for an Arduino Uno: with Arduino's own core, run in simavr."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

import numpy as np
import pytest

import arduino
import randprop
from helpers import needs, random_bytes
from randprop import Centroids, Model, RidgeReadout, StepClassifier, StepNetwork, export_c
from randprop.datasets import load_digits

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "arduino"


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs(not arduino.missing(), ", ".join(arduino.missing()), "TARGETS")
    return arduino.build_core(tmp_path_factory.mktemp("core"))


def make_model(seed: int, readout: Centroids | RidgeReadout) -> Model:
    network = StepNetwork(30, width=40, weight_bits=1, seed=seed)
    labels = np.array(["ape", "bee", "cow"])[np.arange(60) % 3]
    return Model(network, readout.fit(network.propagate(random_bytes(seed, 60, 30)), labels))


def labels_said(text: str) -> list[str]:
    return re.findall(r"looks like (?:a )?(\w+),? ?.*\n", text)


def labels_of(model: Model, images: np.ndarray) -> list[str]:
    return [str(label) for label in model.quantize().predict(images)]


def said(core: Path, sketch: Path, libraries: list[Path], work: Path, n_labels: int) -> list[str]:
    """Build and run a sketch: its self-test has passed, and these are the labels."""
    elf = arduino.build_sketch(core, sketch, libraries, work)
    text = arduino.run_sketch(elf, lambda text: len(labels_said(text)) >= n_labels)
    assert "self-test passed" in text
    assert "FAILED" not in text
    return labels_said(text)[:n_labels]


def test_digits_come_over_the_serial_line(core, tmp_path):
    X, y, images, _ = load_digits()
    model = StepClassifier(stages="images", width=192).fit(X.reshape(-1, 8, 8), y).model_
    expected = [str(label) for label in model.quantize(readout_bits=2).predict(images[:9])]
    assert len(set(expected)) > 4

    sent = ["".join("0123456789abcdefg"[int(value)] for value in image) for image in images[4:9]]
    bad = ["12", "x" * 64, sent[0] + "0"]
    elf = arduino.build_sketch(core, EXAMPLES / "digits", [], tmp_path)
    text = arduino.run_sketch(
        elf,
        lambda text: len(labels_said(text)) >= len(expected),
        program=arduino.build_serial(tmp_path),
        awaited="send 64 characters of 0 to 9, a to g",
        lines=[*bad, *sent],
    )
    assert "self-test passed" in text
    assert text.count("not 64 characters") == len(bad)
    # Four of the self-test, then those that were sent.
    assert labels_said(text)[: len(expected)] == expected


def test_gestures_are_told_while_they_come(core, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "python"))
    import gestures

    gestures.main(str(tmp_path / "made"))
    held = EXAMPLES / "gestures"
    for file in (tmp_path / "made").iterdir():
        if file.name not in ("README.md", "example.c"):
            assert (held / file.name).read_text() == file.read_text(), file.name
    device = gestures.fit().model_.quantize(readout_bits=gestures.BITS)
    readings = gestures.recording()
    windows = np.lib.stride_tricks.sliding_window_view(readings, gestures.LENGTH, axis=0)[::16]
    expected = device.predict(windows).tolist()
    assert set(expected) == set(gestures.NAMES)
    assert said(core, held, [], tmp_path / "work", len(expected)) == expected


def test_the_sketches_hold_the_same_runtime():
    runtimes = [
        {file.name: file.read_text() for file in sketch.glob("randprop_[!c]*")}
        for sketch in sorted(EXAMPLES.iterdir())
    ]
    assert len(runtimes) == 2
    assert runtimes[0] == runtimes[1]


def test_an_exported_folder_in_a_sketch_leaves_setup_and_loop_to_it(core, tmp_path):
    model, images = make_model(1, Centroids()), random_bytes(7, 2, 30)
    sketch = export_c(model, tmp_path / "sketch", self_test=images)
    assert (sketch / "example.c").is_file()
    template = Path(randprop.__file__).parent / "model" / "arduino_folder" / "example.ino"
    text = Template(template.read_text()).substitute(p="", P="", asked="in order")
    (sketch / "sketch.ino").write_text(text)
    assert said(core, sketch, [], tmp_path / "work", 2) == labels_of(model, images)


def test_an_exported_library_runs_its_example(core, tmp_path):
    model, images = make_model(2, RidgeReadout()), random_bytes(8, 2, 30)
    library = export_c(model, tmp_path / "zoo", self_test=images, name="zoo", arduino=True)
    example = library / "examples" / "zoo"
    assert said(core, example, [library], tmp_path / "work", 2) == labels_of(model, images)


def test_two_libraries_in_one_sketch(core, tmp_path):
    models = {"zoo": make_model(3, Centroids()), "int": make_model(4, RidgeReadout())}
    images = random_bytes(9, 3, 30)
    libraries = [
        export_c(model, tmp_path / name, self_test=images, name=name, arduino=True)
        for name, model in models.items()
    ]
    tell = """
  {{
    static uint8_t buffer[{P}MODEL_BUFFER_SIZE];
    static const char* const names[] = {P}MODEL_CLASS_NAMES;
    int32_t scores[{P}MODEL_N_CLASSES];
    uint8_t features[{P}MODEL_OUTPUT_BYTES];
    if ({p}rp_self_test(&{p}model, &{p}self_test, buffer, sizeof buffer, scores, features) ==
        {P}RP_OK) {{
      Serial.println("self-test passed");
    }} else {{
      Serial.println("self-test FAILED");
    }}
    for (uint16_t s = 0; s < {P}SELF_TEST_SAMPLES; ++s) {{
      uint8_t image[{P}MODEL_N_FEATURES];
      memcpy_P(image, {p}self_test_inputs + s * sizeof image, sizeof image);
      uint16_t label = 99;
      {p}rp_classify_bytes(&{p}model, image, buffer, sizeof buffer, NULL, &label, NULL);
      Serial.print("looks like ");
      Serial.println(names[label]);
    }}
  }}
"""
    parts = [tell.format(p=f"{name}_", P=f"{name}_".upper()) for name in models]
    headers = [f"{name}_{part}.h" for name in models for part in ("model", "self_test")]
    sketch = tmp_path / "sketch"
    sketch.mkdir()
    (sketch / "sketch.ino").write_text(
        "".join(f"#include <{header}>\n" for header in headers)
        + "void setup() {\n  Serial.begin(115200);"
        + "".join(parts)
        + "}\nvoid loop() {}\n"
    )
    expected = [label for model in models.values() for label in labels_of(model, images)]
    assert said(core, sketch, libraries, tmp_path / "work", 6) == expected
