"""The paper's experiments with error bars, its open questions, and the theory: one report.

Every experiment measures numbers, which JSON can hold, and presents them; what it answers is
computed from the numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any

from randprop._registry import Registry
from randprop._validation import check_choice, check_int, check_threads
from randprop.show.canvas import pyplot
from randprop.study import report
from randprop.study.accuracy import EXPERIMENT as ACCURACY
from randprop.study.activations import EXPERIMENT as ACTIVATIONS
from randprop.study.beyond import EXPERIMENT as BEYOND
from randprop.study.cause import EXPERIMENT as CAUSE
from randprop.study.convolution import EXPERIMENT as CONVOLUTION
from randprop.study.datasets import EXPERIMENT as DATASETS
from randprop.study.few_inputs import EXPERIMENT as FEW_INPUTS
from randprop.study.parts import Context, Experiment, Figure, Section, Table
from randprop.study.readouts import EXPERIMENT as READOUTS
from randprop.study.theory import EXPERIMENT as THEORY
from randprop.study.useful import EXPERIMENT as USEFUL
from randprop.study.variance import EXPERIMENT as VARIANCE
from randprop.study.weights import EXPERIMENT as WEIGHTS
from randprop.study.width import EXPERIMENT as WIDTH

__all__ = [
    "DEFAULT", "EXPERIMENTS", "Experiment", "Figure", "Section", "Table", "measure",
    "run_study",
]  # fmt: skip

EXPERIMENTS: Registry[Experiment] = Registry()
for _experiment in (
    ACCURACY, VARIANCE, BEYOND, WEIGHTS, ACTIVATIONS, CONVOLUTION, DATASETS,
    CAUSE, THEORY, WIDTH, FEW_INPUTS, READOUTS, USEFUL,
):  # fmt: skip
    EXPERIMENTS.add(_experiment.key, _experiment)
# Run where nothing else is asked for; the others take minutes more.
DEFAULT = tuple(key for key in EXPERIMENTS if key != "datasets")


def measure(
    seeds: int = 10,
    *,
    only: Iterable[str] | None = None,
    full: bool = False,
    store: Path | None = None,
    progress: bool = True,
    n_threads: int | None = None,
    say: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run experiments as `run_study` does, and return ``numbers`` and ``seconds`` of each by key.

    `store` is a file for the finished cells of the sweeps.
    """
    seeds = check_int("seeds", seeds, 1, 100_000)
    threads = check_threads(n_threads)
    keys = _select(only, full)
    context = Context(
        seeds,
        full=full,
        store=store,
        progress=progress,
        n_threads=threads,
        say=say or (lambda text: None),
    )
    numbers, seconds = {}, {}
    for key in keys:
        context.say(EXPERIMENTS[key].title)
        started = perf_counter()
        numbers[key] = EXPERIMENTS[key].measure(context)
        seconds[key] = perf_counter() - started
    return {"numbers": numbers, "seconds": seconds}


def run_study(
    out: str | PathLike[str] = "report",
    *,
    seeds: int = 10,
    only: Iterable[str] | None = None,
    full: bool = False,
    progress: bool = True,
    n_threads: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Run experiments and write the report.

    Parameters
    ----------
    out : path-like, default="report"
        Folder for ``report.html``, ``numbers.json``, figures, tables and ``cells.sqlite``, the
        store of the sweeps. It is created if it does not exist. A study that was stopped continues
        from the store.
    seeds : int, default=10
        Number of seeds in each experiment: 0, 1, ...
    only : iterable of str, optional
        Keys of `EXPERIMENTS`. Default: all but ``"datasets"``.
    full : bool, default=False
        Also use other data sets, up to 8,192 units, up to 30 hidden layers, and all seeds for up to
        4,096 units. Takes up to an hour.
    progress : bool, default=True
        Show progress bars if standard error is a terminal.
    n_threads : int, optional
    say : callable, optional
        Function that is called with messages about the progress.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or the store in the folder is of another version.
    ImportError
        If matplotlib is not installed: ``pip install 'randprop[plot]'``.
    OSError
        If the folder cannot be written.
    """
    pyplot("the study")
    keys = _select(only, full)  # an iterator is asked once
    check_int("seeds", seeds, 1, 100_000)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    found = measure(
        seeds,
        only=keys,
        full=full,
        store=folder / "cells.sqlite",
        progress=progress,
        n_threads=n_threads,
        say=say,
    )
    command = f"randprop study --seeds {seeds}"
    if only is not None:
        command += " --only " + ",".join(found["numbers"])
    if full:
        command += " --full"
    return report.write(folder, experiments=EXPERIMENTS, seeds=seeds, command=command, **found)


def _select(only: Iterable[str] | None, full: bool) -> tuple[str, ...]:
    if only is None:
        return tuple(EXPERIMENTS) if full else DEFAULT
    if isinstance(only, str):
        raise TypeError(f"only must be several names, got the string {only!r}")
    chosen = [check_choice(f"only[{i}]", key, tuple(EXPERIMENTS)) for i, key in enumerate(only)]
    if not chosen:
        raise ValueError("only must have at least one experiment, got none")
    return tuple(key for key in EXPERIMENTS if key in chosen)
