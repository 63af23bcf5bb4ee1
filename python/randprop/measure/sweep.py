"""Many networks: grids of depth, width, weights, activation, data, readout and seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from os import PathLike
from time import perf_counter
from typing import Any

import numpy as np

from randprop._validation import (
    check_choice,
    check_flag,
    check_int,
    check_ints,
    check_path,
    check_threads,
    several,
)
from randprop.datasets import DATASETS
from randprop.measure.evaluate import check_depths
from randprop.measure.metrics import baseline, metrics
from randprop.measure.progress import track
from randprop.measure.split import Split, load_split, name_of
from randprop.measure.store import METRICS, PARAMETERS, CellStore
from randprop.measure.sweep_result import Cell, SweepResult
from randprop.measure.workers import check_workers, on_workers, run_tasks, sent_once, side_by_side
from randprop.model.recipes import input_dims_of
from randprop.network.activations import ACTIVATIONS, smooth
from randprop.network.chain import Chain, chain, make_network
from randprop.network.spec import Width, check_stages
from randprop.network.stages import WEIGHT_BITS, Stage
from randprop.network.weight_shapes import UNIFORM, check_weights
from randprop.readouts.base import Readout
from randprop.readouts.registry import label_of, make_readout

__all__ = ["sweep"]


def sweep(
    layers: int | Iterable[int] = range(16),
    *,
    dataset: str | Sequence[Any] = "mnist",
    width: Width | Iterable[Width] = None,
    weight_bits: int | Iterable[int] = 8,
    weights: str | Iterable[str] = "uniform",
    activation: str | Iterable[str] = "step",
    readout: str | Readout | Iterable[str | Readout] = "centroid",
    metric: str = "euclidean",
    n_neighbors: int = 1,
    alpha: float | str = "auto",
    seeds: int | Iterable[int] = 10,
    input_shape: Iterable[int] | None = None,
    n_train: int | None = None,
    n_test: int | None = None,
    store: str | PathLike[str] | None = None,
    progress: bool = True,
    executor: Executor | str | None = None,
    n_jobs: int | None = None,
    n_threads: int | None = None,
) -> SweepResult:
    """Measure networks for every combination of the arguments' values.

    A cell is one combination. A finished cell is stored at once, and a stored cell is not computed
    again. So after an interruption, the same call continues where it stopped. All depths and
    readouts of a network share one pass.

    Parameters
    ----------
    layers : int or iterable of int, default=range(16)
        Number of hidden layers.
    dataset : str, (X_train, y_train, X_test, y_test), or sequence of str, default="mnist"
        Names, or one set of arrays as for `evaluate`.
    width : int, Dense, Conv2D, tuple of them, or iterable of such, optional
        Units of every matrix, or its stage. A tuple has one entry for each of the ``max(layers) +
        1`` matrices. Default: the number of inputs.
    weight_bits : int or iterable of int, default=8
        Bits of each weight, for uniform weights. Other weights take only the default.
    weights : str or iterable of str, default="uniform"
        ``"uniform"``, as in the definition; ``"gaussian"``, ``"ternary"``, ``"cauchy"``,
        ``"orthogonal"``, ``"zero_sum"`` (each row sums to 0), ``"shifted_5"`` (uniform, shifted by
        5 % of its half width), ``"fan_in_2"`` (2 inputs per unit, random weights -1 and +1),
        ``"fan_in_2_balanced"`` (as many weights -1 as +1).
    activation : str or iterable of str, default="step"
        ``"step"`` and ``"sign"`` are exact, on packed bits. ``"relu"``, ``"sigmoid"``, ``"tanh"``
        and ``"identity"`` use floating point, and need uniform weights and the readout
        ``"centroid"``.
    readout : str, Readout, or iterable of them, default="centroid"
        As for `evaluate`: ``"centroid"``, ``"majority"``, ``"cosine"``, ``"knn"``, ``"ridge"``,
        ``"discriminant"``, or an unfitted readout. The rows have its shortest name, such as
        ``"knn_3"`` for 3 neighbours.
    metric : {"euclidean", "cosine", "hamming"}, default="euclidean"
        For ``"centroid"``.
    n_neighbors : int, default=1
        For ``"knn"``.
    alpha : float or "auto", default="auto"
        For ``"ridge"`` and ``"discriminant"``.
    seeds : int or iterable of int, default=10
        Seeds, or their number: then they are 0, 1, ...
    input_shape : (int, int, int), optional
        As for `evaluate`.
    n_train, n_test : int, optional
        Number of samples to use, evenly spread over the data. Default: all.
    store : path-like, optional
        File for the results. Default: in memory.
    progress : bool, default=True
        Show rate and time left, on a terminal and in a notebook. Elsewhere, print a line every
        minute.
    executor : concurrent.futures.Executor or str, optional
        It runs the networks: a ProcessPoolExecutor, ``dask.distributed.Client().get_executor()``,
        the executor of mpi4py, or the address of a dask scheduler, such as
        ``"tcp://10.0.0.1:8786"``. Default: joblib.
    n_jobs : int, optional
        Number of networks that joblib runs at the same time, each in its own process; -1: one per
        CPU. Default: the number in ``joblib.parallel_config``, which also names the backend
        (``"loky"``, ``"dask"``, ``"ray"``); else one network at a time, on all threads.
    n_threads : int, optional
        Threads of each network. Default: the number in ``RANDPROP_NUM_THREADS``, or every CPU that
        the process may use (in a worker of a pool, its share of them), divided by the jobs. -1
        means all, -2 all but one.

    Returns
    -------
    SweepResult
        One row per cell.

    Raises
    ------
    ValueError
        If the store holds results of another version, definition or data.
    OSError
        If a named data set or the scheduler cannot be reached, or the store cannot be opened or
        written. The store keeps every finished cell.

    Warns
    -----
    RandpropDataWarning
        In the same cases as `evaluate`, once for all cells.

    Examples
    --------
    >>> import randprop
    >>> result = randprop.sweep(layers=[0, 5], seeds=2, dataset="digits", width=[64, 256])
    >>> for row in result.summary():
    ...     print(row["width"], row["layers"], round(row["accuracy"], 2), row["n_seeds"])
    64 0 0.73 2
    64 5 0.17 2
    256 0 0.84 2
    256 5 0.28 2
    """
    shape = None if input_shape is None else tuple(check_ints("input_shape", input_shape, 1, 2**28))
    depths = check_depths(layers)
    named: dict[str, Any] = {"metric": metric, "n_neighbors": n_neighbors, "alpha": alpha}
    readouts = {
        label_of(made): made
        for made in several(
            "readout", readout, lambda name, v: make_readout(v, argument=name, **named)
        )
    }
    widths = dict(several("width", width, lambda name, v: _width(name, v, max(depths) + 1)))
    cells = _grid(
        dataset=_datasets(dataset),
        n_train=[_count("n_train", n_train)],
        n_test=[_count("n_test", n_test)],
        width=list(widths),
        weight_bits=several(
            "weight_bits", weight_bits, lambda name, v: check_choice(name, v, WEIGHT_BITS)
        ),
        weights=several("weights", weights, lambda name, v: check_weights(v)),
        activation=several(
            "activation", activation, lambda name, v: check_choice(name, v, tuple(ACTIVATIONS))
        ),
        readout=list(readouts),
        seed=_seeds(seeds),
        layers=depths,
    )
    check_workers(executor, n_jobs)
    progress = check_flag("progress", progress)
    if store is not None:
        store = check_path("store", store)
    threads = check_threads(n_threads)
    if n_threads is None:
        # Networks that run side by side share the threads of this machine.
        threads = max(1, threads // side_by_side(executor, n_jobs))

    kept = CellStore(store)
    try:
        names = dict.fromkeys(cell["dataset"] for cell in cells)
        data = {name: _load(name, dataset, n_train, n_test, shape) for name in names}
        for name, loaded in data.items():
            kept.check_data(name, loaded.split.digest)
        given = {}  # what a width stands for, by how a row tells it
        for cell in cells:
            split = data[cell["dataset"]].split
            told, meant = cell["width"], widths[cell["width"]]
            cell["n_train"], cell["n_test"] = len(split.X_train), len(split.X_test)
            cell["width"] = split.n_features if told is None else told
            given[cell["width"]] = meant
        cells = list({tuple(cell[name] for name in PARAMETERS): cell for cell in cells}.values())
        tasks = _open_chains(cells, kept, given, readouts, data, threads)
        n_cells = sum(len(task.cells) for task in tasks)
        with on_workers(executor) as workers, track("cells", n_cells, show=progress) as advance:
            for done in _run(tasks, data, workers, n_jobs):
                kept.add(done)
                advance(len(done))
        result = SweepResult([{**cell, **(kept.find(cell) or {})} for cell in cells])
        result.chance = {name: 1 / len(loaded.split.classes) for name, loaded in data.items()}
        return result
    finally:
        kept.close()


@dataclass(frozen=True, eq=False)
class _Loaded:
    """Data of a sweep, the accuracy of their own class means, and the images that they are."""

    split: Split
    baseline: float
    input_shape: tuple[int, ...] | None


def _load(
    name: str, dataset: Any, n_train: int | None, n_test: int | None, shape: tuple[int, ...] | None
) -> _Loaded:
    split = load_split(
        name if _is_names(dataset) else dataset, n_train=n_train, n_test=n_test, digest=True
    )
    known = split.image_shape or split.sample_shape
    return _Loaded(split, baseline(split), known if shape is None else shape)


def _network(cells: list[Cell], width: Any, data: _Loaded) -> Chain:
    n_stages = max(cell["layers"] for cell in cells) + 1
    name = data.split.name
    named = DATASETS.get(name)
    if named is not None and named.planes is not None and input_dims_of(None, width) == 3:
        raise ValueError(
            f"width begins with a Conv2D, which reads images in the order (y, x, channel), but "
            f"{name} stores one channel after the other; evaluate reorders them, sweep does not"
        )
    options = {n: cells[0][n] for n in ("weight_bits", "weights", "activation", "seed")}
    # A chain that stops before the last depth asked for does not look at the stages behind.
    width = width[:n_stages] if isinstance(width, tuple) else width
    return make_network(
        data.split.n_features, n_stages, width=width, input_shape=data.input_shape, **options
    )


def _open_chains(
    cells: list[Cell], kept: CellStore, widths: Any, readouts: Any, data: Any, threads: int
) -> list[_Chain]:
    """Return the networks of which cells are not finished."""
    chains: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        if kept.find(cell) is None:
            shared = tuple(cell[name] for name in PARAMETERS if name not in ("layers", "readout"))
            chains.setdefault(shared, []).append(cell)
    tasks = []
    for found in chains.values():
        loaded = data[found[0]["dataset"]]
        network = _network(found, widths[found[0]["width"]], loaded)
        tasks.append(_Chain(found, network, readouts, threads))
    return tasks


@dataclass(frozen=True, eq=False)
class _Chain:
    """Cells of one network: its depths and readouts."""

    cells: list[Cell]
    network: Chain
    readouts: dict[str, Readout]
    threads: int

    @property
    def dataset(self) -> str:
        name: str = self.cells[0]["dataset"]
        return name

    def whole(self, data: _Loaded) -> list[Cell]:
        return list(itertools.chain.from_iterable(self.run(data)))

    def run(self, data: _Loaded) -> Iterator[list[Cell]]:
        """Measure, and give the cells of a depth when they are finished."""
        split, first = data.split, self.cells[0]
        by_depth: dict[int, list[Cell]] = {}
        for cell in self.cells:
            by_depth.setdefault(cell["layers"], []).append(cell)
        scale = ACTIVATIONS[first["activation"]].scale
        seconds, started = 0.0, perf_counter()
        for m, train, test in chain(
            self.network, split.X_train, split.X_test, n_threads=self.threads
        ):
            seconds += perf_counter() - started
            if wanted := by_depth.get(m, []):
                readouts = [self.readouts[cell["readout"]] for cell in wanted]
                found = metrics(readouts, train, test, split, scale=scale, n_threads=self.threads)
                shared = {"baseline_accuracy": data.baseline, "seconds": seconds}
                shared |= {n: getattr(found, n) for n in METRICS if n.startswith("variance")}
                yield [
                    {**cell, **shared, "accuracy": scored.accuracy}
                    for cell, scored in zip(wanted, found.scored, strict=True)
                ]
            started = perf_counter()


def _run(
    chains: list[_Chain], data: dict[str, _Loaded], executor: Executor | None, n_jobs: int | None
) -> Iterator[list[Cell]]:
    """Finished cells, in lots that were finished together."""
    if executor is None and (side_by_side(None, n_jobs) == 1 or len(chains) < 2):
        for task in chains:
            yield from task.run(data[task.dataset])
        return
    sent = {name: sent_once(executor, data[name]) for name in {task.dataset for task in chains}}
    yield from run_tasks(
        ((_Chain.whole, (task, sent[task.dataset])) for task in chains),
        executor=executor,
        n_jobs=n_jobs,
    )


def _is_names(dataset: Any) -> bool:
    return isinstance(dataset, str) or (
        isinstance(dataset, Iterable)
        and not isinstance(dataset, np.ndarray)
        and all(isinstance(name, str) for name in dataset)
    )


def _datasets(dataset: Any) -> list[str]:
    if not _is_names(dataset):
        return [name_of(dataset)]
    return several("dataset", dataset, lambda name, v: check_choice(name, v, tuple(DATASETS)))


def _width(name: str, value: Any, n_stages: int) -> tuple[Any, Any]:
    """Return how a row tells a width, and what is meant by it."""
    if value is None:
        return None, None
    if isinstance(value, (tuple, list)):
        stages = check_stages(value, 1, n_stages)
        return repr(stages), stages
    if isinstance(value, Stage):
        return repr(value), value
    width = check_int(name, value, 1, 1 << 28)
    return width, width


def _count(name: str, value: Any) -> int | None:
    return None if value is None else check_int(name, value, 1, 1 << 31)


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, Iterable):
        return several("seeds", seeds, lambda name, v: check_int(name, v, 0, 2**63 - 1))
    return list(range(check_int("seeds", seeds, 1, 1_000_000)))


def _grid(**axes: list[Any]) -> list[Cell]:
    cells = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    for cell in cells:
        came = f"got weights {cell['weights']!r}"
        real, shaped = smooth(cell["activation"]), cell["weights"] != UNIFORM
        if real and (shaped or cell["readout"] != "centroid"):
            raise ValueError(
                f"activation {cell['activation']!r} takes only weights 'uniform' and readout "
                f"'centroid', got {cell['weights']!r} and {cell['readout']!r}"
            )
        if shaped and cell["weight_bits"] != 8:
            raise ValueError(
                f"weight_bits {cell['weight_bits']} is only for weights 'uniform', {came}"
            )
        if isinstance(cell["width"], str) and (shaped or real):
            raise ValueError(
                f"width {cell['width']} is only for weights 'uniform' and activations that give "
                f"bits, {came} and activation {cell['activation']!r}"
            )
    return cells
