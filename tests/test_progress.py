"""How far a run is: on a terminal, in a notebook, in a log; with rich and without it."""

from __future__ import annotations

import io
import sys
import types

import numpy as np
import pytest

from randprop import StepNetwork, fit_parallel
from randprop.measure import progress
from sources import Counting, Y


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test moves."""
    now = types.SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(progress, "monotonic", lambda: now.seconds)
    return now


@pytest.fixture
def show(monkeypatch, clock):
    def run(terminal, total, steps, **options):
        stream = Stream(terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        with progress.track("samples", total, **options) as advance:
            for seconds, count in steps:
                clock.seconds += seconds
                advance(count)
        return stream.getvalue()

    return run


def test_a_log_has_a_line_a_minute(show):
    said = show(False, 10**9, [(10, 10_000_000)] * 20)
    assert said.splitlines() == [
        "samples 60,000,000/1,000,000,000 (6 %)  1,000,000/s  15 min 40 s left",
        "samples 120,000,000/1,000,000,000 (12 %)  1,000,000/s  14 min 40 s left",
        "samples 180,000,000/1,000,000,000 (18 %)  1,000,000/s  13 min 40 s left",
        "samples 200,000,000/1,000,000,000 (20 %)  1,000,000/s  13 min 20 s left",
    ]
    assert show(False, 100, [(10, 50), (10, 50)]) == ""  # over within a minute


def test_a_terminal_has_one_line_that_changes(show, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    said = show(True, 4000, [(0.1, 400), (0.9, 1600), (1, 1000), (1, 1000)])
    assert said.count("\n") == 1
    assert said.endswith("\n")
    lines = said.rstrip("\n").split("\r")[1:]
    assert lines[0] == "############------------  samples 2,000/4,000 (50 %)  2,000/s  1 s left"
    assert (
        lines[-1].rstrip() == "########################  samples 4,000/4,000 (100 %)  1,333/s  3 s"
    )
    assert show(True, 4000, [(0.1, 4000)]) == ""  # over at once
    assert show(True, 4000, [(9, 400)], show=False) == ""
    assert show(True, 0, []) == ""


def test_what_an_earlier_run_did_is_not_of_this_rate(show):
    said = show(False, 1000, [(60, 60)], done=800)
    assert said.splitlines()[0] == "samples 860/1,000 (86 %)  1/s  2 min 20 s left"


def test_a_total_that_is_not_known(show):
    assert show(False, None, [(61, 6100)]).splitlines()[0] == "samples 6,100  100/s  1 min 01 s"


@pytest.mark.parametrize("seconds", [7, 77, 7777, 777_777])
def test_durations(seconds):
    expected = {7: "7 s", 77: "1 min 17 s", 7777: "2 h 09 min", 777_777: "9 days 0 h"}
    assert progress._duration(seconds) == expected[seconds]


def test_a_notebook_has_one_output_that_changes(show, monkeypatch):
    shown, updated = [], []

    def display(content, *, raw, display_id):
        assert raw
        assert display_id
        shown.append(content["text/plain"])
        return types.SimpleNamespace(update=lambda new, raw: updated.append(new["text/plain"]))

    shell = types.SimpleNamespace(kernel=object())
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    assert show(False, 100, [(1, 25), (1, 25), (2, 50)]) == ""
    assert shown == ["######------------------  samples 25/100 (25 %)  25/s  3 s left"]
    assert len(updated) == 3
    assert updated[-1].endswith("samples 100/100 (100 %)  25/s  4 s")


@pytest.mark.parametrize("rich", [True, False])
def test_a_fit_shows_its_samples(monkeypatch, rich):
    if not rich:
        monkeypatch.setitem(sys.modules, "rich", None)
        monkeypatch.setitem(progress._EVERY, "terminal", 0.0)
    stream = Stream(True)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    fit_parallel(StepNetwork(64, width=40), Counting(), Y, chunk_size=100)
    assert "samples" in stream.getvalue()
    assert ("1437/1437" if rich else "samples 1,437/1,437 (100 %)") in stream.getvalue()
    assert "/s" in stream.getvalue()
    quiet = Stream(True)
    monkeypatch.setattr(sys, "stderr", quiet)
    fit_parallel(StepNetwork(64, width=40), Counting(), np.array(Y), progress=False)
    assert quiet.getvalue() == ""
