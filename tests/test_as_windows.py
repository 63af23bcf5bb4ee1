"""Files are written where `os` has what Windows has, and no more: the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import as_windows
from helpers import HANG

# Results with times in them, a store, whose log SQLite folds in when it likes, and sums that tell
# where their data are.
TOLD = {"cells.csv", "cells.sqlite", "result.json", "sums"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files as Linux lists them")
def test_work_with_files(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    script = [sys.executable, "-X", "warn_default_encoding", as_windows.__file__, str(there)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stderr
    as_windows.work(here)
    names = [{str(p.relative_to(f)) for p in f.rglob("*") if p.is_file()} for f in (here, there)]
    assert names[0] == names[1]
    for name in names[0] - TOLD:
        assert (here / name).read_bytes() == (there / name).read_bytes(), name
    results = [json.loads((f / "result.json").read_text("utf-8")) for f in (here, there)]
    assert results[0]["accuracy"] == results[1]["accuracy"]
