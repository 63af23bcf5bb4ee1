"""The bench: its harness does what it says, and its scripts run and check answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import randprop
from randprop import cli

SOURCES = Path(__file__).parent.parent / "bench"


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SOURCES))
    import harness

    return harness


def test_every_bench_is_a_script_and_is_installed() -> None:
    names = {path.stem for path in SOURCES.glob("bench_*.py")}
    assert names == {f"bench_{name}" for name in (*cli.BENCHES, *cli.OTHER_BENCHES)}
    installed = Path(randprop.__file__).parent / "_bench"
    if installed.is_dir():  # not in an editable installation
        assert {path.name for path in SOURCES.glob("*.py")} <= {p.name for p in installed.iterdir()}


def test_race(harness: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bench = harness.Bench(rounds=5)
    calls = {"a": 0, "b": 0}

    def count(name: str) -> None:
        calls[name] += 1

    medians = bench.race(
        "title",
        {"a": lambda: count("a"), "b": lambda: count("b"), "c": harness.not_installed("c")},
        scale={"b": 1000.0},
    )
    assert calls == {"a": 6, "b": 6}  # once to warm up
    assert set(medians) == {"a", "b"}
    rows = bench.tables[0]["rows"]
    assert [row["contestant"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["times the first"] == 1.0
    assert rows[1]["times the first"] == pytest.approx(medians["b"] / medians["a"])
    assert "c is not installed" in capsys.readouterr().out
    page = harness.markdown(bench.tables, "command")
    assert "Made by `command`" in page
    assert "## title" in page
    assert page.count("\n| ") == 4


def test_peaks(harness: Any) -> None:
    level = randprop.show_config("dict")["simd_in_use"]
    assert harness.peak(level, "popcount") > 0
    assert harness.peak("scalar", "lut") == 0.0
    assert randprop.show_config("dict")["simd_in_use"] == level


def test_bench_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    out, page = tmp_path / "out.json", tmp_path / "page.md"
    arguments = ["bench", "convolve", "centroids", "hamming", "ridge", "--quick", "--rounds", "2"]
    assert cli.main([*arguments, "--json", str(out), "--markdown", str(page)]) == 0
    content = json.loads(out.read_text())
    titles = [table["title"] for table in content["tables"]]
    assert len(titles) == 5 + 2 + 1 + 2
    for table in content["tables"]:
        assert table["rows"][0]["contestant"].startswith("randprop ")
    assert "randprop bench convolve centroids hamming ridge --quick" in page.read_text()
    assert "Nearest of 6,000 rows" in capsys.readouterr().out


def test_bench_refuses_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["bench", "poetry"])
    assert "poetry" in capsys.readouterr().err
    assert cli.main(["bench", "hamming", "--rounds", "1"]) == 1
    assert "--rounds must lie in [2, 1000], got 1" in capsys.readouterr().err
