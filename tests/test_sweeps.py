"""Sweeps: the grid, the store, interruptions, summaries."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial

import numpy as np
import pytest
from scipy import stats

from helpers import HANG, random_bytes
from randprop import evaluate, sweep
from randprop.measure import progress
from randprop.measure import store as cell_store
from randprop.measure.sweep import _Chain


def blobs(n_train=120, n_test=40, n_features=30, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 200, (3, n_features))
    y = np.arange(n_train + n_test) % 3
    X = np.clip(centres[y] + rng.integers(-60, 60, (len(y), n_features)), 0, 255).astype(np.uint8)
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:]


def without_seconds(result):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in result]


def test_cells_equal_evaluate():
    data = blobs()
    result = sweep([0, 3], dataset=data, width=[20, 64], activation=["step", "sign"], seeds=[4, 9])
    assert len(result) == 16
    for row in result:
        one = evaluate(
            row["layers"],
            dataset=data,
            width=row["width"],
            activation=row["activation"],
            seed=row["seed"],
        )
        for name in ("accuracy", "variance_units", "variance_samples", "variance_class_means",
                     "baseline_accuracy"):  # fmt: skip
            assert row[name] == getattr(one, name)


def test_every_axis_and_defaults():
    result = sweep(
        [1],
        dataset=blobs(),
        weights=["uniform", "gaussian", "fan_in_2"],
        readout=["centroid", "ridge"],
        seeds=1,
        n_train=60,
        n_test=20,
    )
    assert {(r["weights"], r["readout"]) for r in result} == {
        (w, r) for w in ("uniform", "gaussian", "fan_in_2") for r in ("centroid", "ridge")
    }
    assert {(r["n_train"], r["n_test"], r["width"], r["dataset"]) for r in result} == {
        (60, 20, 30, "arrays")
    }
    smooth = sweep(2, dataset=blobs(), activation=["relu", "identity"], seeds=1)
    assert all(0.3 < row["accuracy"] <= 1 for row in smooth)


def test_thinning_spreads_over_the_data():
    X_train, y_train, X_test, y_test = blobs(n_train=120)
    rows = np.arange(60) * 2
    thin = sweep(0, dataset=(X_train, y_train, X_test, y_test), seeds=1, n_train=60)
    same = sweep(0, dataset=(X_train[rows], y_train[rows], X_test, y_test), seeds=1)
    assert thin.rows[0]["accuracy"] == same.rows[0]["accuracy"]
    assert thin.rows[0]["variance_class_means"] == same.rows[0]["variance_class_means"]


def test_floor_is_what_classes_without_differences_show():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (3000, 40), dtype=np.uint8)
    y = rng.integers(0, 5, 3000)
    result = sweep(0, dataset=(X, y, X[:50], y[:50]), width=512, seeds=4)
    ratio = np.mean([r["variance_class_means"] / r["variance_floor"] for r in result])
    assert ratio == pytest.approx(1, abs=0.1)


def test_threads_and_jobs_do_not_change_the_result():
    arguments = {"layers": [0, 2], "dataset": blobs(), "seeds": 3, "width": [16, 40]}
    one = sweep(**arguments, n_threads=1)
    assert without_seconds(sweep(**arguments, n_threads=3)) == without_seconds(one)
    assert without_seconds(sweep(**arguments, n_jobs=2)) == without_seconds(one)


def test_resumes_from_the_store(tmp_path, monkeypatch):
    store = tmp_path / "cells.sqlite"
    data = blobs()
    whole = sweep([0, 1, 2], dataset=data, seeds=3)
    sweep([0, 2], dataset=data, seeds=2, store=store)
    computed = []
    run = _Chain.run
    monkeypatch.setattr(
        _Chain, "run", lambda task, data: computed.extend(task.cells) or run(task, data)
    )
    resumed = sweep([0, 1, 2], dataset=data, seeds=3, store=store)
    assert without_seconds(resumed) == without_seconds(whole)
    assert len(computed) == 5  # depth 1 of two seeds, three depths of the third
    computed.clear()
    again = sweep([0, 1, 2], dataset=data, seeds=3, store=store)
    assert list(again) == list(resumed)
    assert not computed
    with sqlite3.connect(store) as db:
        assert db.execute("SELECT count(*) FROM cells").fetchone() == (9,)


def test_store_refuses_what_does_not_mix(tmp_path, monkeypatch):
    store = tmp_path / "cells.sqlite"
    data = blobs()
    sweep(0, dataset=data, seeds=1, store=store)
    before = store.read_bytes()
    with pytest.raises(ValueError, match="holds results of other data named arrays"):
        sweep(0, dataset=blobs(seed=1), seeds=1, store=store)
    monkeypatch.setattr(cell_store, "DEFINITION", "3")
    with pytest.raises(ValueError, match="results of definition 2, this is definition 3"):
        sweep(0, dataset=data, seeds=1, store=store)
    monkeypatch.undo()
    with sqlite3.connect(store) as db:
        db.execute("UPDATE randprop SET value = '0.0.1' WHERE name = 'randprop'")
    with pytest.raises(ValueError, match=r"results of randprop 0\.0\.1, this is randprop"):
        sweep(0, dataset=data, seeds=1, store=store)
    assert before
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (x)")
    with pytest.raises(ValueError, match="database of something else"):
        sweep(0, dataset=data, seeds=1, store=other)
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and longer than the header of one" * 40)
    with pytest.raises(ValueError, match="is not a store of a sweep"):
        sweep(0, dataset=data, seeds=1, store=text)
    assert text.read_text().startswith("not a database")


FOREIGN = {
    "something else": "CREATE TABLE t (x)",
    "a view alone": "CREATE VIEW v AS SELECT 1",
    "a table of the same name": "CREATE TABLE randprop (x); CREATE TABLE cells (y)",
    "other columns": "CREATE TABLE randprop (name, value); CREATE TABLE cells (y)",
    "endless views": "CREATE VIEW randprop AS WITH RECURSIVE r(name, value) AS (SELECT 1, 1 UNION "
    "ALL SELECT name + 1, 1 FROM r) SELECT name, value FROM r; CREATE TABLE cells (y)",
}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("mode", ["delete", "wal", "wal, not folded in", "wal without its index"])
def test_a_foreign_database_is_not_touched(tmp_path, statements, mode):
    made, folder = tmp_path / "made.sqlite", tmp_path / "folder"
    folder.mkdir()
    path = folder / "other.sqlite"
    with closing(sqlite3.connect(made)) as db:
        db.execute(f"PRAGMA journal_mode = {mode.partition(',')[0].split()[0]}")
        db.executescript(statements)
        if " " in mode:  # as a process leaves it that dies here
            ends = ("", "-wal") if "without" in mode else ("", "-wal", "-shm")
            for end in ends:
                shutil.copy(f"{made}{end}", f"{path}{end}")
    if " " not in mode:
        shutil.copy(made, path)
    before = contents(folder)
    with pytest.raises(ValueError, match="other.sqlite is a database of something else"):
        cell_store.CellStore(path)
    after = contents(folder)
    before.pop("other.sqlite-shm", None), after.pop("other.sqlite-shm", None)
    assert after == before


def test_a_store_of_another_version_is_not_touched(tmp_path, monkeypatch):
    path = tmp_path / "cells.sqlite"
    with closing(cell_store.CellStore(path)):
        pass
    before = contents(tmp_path)
    monkeypatch.setattr(cell_store, "DEFINITION", "3")
    with pytest.raises(ValueError, match="results of definition 2"):
        cell_store.CellStore(path)
    assert contents(tmp_path) == before
    assert list(before) == ["cells.sqlite"]


@pytest.mark.parametrize(
    "name",
    [
        "file:cells",
        "file:x?mode=memory",
        "file:%41#a",
        ":memory:",
        "a?b=c#d%41 e",
        "é'\"\n",
        "caf\udce9",
    ],
)
def test_the_name_of_a_store_is_a_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with closing(cell_store.CellStore(name)):
            assert {name, name + "-wal", name + "-shm"} == set(os.listdir())
        assert os.listdir() == [name]


def test_only_ordinary_files_are_stores(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    before = os.stat("/dev/null")
    for path in (tmp_path / "pipe", "/dev/null", "/dev/zero"):
        with pytest.raises(OSError, match=f"Not a regular file: '{path}'"):
            cell_store.CellStore(path)
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        cell_store.CellStore(tmp_path)
    assert os.listdir(tmp_path) == ["pipe"]
    assert os.stat("/dev/null").st_ino == before.st_ino


def test_a_log_that_was_left_is_folded_in(tmp_path):
    """A store of which only the log holds anything: its process died before the first cell."""
    made, path = tmp_path / "made", tmp_path / "cells"
    with closing(cell_store.CellStore(made)) as store:
        store.check_data("arrays", "sum")
        for end in ("", "-wal"):
            shutil.copy(f"{made}{end}", f"{path}{end}")
    with (
        closing(cell_store.CellStore(path)) as store,
        pytest.raises(ValueError, match="holds results of other data named arrays"),
    ):
        store.check_data("arrays", "other sum")
    assert not (tmp_path / "cells-wal").exists()


SCRIPT = """
import signal, sqlite3, sys
import numpy as np
import randprop

