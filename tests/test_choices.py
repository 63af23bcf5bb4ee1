"""docs/choices.md: the table of defaults is that of the signatures."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import randprop
from randprop import cli
from randprop.readouts.registry import READOUTS

PAGE = Path(__file__).parent.parent / "docs" / "choices.md"


def rows(heading: str) -> list[list[str]]:
    """Cells of the table under a heading, without its line of dashes."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return [cells[0], *cells[2:]]


def shown(value: Any) -> str:
    return "0 to 15" if value in (range(16), list(range(16)), "0-15") else str(value)


def defaults_of(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    if name != "randprop export":
        parameters = inspect.signature(getattr(randprop, name)).parameters.values()
        return {p.name: shown(p.default) for p in parameters if p.default is not p.empty}
    found: dict[str, Any] = {}
    verb = cli.VERBS["export"]._replace(run=lambda arguments: found.update(vars(arguments)))
    monkeypatch.setitem(cli.VERBS, "export", verb)
    assert cli.main(["export", "c", "--out", "nowhere"]) == 0
    return {argument: shown(value) for argument, value in found.items()}


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    (_, *functions), *lines = rows("Defaults")
    listed = {line[0] for line in lines}
    for column, function in enumerate(functions, start=1):
        defaults = defaults_of(function, monkeypatch)
        for line in lines:
            assert line[column] == defaults.get(line[0], "-"), (function, line[0])
        # What is not in the table belongs to one of them alone.
        alone = {"n_train", "n_test", "weights", "store", "progress", "executor", "chunk_size",
                 "y", "resume", "verb", "run", "format", "out", "readout_bits", "self_test", "name",
                     "arduino", "test", "label", "model", "usual"}  # fmt: skip
        assert set(defaults) - listed <= alone


def test_readouts() -> None:
    _, *lines = rows("Readouts")
    assert [line[0] for line in lines] == list(READOUTS)
    for name, _, option in lines:
        assert READOUTS[name].options == ((option,) if option else ())
