"""What is shown of names and labels that come from files: no terminal or spreadsheet obeys it."""

from __future__ import annotations

import csv
import io
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import randprop
from randprop import _tables, cli
from randprop.measure.sweep_result import SweepResult

# A title, a cleared screen, the 8-bit control sequence introducer, text that runs backwards.
EVIL = "\x1b]0;title\x07\x1b[2J\x9b2J\u202eevil\u2066\x7f\r\x00"
SHOWN = r"\x1b]0;title\x07\x1b[2J\x9b2J\u202eevil\u2066\x7f\x0d\x00"


def test_printable() -> None:
    assert _tables.printable(EVIL) == SHOWN
    assert _tables.printable("a\nb\tc") == r"a\x0ab\x09c"
    assert _tables.printable("a\nb\tc", lines=True) == "a\nb" + r"\x09c"
    assert _tables.printable("\udcff") == r"\udcff"  # a byte of a path that is no text
    for text in ("", "plain", "Zürich", "日本語", "עברית", "naïve — 1/2", "👩‍🔬", "a\\x1b"):
        assert _tables.printable(text) == text
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    shown = _tables.printable(everything)
    shown.encode()
    assert not set(shown) & {chr(i) for i in (*range(32), *range(127, 160))}


def test_tables_show_what_terminals_would_obey() -> None:
    assert (
        _tables.text_table([["name", "n"], [EVIL, "1"]], left=[0]).splitlines()[1] == f"{SHOWN}  1"
    )
    page = _tables.html_table(EVIL + "<b>", [[EVIL], ["<i>"]])
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert f"{SHOWN}&lt;b&gt;" in page


def evil_evaluation(**options: Any) -> Any:
    X = np.arange(120, dtype=np.uint8).reshape(12, 10)
    y = np.array([EVIL.rstrip("\x00"), "b"])[np.arange(12) % 2]
    return randprop.evaluate(dataset=(X, y, X, y), width=16, **options)


def test_results_show_labels() -> None:
    one, several = evil_evaluation(layers=1), evil_evaluation(layers=[0, 1])
    for text in (str(one), repr(one), one._repr_html_(), str(several), repr(several)):
        assert not set(text) & set("\x1b\x9b\x07\u202e\u2066\x7f\r")
    assert SHOWN.removesuffix(r"\x00") in str(one)


def row(**changes: Any) -> dict[str, Any]:
    found = dict.fromkeys(randprop.measure.store.PARAMETERS + randprop.measure.store.METRICS, -0.5)
    return {**found, **changes}


def test_a_sweep_shows_names() -> None:
    result = SweepResult([row(dataset=EVIL), row(dataset=EVIL, width=8)])
    for text in (str(result), result._repr_html_()):
        assert SHOWN in text
        assert "\x1b" not in text


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "\nx", "plain", "", " =x", "'", "a=b"]
    SweepResult([row(dataset=name) for name in names]).to_csv(tmp_path / "cells.csv")
    with (tmp_path / "cells.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = [line["dataset"] for line in rows]
    assert found == [f"'{name}" if i < 7 else name for i, name in enumerate(names)]
    assert {line["accuracy"] for line in rows} == {"-0.5"}  # a number is none
    text = _tables.csv_text(["=a", "b"], [[-math.inf, None], [np.float64(-1.5), "-x"]], end="\n")
    assert list(csv.reader(io.StringIO(text))) == [["'=a", "b"], ["-inf", ""], ["-1.5", "'-x"]]


def test_rows_of_other_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rows have unknown columns: 'other'"):
        SweepResult([row(other=1)]).to_csv(tmp_path / "cells.csv")
    assert not list(tmp_path.iterdir())


def test_errors_of_the_command_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sweep", "--dataset", "digits", "--csv", f"/no{EVIL[:-1]}/x"]) == 1
    assert r"the folder of /no\x1b]0;title" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["info", f"--{EVIL}"])
    assert SHOWN in capsys.readouterr().err


def test_a_path_that_is_no_text_is_told(tmp_path: Path) -> None:
    """Such a name ended in a UnicodeEncodeError, though all was written."""
    out = bytes(tmp_path) + b"/caf\xe9.model"
    done = subprocess.run(
        [sys.executable, "-m", "randprop", "export", "model", "--dataset", "digits", "--width",
         "16", "--out", out],
        capture_output=True, env={"PYTHONIOENCODING": "utf-8:strict"}, check=False,
    )  # fmt: skip
    assert done.stderr == b""
    assert rb"/caf\udce9.model: accuracy 0." in done.stdout
