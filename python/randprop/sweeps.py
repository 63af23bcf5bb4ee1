"""Many networks: grids of depth, width, weights, activation, data, readout and seed."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from os import PathLike
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._metrics import measure_bits, measure_values
from randprop._progress import track
from randprop._store import PARAMETERS, CellStore
from randprop._sweep_result import Cell, SweepResult
from randprop._validation import (
    as_codes,
    check_choice,
    check_flag,
    check_int,
    check_path,
    check_threads,
)
from randprop.decoders import READOUTS
from randprop.evaluation import _baseline_accuracy, _load
from randprop.network import ACTIVATIONS, WEIGHT_BITS
from randprop.parallel import check_workers, run_tasks
from randprop.variants import FLOAT_ACTIVATIONS, bit_chain, check_weights, float_chain

__all__ = ["SweepResult", "sweep"]


def sweep(
    layers: int | Iterable[int] = range(16),
    *,
    dataset: str | Sequence[Any] = "mnist",
    width: int | Iterable[int | None] | None = None,
    weight_bits: int | Iterable[int] = 8,
    weights: str | Iterable[str] = "uniform",
    activation: str | Iterable[str] = "step",
    readout: str | Iterable[str] = "centroid",
    seeds: int | Iterable[int] = 10,
    n_train: int | None = None,
    n_test: int | None = None,
    store: str | PathLike[str] | None = None,
    progress: bool = True,
    executor: Executor | None = None,
    n_jobs: int | None = None,
    n_threads: int | None = None,
) -> SweepResult:
    """Measure every combination of the arguments that are given as several.

    One chain is propagated for all depths and readouts of a network. A finished cell, one
    combination, is kept at once, and a sweep that finds its cells in the store does not compute
    them again: after an interruption of any kind the same call goes on where it was.

    Parameters
    ----------
    layers : int or iterable of int, default=range(16)
        Hidden layers.
    dataset : str, (X_train, y_train, X_test, y_test), or sequence of str, default="mnist"
        Names, or one set of arrays as `evaluate` takes it.
    width : int or iterable of int, optional
        Units of every matrix. Default: the number of features.
    weight_bits : int or iterable of int, default=8
        Of uniform weights. Others take the default alone.
    weights : str or iterable of str, default="uniform"
        ``"uniform"``, the definition's; ``"gaussian"``, ``"ternary"``, ``"cauchy"``,
        ``"orthogonal"``, ``"zero_sum"`` (each row sums to 0), ``"shifted_5"`` (uniform, shifted by
        5 % of its half width), ``"fan_in_2"`` (2 inputs a unit, weights -1 and +1 at random),
        ``"fan_in_2_balanced"`` (as many of one as of the other).
    activation : str or iterable of str, default="step"
        ``"step"`` and ``"sign"``, exact on packed bits; ``"relu"``, ``"sigmoid"``, ``"tanh"`` and
        ``"identity"`` in floating point, with uniform weights and the readout ``"centroid"``.
    readout : str or iterable of str, default="centroid"
        ``"centroid"``, ``"majority"``, ``"cosine"``, ``"knn"``, ``"knn_3"``,
        ``"knn_5"``, ``"ridge"``.
    seeds : int or iterable of int, default=10
        Seeds, or how many: 0, 1, ...
    n_train, n_test : int, optional
        Use so many samples, evenly spread over the data. Default: all.
    store : path-like, optional
        File for the results. Default: in memory.
    progress : bool, default=True
        Show a bar with rate and time left where standard error is a terminal and rich is there.
    executor : concurrent.futures.Executor, optional
        Runs the networks: a ProcessPoolExecutor, ``dask.distributed.Client().get_executor()``,
        mpi4py's. Default: joblib.
    n_jobs : int, optional
        Networks at a time, in processes of their own, through joblib; -1: one a CPU. Default: that
        of ``joblib.parallel_config``, which also names the backend (``"loky"``, ``"dask"``,
        ``"ray"``), else one at a time, on all threads.
    n_threads : int, optional
        Threads of each network. Default: ``RANDPROP_NUM_THREADS``, else every CPU that the process
        may use, shared among the jobs.

    Returns
    -------
    SweepResult
        One row a cell.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above, before anything is computed; if the store is of
        another version, definition or data.
    OSError
        If a data set by name cannot be had, or the store not be opened or written. It keeps every
        cell that was finished.

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
    cells = _grid(
        dataset=_datasets(dataset),
        n_train=[n_train if n_train is None else check_int("n_train", n_train, 1, 1 << 31)],
        n_test=[n_test if n_test is None else check_int("n_test", n_test, 1, 1 << 31)],
        width=_several(
            "width", width, lambda name, v: v if v is None else check_int(name, v, 1, 1 << 28)
        ),
        weight_bits=_several(
            "weight_bits", weight_bits, lambda name, v: check_choice(name, v, WEIGHT_BITS)
        ),
        weights=_several("weights", weights, lambda name, v: check_weights(v)),
        activation=_several(
            "activation",
            activation,
            lambda name, v: check_choice(name, v, ACTIVATIONS + FLOAT_ACTIVATIONS),
        ),
        readout=_several("readout", readout, lambda name, v: check_choice(name, v, READOUTS)),
        seed=_seeds(seeds),
        layers=_several("layers", layers, lambda name, v: check_int(name, v, 0, 100_000)),
    )
    check_workers(executor, n_jobs)
    progress = check_flag("progress", progress)
    if store is not None:
        store = check_path("store", store)
    threads = check_threads(n_threads)
    if n_threads is None:
        # Networks that run side by side share the threads of this machine.
        side_by_side = _side_by_side(executor, n_jobs)
        threads = max(1, threads // side_by_side)

    kept = CellStore(store)
    try:
        loaded = _Data(dataset, n_train, n_test)
        for name in {cell["dataset"] for cell in cells}:
            kept.check_data(name, loaded.digest(name))
        for cell in cells:
            cell.update(loaded.describe(cell["dataset"]))
            if cell["width"] is None:
                cell["width"] = loaded[cell["dataset"]][0].shape[1]
        cells = list({tuple(cell[name] for name in PARAMETERS): cell for cell in cells}.values())
        chains: dict[tuple[Any, ...], list[Cell]] = {}
        for cell in cells:
            if kept.find(cell) is None:
                shared = tuple(cell[name] for name in PARAMETERS if name not in _OF_A_CHAIN)
                chains.setdefault(shared, []).append(cell)
        n_open = sum(map(len, chains.values()))
        with track("cells", n_open, show=progress) as advance:
            for done in _run(list(chains.values()), loaded, executor, n_jobs, threads):
                kept.add(done)
                advance(len(done))
        return SweepResult([{**cell, **(kept.find(cell) or {})} for cell in cells])
    finally:
        kept.close()


_OF_A_CHAIN = ("layers", "readout")


class _Data:
    """Data sets of a sweep: loaded once, thinned, and told apart by their sums."""

    def __init__(self, dataset: Any, n_train: int | None, n_test: int | None) -> None:
        self._arrays = None if _is_names(dataset) else dataset
        self._counts = (n_train, n_test)
        self._loaded: dict[str, tuple[Any, ...]] = {}

    def __getitem__(self, name: str) -> tuple[Any, ...]:
        if name not in self._loaded:
            _, data, _ = _load(name if self._arrays is None else self._arrays)
            X_train, y_train, X_test, y_test = data
            classes = np.unique(y_train)
            unseen = np.setdiff1d(y_test, classes)
            if unseen.size:
                raise ValueError(f"y_test has labels that y_train has not: {unseen[:5].tolist()}")
            digest = hashlib.blake2b(digest_size=8)
            for array in (X_train, as_codes(y_train, classes), X_test, as_codes(y_test, classes)):
                digest.update(np.ascontiguousarray(array).data)
            train, test = (
                _spread(X, as_codes(y, classes), count)
                for X, y, count in ((X_train, y_train, self._counts[0]),
                                    (X_test, y_test, self._counts[1]))
            )  # fmt: skip
            baseline = _baseline_accuracy(*train, *test)
            self._loaded[name] = (*train, *test, baseline, digest.hexdigest())
        return self._loaded[name]

    def describe(self, name: str) -> dict[str, int]:
        return {"n_train": len(self[name][0]), "n_test": len(self[name][2])}

    def digest(self, name: str) -> str:
        return str(self[name][5])


def _spread(
    X: NDArray[np.uint8], codes: NDArray[np.int32], count: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    if count is None or count >= len(X):
        return X, codes
    rows = np.arange(count) * len(X) // count
    return np.ascontiguousarray(X[rows]), codes[rows]


def _is_names(dataset: Any) -> bool:
    return isinstance(dataset, str) or (
        isinstance(dataset, Iterable)
        and not isinstance(dataset, np.ndarray)
        and all(isinstance(name, str) for name in dataset)
    )


def _datasets(dataset: Any) -> list[str]:
    if not _is_names(dataset):
        return ["arrays"]
    from randprop.datasets import LOADERS

    return _several("dataset", dataset, lambda name, v: check_choice(name, v, tuple(LOADERS)))


def _several(name: str, values: Any, check: Callable[[str, Any], Any]) -> list[Any]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        return [check(name, values)]
    checked = [check(f"{name}[{i}]", value) for i, value in enumerate(values)]
    if not checked:
        raise ValueError(f"{name} must name at least one, got none")
    return checked


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, Iterable):
        return _several("seeds", seeds, lambda name, v: check_int(name, v, 0, 2**63 - 1))
    return list(range(check_int("seeds", seeds, 1, 1_000_000)))


def _grid(**axes: list[Any]) -> list[Cell]:
    cells = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    for cell in cells:
        smooth = cell["activation"] in FLOAT_ACTIVATIONS
        if smooth and (cell["weights"] != "uniform" or cell["readout"] != "centroid"):
            raise ValueError(
                f"activation {cell['activation']!r} takes weights 'uniform' and readout "
                f"'centroid', got {cell['weights']!r} and {cell['readout']!r}"
            )
        if cell["weights"] != "uniform" and cell["weight_bits"] != 8:
            raise ValueError(
                f"weight_bits {cell['weight_bits']} is for weights 'uniform', "
                f"got weights {cell['weights']!r}"
            )
    return cells


def _side_by_side(executor: Executor | None, n_jobs: int | None) -> int:
    if executor is not None:
        return int(getattr(executor, "_max_workers", None) or 1)
    import joblib

    return int(joblib.effective_n_jobs(n_jobs))


def _run(
    chains: list[list[Cell]],
    data: _Data,
    executor: Executor | None,
    n_jobs: int | None,
    threads: int,
) -> Iterator[list[Cell]]:
    """Finished cells, in lots that were finished together."""
    if executor is None and (_side_by_side(None, n_jobs) == 1 or len(chains) < 2):
        for chain in chains:
            yield from _run_chain(chain, data[chain[0]["dataset"]], threads)
        return
    tasks = ((_whole_chain, (chain, data[chain[0]["dataset"]], threads)) for chain in chains)
    yield from run_tasks(tasks, executor=executor, n_jobs=n_jobs)


def _whole_chain(chain: list[Cell], data: tuple[Any, ...], threads: int) -> list[Cell]:
    return list(itertools.chain.from_iterable(_run_chain(chain, data, threads)))


def _run_chain(cells: list[Cell], data: tuple[Any, ...], threads: int) -> Iterator[list[Cell]]:
    X_train, y_train, X_test, y_test, baseline, _ = data
    first = cells[0]
    by_depth: dict[int, list[Cell]] = {}
    for cell in cells:
        by_depth.setdefault(cell["layers"], []).append(cell)
    smooth = first["activation"] in FLOAT_ACTIVATIONS
    measure: Callable[..., list[dict[str, float]]]
    measure = measure_values if smooth else measure_bits
    seconds = 0.0
    started = perf_counter()
    for m, output in enumerate(_outputs(first, max(by_depth) + 1, X_train, X_test, threads)):
        seconds += perf_counter() - started
        wanted = by_depth.get(m, [])
        if wanted:
            shared = {"baseline_accuracy": baseline, "seconds": seconds}
            metrics = measure(wanted, output, y_train, y_test, threads)
            yield [{**cell, **shared, **found} for cell, found in zip(wanted, metrics, strict=True)]
        started = perf_counter()


def _outputs(
    cell: Cell,
    n_matrices: int,
    X_train: NDArray[np.uint8],
    X_test: NDArray[np.uint8],
    threads: int,
) -> Iterator[Any]:
    options = {name: cell[name] for name in ("width", "weight_bits", "activation", "seed")}
    if cell["activation"] in FLOAT_ACTIVATIONS:
        return float_chain(X_train, X_test, n_matrices=n_matrices, **options)
    return bit_chain(
        X_train,
        X_test,
        n_matrices=n_matrices,
        weights=cell["weights"],
        n_threads=threads,
        **options,
    )
