"""The scripts of examples/python run and say what they should."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import C_COMPILER, HANG

SCRIPTS = Path(__file__).parent.parent / "examples" / "python"


def run(name: str, *arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / name), *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=HANG, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_script_has_a_test():
    assert {path.name for path in SCRIPTS.glob("*.py")} == {
        "depth_curve.py", "gestures.py", "on_a_cluster.py", "sensor_classes.py",
    }  # fmt: skip


def test_depth_curve(tmp_path):
    said = run("depth_curve.py", "depth.png", cwd=tmp_path)
    found = [float(text) for text in re.findall(r": (0\.\d+)", said)]
    assert len(found) == 6
    assert found[0] > 0.7 > found[2]
    assert (tmp_path / "depth.png").read_bytes().startswith(b"\x89PNG")


def test_sensor_classes(tmp_path):
    said = run("sensor_classes.py", "out", cwd=tmp_path)
    assert float(re.search(r"accuracy (\S+),", said)[1]) > 0.9
    assert (tmp_path / "out" / "machine.safetensors").is_file()
    subprocess.run(
        [C_COMPILER, "-std=c99", "example.c", "randprop_micro.c", "-o", "device"],
        cwd=tmp_path / "out" / "c", check=True,
    )  # fmt: skip
    done = subprocess.run([tmp_path / "out" / "c" / "device"], check=False)
    assert done.returncode == 0


def test_gestures(tmp_path):
    said = run("gestures.py", "out", cwd=tmp_path)
    assert float(re.search(r"device (\S+)", said)[1]) > 0.95
    assert (tmp_path / "out" / "recorded.h").is_file()


@pytest.mark.filterwarnings("ignore")
def test_on_a_cluster(tmp_path):
    assert "the same counts: True; accuracy 0.767" in run("on_a_cluster.py", cwd=tmp_path)
