"""What result files hold, by name, and that docs/outputs.md lists all of it."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pytest

import randprop
from randprop import cli
from randprop.study.report import write

PAGE = (Path(__file__).parent.parent / "docs" / "outputs.md").read_text(encoding="utf-8")


def listed(title: str) -> list[str]:
    """Names in the first column of the table below a heading of the page."""
    section = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert section is not None
    cells = re.findall(r"^\| (`[^|]*`) \|", section[1], re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def strict(text: str) -> object:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("layers", ["1", "0,1"])
def test_an_evaluation(layers, tmp_path):
    out = tmp_path / "found.json"
    call = ["evaluate", "--layers", layers, "--width", "32", "--dataset", "digits"]
    assert cli.main([*call, "--json", str(out)]) == 0
    found = strict(out.read_text())
    for one in found if isinstance(found, list) else [found]:
        assert list(one) == listed("evaluate --json")
        assert one["schema"] == 1
    assert isinstance(found, list) == ("," in layers)


def test_a_sweep(tmp_path, capsys):
    call = ["sweep", "--layers", "0,1", "--width", "16", "--seeds", "2", "--dataset", "digits"]
    table = tmp_path / "cells.csv"
    assert cli.main([*call, "--no-progress", "--csv", str(table), "--json", "-"]) == 0
    found = strict(capsys.readouterr().out)
    assert list(found) == ["schema", "version", "rows"]
    assert found["schema"] == 1
    assert found["version"] == randprop.__version__
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert list(rows[0]) == listed("sweep --csv and --json")
    told = [{name: str(value) for name, value in row.items()} for row in found["rows"]]
    assert told == rows
    assert len(rows) == 4


def test_what_is_no_number_is_null():
    rows = [{"accuracy": 0.5, "variance_floor": math.nan, "dataset": "digits"}]
    found = randprop.SweepResult(rows).to_dict()["rows"]
    assert found == [{"accuracy": 0.5, "variance_floor": None, "dataset": "digits"}]
    assert math.isnan(rows[0]["variance_floor"])


def test_a_study(tmp_path):
    write(tmp_path, {}, {}, seeds=1, command="randprop study", seconds={})
    found = strict((tmp_path / "numbers.json").read_text())
    assert list(found) == listed("numbers.json of a study")
    assert found["schema"] == 1
