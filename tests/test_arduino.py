"""Exported models in sketches for an Arduino Uno: with Arduino's own core, run in simavr."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import arduino
from helpers import needs, random_bytes
from randprop import Centroids, Model, RidgeReadout, StepNetwork, export_c

EXAMPLE = Path(__file__).parent.parent / "examples" / "arduino" / "digits"


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs(not arduino.missing(), ", ".join(arduino.missing()), "TARGETS")
    return arduino.build_core(tmp_path_factory.mktemp("core"))


def make_model(seed: int, readout: Centroids | RidgeReadout) -> Model:
    network = StepNetwork(30, width=40, weight_bits=1, seed=seed)
    labels = np.array(["ape", "bee", "cow"])[np.arange(60) % 3]
    return Model(network, readout.fit(network.propagate(random_bytes(seed, 60, 30)), labels))


def labels_said(text: str) -> list[str]:
    return re.findall(r"looks like (?:a )?(\w+)", text)


def labels_of(model: Model, images: np.ndarray) -> list[str]:
    return [str(label) for label in model.quantize().predict(images)]


def said(core: Path, sketch: Path, libraries: list[Path], work: Path, n_labels: int) -> list[str]:
    """Build and run a sketch: its self-test has passed, and these are the labels."""
    elf = arduino.build_sketch(core, sketch, libraries, work)
    text = arduino.run_sketch(elf, lambda text: len(labels_said(text)) >= n_labels)
    assert "self-test passed" in text
    assert "FAILED" not in text
    return labels_said(text)[:n_labels]


def test_example_sketch(core, tmp_path):
    assert len(said(core, EXAMPLE, [], tmp_path, 2)) == 2


def test_an_exported_folder_in_a_sketch_leaves_setup_and_loop_to_it(core, tmp_path):
    model, images = make_model(1, Centroids()), random_bytes(7, 2, 30)
    sketch = export_c(model, tmp_path / "sketch", self_test=images)
    assert (sketch / "example.c").is_file()
    shutil.copy(EXAMPLE / "digits.ino", sketch / "sketch.ino")
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
    if ({p}rp_self_test(&{p}model, &{p}self_test, buffer, sizeof buffer, scores) == {P}RP_OK) {{
      Serial.println("self-test passed");
    }} else {{
      Serial.println("self-test FAILED");
    }}
    for (uint16_t s = 0; s < {P}SELF_TEST_SAMPLES; ++s) {{
      uint8_t image[{P}MODEL_N_FEATURES];
      memcpy_P(image, {p}self_test_images + s * sizeof image, sizeof image);
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
