"""What an experiment is made of, and what all of them share while they run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from randprop.measure.sweep import sweep
from randprop.measure.sweep_result import SweepResult, mean_and_interval
from randprop.theory import CosineStatistics

__all__ = [
    "Context", "Experiment", "Figure", "Section", "Table", "by_depth", "curve", "interval",
    "percent", "spread", "statistics_by_depth",
]  # fmt: skip

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A picture: `draw` puts it on a fresh matplotlib figure, or returns one of its own."""

    name: str
    caption: str
    draw: Callable[[Any], Any]
    size: tuple[float, float] = (7.2, 4.2)


@dataclass(frozen=True)
class Table:
    """Rows under a line of names; numbers as numbers."""

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Section:
    """What an experiment says: everything follows from its numbers."""

    answer: list[str]
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True)
class Experiment:
    """A question, how it is measured, and how its numbers are read."""

    key: str  # on the command line, and the name of its file
    title: str
    question: str  # in the paper's sense, shortened, with the section
    method: str
    measure: Callable[[Context], Numbers]  # numbers that JSON can hold
    present: Callable[[Numbers], Section]  # computes nothing anew


@dataclass
class Context:
    """Options of a study, its sweeps, and the cosines that the theory has asked for so far."""

    seeds: int
    full: bool = False
    store: Path | None = None
    progress: bool = True
    n_threads: int | None = None
    say: Callable[[str], None] = lambda text: None
    cosines: dict[str, CosineStatistics] = field(default_factory=dict)

    def sweep(self, **arguments: Any) -> SweepResult:
        """Run a sweep with the seeds and the store of the study."""
        arguments.setdefault("seeds", self.seeds)
        return sweep(
            store=self.store, progress=self.progress, n_threads=self.n_threads, **arguments
        )


def curve(result: SweepResult, metric: str = "accuracy", **where: Any) -> dict[str, list[Any]]:
    """Mean, standard deviation and half the 95 % interval over seeds, by depth."""
    rows = sorted(result.where(**where).summary(metric), key=lambda row: row["layers"])
    return {
        "layers": [row["layers"] for row in rows],
        "mean": [row[metric] for row in rows],
        "sd": [none_for_nan(row["sd"]) for row in rows],
        "ci95": [none_for_nan(row["ci95"]) for row in rows],
        "n_seeds": rows[0]["n_seeds"],
    }


def by_depth(
    name: str, caption: str, layers: Sequence[int], columns: Mapping[str, Sequence[Any]]
) -> Table:
    """Return a table with a row a depth."""
    rows = [[layer, *(column[i] for column in columns.values())] for i, layer in enumerate(layers)]
    return Table(name, caption, ("hidden layers", *columns), rows)


def statistics_by_depth(name: str, caption: str, found: dict[str, Any]) -> Table:
    """Return the table of a `curve`."""
    return by_depth(name, caption, found["layers"], {k: found[k] for k in ("mean", "sd", "ci95")})


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation and half the 95 % interval of single numbers."""
    mean, sd, half = mean_and_interval(values)
    return {"mean": mean, "sd": none_for_nan(sd), "ci95": none_for_nan(half), "n": len(values)}


def none_for_nan(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value


def percent(share: float) -> str:
    """Write a share as a percentage."""
    return f"{100 * share:.1f} %"


def interval(mean: float, half: float | None) -> str:
    """Write a mean with its interval."""
    return f"{mean:.3f}" if half is None else f"{mean:.3f} ± {half:.3f}"
