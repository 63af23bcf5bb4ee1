"""Many networks: grids of depth, width, weights, activation, data, readout and seed."""

from __future__ import annotations

import csv
import hashlib
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from randprop._progress import track
from randprop._store import METRICS, PARAMETERS, CellStore
from randprop._validation import as_codes, check_choice, check_int, check_threads
from randprop.bits import BitMatrix
from randprop.decoders import READOUTS, decode_many
from randprop.evaluation import _baseline_accuracy, _load, _variances
from randprop.network import ACTIVATIONS, WEIGHT_BITS
from randprop.readouts import Centroids
from randprop.variants import FLOAT_ACTIVATIONS, bit_chain, check_weights, float_chain

if TYPE_CHECKING:
    import pandas

__all__ = ["SweepResult", "sweep"]

Cell = dict[str, Any]


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
        ``"centroid"``, ``"centroid_1bit"``, ``"cosine"``, ``"neighbors_1"``, ``"neighbors_3"``,
        ``"neighbors_5"``, ``"ridge"``.
    seeds : int or iterable of int, default=10
        Seeds, or how many: 0, 1, ...
    n_train, n_test : int, optional
        Use so many samples, evenly spread over the data. Default: all.
    store : path-like, optional
        File for the results. Default: in memory.
    progress : bool, default=True
        Show a bar with rate and time left where standard error is a terminal and rich is there.
    n_jobs : int, optional
        Networks at a time, in processes of their own, through joblib; -1: one a CPU. Default: one
        at a time, on all threads.
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
        If a data set by name cannot be had, or the store not be opened.

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
    jobs = check_int("n_jobs", 1 if n_jobs is None else n_jobs, -1, 4096)
    if jobs == 0:
        raise ValueError("n_jobs must be -1 or at least 1, got 0")
    threads = check_threads(n_threads)
    if jobs != 1 and n_threads is None:
        threads = max(1, threads // (jobs if jobs > 0 else (os.cpu_count() or 1)))

    kept = CellStore(store)
    try:
        loaded = _Data(dataset, n_train, n_test)
        for cell in cells:
            cell.update(loaded.describe(cell["dataset"]))
            if cell["width"] is None:
                cell["width"] = loaded[cell["dataset"]][0].shape[1]
            kept.check_data(cell["dataset"], loaded.digest(cell["dataset"]))
        cells = list({tuple(cell[name] for name in PARAMETERS): cell for cell in cells}.values())
        chains: dict[tuple[Any, ...], list[Cell]] = {}
        for cell in cells:
            if kept.find(cell) is None:
                shared = tuple(cell[name] for name in PARAMETERS if name not in _OF_A_CHAIN)
                chains.setdefault(shared, []).append(cell)
        n_open = sum(map(len, chains.values()))
        with track("cells", n_open, show=progress) as advance:
            for done in _run(list(chains.values()), loaded, jobs, threads):
                kept.add(done)
                advance(len(done))
        return SweepResult([{**cell, **(kept.find(cell) or {})} for cell in cells])
    finally:
        kept.close()


_OF_A_CHAIN = ("layers", "readout")


class SweepResult:
    """Rows of a sweep: parameters and metrics of each cell.

    The metrics are those of `Evaluation`, and ``variance_floor``: what of ``variance_class_means``
    comes from the finite number of training samples, estimated from the variance within the
    classes. ``seconds`` are those of the chain up to the depth, propagation alone.

    Parameters
    ----------
    rows : list of dict

    Attributes
    ----------
    rows : list of dict
    """

    def __init__(self, rows: list[Cell]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.rows)

    def where(self, **parameters: Any) -> SweepResult:
        """Select the rows with these parameters.

        Parameters
        ----------
        **parameters
            Such as ``width=784, activation="sign"``.

        Returns
        -------
        SweepResult

        Raises
        ------
        ValueError
            If a name is not a parameter.
        """
        for name in parameters:
            check_choice("parameter", name, PARAMETERS)
        return SweepResult(
            [row for row in self.rows if all(row[k] == v for k, v in parameters.items())]
        )

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a DataFrame.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed: ``pip install pandas``.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs pandas; install it: pip install pandas") from error
        return pandas.DataFrame(self.rows, columns=list(PARAMETERS + METRICS))

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the rows as CSV, with a line of names.

        Parameters
        ----------
        path : path-like
            Written beside it and renamed.
        """
        target = Path(path)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, PARAMETERS + METRICS)
                writer.writeheader()
                writer.writerows(self.rows)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def summary(self, metric: str = "accuracy") -> list[Cell]:
        """Mean over the seeds of each combination of the other parameters.

        Parameters
        ----------
        metric : str, default="accuracy"
            What to average.

        Returns
        -------
        list of dict
            Parameters, ``n_seeds``, the mean under the metric's name, ``sd`` over seeds, and
            ``ci95``, half the width of the 95 % confidence interval of the mean by Student's t
            (NaN for one seed).

        Raises
        ------
        ValueError
            If `metric` is none.
        """
        check_choice("metric", metric, METRICS)
        groups: dict[tuple[Any, ...], list[Cell]] = {}
        names = [name for name in PARAMETERS if name != "seed"]
        for row in self.rows:
            groups.setdefault(tuple(row[name] for name in names), []).append(row)
        out = []
        for key, rows in groups.items():
            mean, sd, half = mean_and_interval([row[metric] for row in rows])
            out.append(
                {
                    **dict(zip(names, key, strict=True)),
                    "n_seeds": len(rows),
                    metric: mean,
                    "sd": sd,
                    "ci95": half,
                }
            )
        return out

    def plot(self, metric: str = "accuracy", *, ax: Any = None) -> Any:
        """Draw a metric against the hidden layers, a line a combination of what else varies.

        Parameters
        ----------
        metric : str, default="accuracy"
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: new axes.

        Returns
        -------
        matplotlib.axes.Axes
            Bands are the 95 % confidence intervals of the means.

        Raises
        ------
        ImportError
            If matplotlib is not installed: ``pip install 'randprop[plot]'``.
        """
        if ax is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError as error:
                raise ImportError(
                    "plot needs matplotlib; install it: pip install 'randprop[plot]'"
                ) from error
            _, ax = plt.subplots()
        rows = self.summary(metric)
        names = [name for name in PARAMETERS if name not in ("seed", "layers")]
        varying = [name for name in names if len({row[name] for row in rows}) > 1]
        lines: dict[tuple[Any, ...], list[Cell]] = {}
        for row in rows:
            lines.setdefault(tuple(row[name] for name in varying), []).append(row)
        for key, points in lines.items():
            points = sorted(points, key=lambda row: row["layers"])
            x = np.array([row["layers"] for row in points])
            y = np.array([row[metric] for row in points])
            half = np.nan_to_num([row["ci95"] for row in points])
            label = ", ".join(f"{n} {v}" for n, v in zip(varying, key, strict=True))
            (line,) = ax.plot(x, y, marker="o", markersize=3, label=label or None)
            ax.fill_between(x, y - half, y + half, alpha=0.2, color=line.get_color(), linewidth=0)
        ax.set_xlabel("hidden layers")
        ax.set_ylabel(metric.replace("_", " "))
        if metric.startswith("variance"):
            ax.set_yscale("log")
        if varying:
            ax.legend(title=None if len(varying) > 1 else varying[0])
        return ax

    def __repr__(self) -> str:
        return f"SweepResult({len(self.rows)} cells)"


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, standard deviation and half the width of the 95 % confidence interval of the mean."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return mean, math.nan, math.nan
    from scipy.stats import t

    sd = float(np.std(values, ddof=1))
    return mean, sd, float(t.ppf(0.975, n - 1)) * sd / math.sqrt(n)


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


def _run(chains: list[list[Cell]], data: _Data, jobs: int, threads: int) -> Iterator[list[Cell]]:
    """Finished cells, in lots that were finished together."""
    if jobs == 1 or len(chains) < 2:
        for chain in chains:
            yield from _run_chain(chain, data[chain[0]["dataset"]], threads)
        return
    import joblib

    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    yield from parallel(
        joblib.delayed(_whole_chain)(chain, data[chain[0]["dataset"]], threads) for chain in chains
    )


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
    measure = _measure_values if smooth else _measure_bits
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


def _measure_bits(
    cells: list[Cell],
    output: tuple[BitMatrix, BitMatrix],
    y_train: NDArray[np.int32],
    y_test: NDArray[np.int32],
    threads: int,
) -> list[dict[str, float]]:
    train, test = output
    centroids = Centroids(n_threads=threads).fit(train, y_train)
    scale = 4.0 if cells[0]["activation"] == "sign" else 1.0
    units, samples, means = _variances(train, centroids, scale)
    rates = centroids.counts_ / centroids.n_samples_[:, None]
    within = np.mean(rates * (1.0 - rates), axis=1)
    predicted = decode_many(
        [cell["readout"] for cell in cells],
        train,
        y_train,
        test,
        centroids=centroids,
        n_threads=threads,
    )
    return [
        {
            "accuracy": float(np.mean(predicted[cell["readout"]] == y_test)),
            "variance_units": units,
            "variance_samples": samples,
            "variance_class_means": means,
            "variance_floor": scale * sampling_floor(within, centroids.n_samples_),
        }
        for cell in cells
    ]


def sampling_floor(within: NDArray[np.float64], n_samples: NDArray[np.int64]) -> float:
    """Variance between class means that samples without any class differences would show.

    Parameters
    ----------
    within : ndarray of shape (n_classes,)
        Variance within each class, by its n samples about their own mean.
    n_samples : ndarray of shape (n_classes,)

    Returns
    -------
    float
        ``(1 - 1/K) mean of within / (n - 1)``, unbiased.
    """
    n_classes = len(n_samples)
    return (1.0 - 1.0 / n_classes) * float(np.mean(within / np.maximum(n_samples - 1, 1)))


def _measure_values(
    cells: list[Cell],
    output: tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]],
    y_train: NDArray[np.int32],
    y_test: NDArray[np.int32],
    threads: int,
) -> list[dict[str, float]]:
    point, train, test = output
    n_classes = int(y_train.max()) + 1
    n_samples = np.bincount(y_train, minlength=n_classes)
    means = np.empty((n_classes, train.shape[1]))
    within = np.empty(n_classes)
    for c in range(n_classes):
        members = train[y_train == c].astype(np.float64)
        means[c] = members.mean(axis=0)
        members -= means[c]
        within[c] = np.einsum("ij,ij->", members, members) / members.size
    share = n_samples / n_samples.sum()
    between = np.mean(share @ (means - share @ means) ** 2)
    # Distances differ between classes by inner products with what is left of a class mean once
    # the mean of all is gone: no digits are lost, however close the means are.
    middle = means.mean(axis=0)
    centred = means - middle
    scores = 0.5 * np.sum(centred**2, axis=1) - (test.astype(np.float64) - middle) @ centred.T
    units = np.mean(np.var(train[:: max(1, len(train) // 1000)] + point, axis=1))
    metrics = {
        "accuracy": float(np.mean(np.argmin(scores, axis=1) == y_test)),
        "variance_units": float(units),
        "variance_samples": float(share @ within + between),
        "variance_class_means": float(np.mean(np.var(means, axis=0))),
        "variance_floor": sampling_floor(within, n_samples),
    }
    return [metrics for _ in cells]
