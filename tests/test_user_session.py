"""The README's scikit-learn session in a process of its own, and what it leaves, in others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

ROOT = Path(__file__).parent.parent
SECTION = "## With scikit-learn, in files, in ONNX, in C++"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A folder in which the README's lines were run; they end with what they predicted."""
    folder = tmp_path_factory.mktemp("session")
    text = (ROOT / "README.md").read_text(encoding="utf-8").split(SECTION)[1]
    lines = re.findall(r"^(?:>>>|\.\.\.) (.*)$", text.split("```")[1], re.MULTILINE)
    assert len(lines) >= 8
    lines += [
        "import numpy",
        "numpy.save('features.npy', X_new.astype(float))",
        "numpy.save('predicted.npy', search.predict(X_new))",
    ]
    program = "\n".join(["import randprop", *lines])
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
    return folder, np.load(folder / "features.npy"), np.load(folder / "predicted.npy")


def test_another_process_loads_and_predicts(session):
    folder, _, predicted = session
    program = (
        "import numpy, randprop\n"
        "found = randprop.load('digits.safetensors').predict(numpy.load('features.npy'))\n"
        "numpy.save('again.npy', found)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
    np.testing.assert_array_equal(np.load(folder / "again.npy"), predicted)


def test_onnx_runtime_predicts(session):
    folder, features, predicted = session
    running = onnxruntime.InferenceSession(str(folder / "digits.onnx"))
    (found,) = running.run(["label"], {"X": features})
    np.testing.assert_array_equal(found, predicted)


def test_cpp_predicts(session):
    """With examples/cpp, where RANDPROP_REQUIRE_CLASSIFY names it: nox -s cpp_package builds it."""
    program = os.environ.get("RANDPROP_REQUIRE_CLASSIFY")
    if not program:
        pytest.skip("RANDPROP_REQUIRE_CLASSIFY is not set; .ci/run sets it")
    folder, features, predicted = session
    rows = "\n".join(" ".join(map(repr, row)) for row in features.tolist())
    said = subprocess.run(
        [program, folder / "digits.safetensors"],
        input=rows, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.split() == [str(label) for label in predicted]