store, seeds, report, stop = sys.argv[1], *map(int, sys.argv[2:])
points = 0


def point():
    # Says where it is, and goes no further than it may.
    global points
    points += 1
    if points == report:
        print("here", flush=True)
    while points == stop:
        signal.pause()


class Counting(sqlite3.Connection):
    def __exit__(self, *error):
        point()
        found = super().__exit__(*error)
        point()
        return found


connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Counting, **options)
rng = np.random.default_rng(3)
X = rng.integers(0, 256, (400, 200), dtype=np.uint8)
y = rng.integers(0, 4, 400)
randprop.sweep(range(6), dataset=(X, y, X[:100], y[:100]), width=[200, 300], seeds=seeds,
               store=store, progress=False)
"""
NEVER = 0
NEW_STORE = 4  # points before the first cell: two transactions, each before and after its commit


@pytest.fixture
def start(tmp_path):
    """Start a sweep that reports at one point of its way and stops at another."""
    script = tmp_path / "sweep.py"
    script.write_text(SCRIPT)

    def start(store, seeds, report=NEVER, stop=NEVER):
        return subprocess.Popen(
            [sys.executable, *map(str, (script, store, seeds, report, stop))],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def cells_of(store):
    """Every cell, but for the seconds that it took."""
    with closing(sqlite3.connect(store)) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(cells)")]
        columns = ", ".join(name for name in columns if name != "seconds")
        return sorted(db.execute(f"SELECT {columns} FROM cells"), key=repr)


@pytest.mark.parametrize(("kills", "seeds"), [(5, 1), pytest.param(50, 20, marks=pytest.mark.slow)])
def test_killed_again_and_again_and_resumed(tmp_path, start, kills, seeds):
    store, whole = tmp_path / "cells.sqlite", tmp_path / "whole.sqlite"
    with start(whole, seeds) as process:
        assert process.wait(HANG) == 0
    draw = random.Random(1)
    kept = 0
    for kill in range(kills):
        # The first while the store is made, the others after up to two more cells, before or after
        # a commit; every other one anywhere on the way from there to the next cell.
        report = 1 + kill if kill < 1 else NEW_STORE + draw.randint(1, 4)
        stop = report + 2 * (kill % 2)
        with start(store, seeds, report, stop) as process:
            assert process.stdout.readline() == "here\n"
            process.kill()
            assert process.wait(HANG) == -signal.SIGKILL
        if kill:
            found = len(cells_of(store))
            assert kept <= found <= kept + 3
            kept = found
    assert 0 < kept < 12 * seeds
    with start(store, seeds) as process:
        assert process.wait(HANG) == 0
    rows = cells_of(whole)
    assert len(rows) == 12 * seeds
    assert cells_of(store) == rows


def test_two_processes_may_share_a_store(tmp_path, start):
    store = tmp_path / "cells.sqlite"
    with start(store, 6) as one, start(store, 6) as other:
        assert (one.wait(HANG), other.wait(HANG)) == (0, 0)
    assert len(cells_of(store)) == 72


def test_a_store_waits_for_who_writes_it(tmp_path, monkeypatch):
    """SQLite turns its log on only where nobody writes, and does not wait for that by itself."""
    path = tmp_path / "cells.sqlite"
    told = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        class Watched(sqlite3.Connection):
            def execute(self, statement, *rest):
                told.append(statement)
                if statement == "BEGIN IMMEDIATE" and other.in_transaction:
                    other.execute("ROLLBACK")
                return super().execute(statement, *rest)

        connect = partial(sqlite3.connect, factory=Watched)
        monkeypatch.setattr(cell_store.sqlite3, "connect", connect)
        cell_store.CellStore(path).close()
    assert told[:2] == ["PRAGMA journal_mode = WAL", "BEGIN IMMEDIATE"]


def test_summary_is_student_t():
    result = sweep([0, 1], dataset=blobs(), seeds=5, width=9)
    for row in result.summary():
        values = [r["accuracy"] for r in result.where(layers=row["layers"])]
        assert row["n_seeds"] == 5
        assert row["accuracy"] == pytest.approx(np.mean(values), abs=1e-15)
        assert row["sd"] == pytest.approx(np.std(values, ddof=1))
        low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
        assert row["ci95"] == pytest.approx((high - low) / 2)
    assert np.isnan(sweep(0, dataset=blobs(), seeds=1).summary()[0]["ci95"])


def test_tables_and_plots(tmp_path):
    result = sweep([0, 1, 2], dataset=blobs(), seeds=2, width=[9, 20])
    frame = result.to_pandas()
    assert len(frame) == 12
    assert frame.groupby("layers")["accuracy"].mean().tolist() == pytest.approx(
        [np.mean([r["accuracy"] for r in result.where(layers=m)]) for m in (0, 1, 2)]
    )
    result.to_csv(tmp_path / "cells.csv")
    with (tmp_path / "cells.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["accuracy"]) for row in rows] == [row["accuracy"] for row in result]
    assert os.listdir(tmp_path) == ["cells.csv"]
    import matplotlib

    matplotlib.use("agg")
    ax = result.plot()
    assert [line.get_label() for line in ax.get_lines()[:2]] == ["9", "20"]
    assert ax.get_legend().get_title().get_text() == "width"
    means = [row["accuracy"] for row in result.where(width=9).summary()]
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), means)
    assert result.plot("variance_class_means", ax=ax) is ax


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layers": []}, ValueError, "layers must have at least one"),
        ({"layers": [0, -1]}, ValueError, r"layers\[1\] must lie in \[0, 100000\], got -1"),
        ({"layers": 1.5}, TypeError, "layers must be an integer"),
        ({"width": 0}, ValueError, "width must lie in"),
        ({"weight_bits": 3}, ValueError, "weight_bits must be one of 1, 2, 4, 8, 24, got 3"),
        ({"weights": ["uniform", "odd"]}, ValueError, "weights must be one of 'uniform'"),
        ({"activation": "gelu"}, ValueError, "activation must be one of 'step', 'sign', 'relu'"),
        ({"readout": "svm"}, ValueError, "readout must be one of 'centroid'"),
        ({"dataset": "mnits"}, ValueError, "dataset must be one of 'mnist'"),
        ({"dataset": [1, 2]}, TypeError, "dataset must be a name or"),
        ({"seeds": 0}, ValueError, r"seeds must lie in \[1, 1000000\], got 0"),
        ({"seeds": [0, -1]}, ValueError, r"seeds\[1\] must lie in"),
        ({"n_train": 0}, ValueError, "n_train must lie in"),
        ({"n_jobs": 0}, ValueError, "n_jobs must be at least 1, or .* got 0"),
        ({"weights": "ternary", "weight_bits": 4}, ValueError, "is only for weights 'uniform'"),
        (
            {"activation": "tanh", "readout": "ridge"},
            ValueError,
            "takes only weights 'uniform' and",
        ),
        ({"store": "/no/such/folder/s.sqlite"}, OSError, "unable to open database file"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        sweep(**{"layers": 0, "dataset": blobs(), "seeds": 1, **arguments})


def test_unseen_labels_and_unknown_metrics():
    X_train, y_train, X_test, y_test = blobs()
    with pytest.raises(ValueError, match="y_test has labels that y_train does not have"):
        sweep(0, dataset=(X_train, y_train, X_test, y_test + 1), seeds=1)
    result = sweep(0, dataset=blobs(), seeds=1)
    with pytest.raises(ValueError, match="metric must be one of 'accuracy'"):
        result.summary("f1")
    with pytest.raises(ValueError, match="parameters must be one of"):
        result.where(depth=3)


def test_progress_is_silent_without_a_terminal(capsys):
    sweep([0, 1], dataset=blobs(), seeds=2, progress=True)
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""


def test_progress_shows_rate_and_time_on_a_terminal(monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    with progress.track("cells", 4) as advance:
        for _ in range(4):
            advance(1)
    assert "cells" in stream.getvalue()
    assert "4/4" in stream.getvalue()
    assert "/s" in stream.getvalue()
    stream.truncate(0)
    stream.seek(0)
    with progress.track("cells", 4, show=False) as advance:
        advance(4)
    assert stream.getvalue() == ""


def test_wide_features_need_no_network_of_their_own():
    data = (random_bytes(1, 30, 700), np.arange(30) % 3, random_bytes(2, 9, 700), np.arange(9) % 3)
    assert sweep(0, dataset=data, width=5, seeds=1).rows[0]["width"] == 5
