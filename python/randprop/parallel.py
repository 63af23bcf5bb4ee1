"""Fitting and measuring in parts: processes, clusters, data larger than memory.

Counts are integers and add exactly, so that any partition of the data, over any workers, in any
order, gives the same readout to the last bit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from copy import copy
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._features import check_features
from randprop._validation import (
    as_array,
    as_codes,
    as_labels,
    check_choice,
    check_int,
    refuse_masked,
)
from randprop.bits import BitMatrix
from randprop.model import Model, check_range, propagate_features
from randprop.network import StepNetwork
from randprop.readouts import METRICS, Centroids
from randprop.ridge import RidgeReadout

__all__ = [
    "Confusion",
    "bit_chunks",
    "check_workers",
    "evaluate_parallel",
    "fit_parallel",
    "run_tasks",
]

_IN_FLIGHT = 4  # tasks handed to an executor at a time, for each of its workers
Part = tuple[Any, Any]
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often which class was taken for which.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    matrix : ndarray of shape (n_classes, n_classes), dtype int64
        Samples of true class (row) and predicted class (column).
    """

    classes: NDArray[Any]
    matrix: NDArray[np.int64]

    @property
    def n_samples(self) -> int:
        """Samples that were counted."""
        return int(self.matrix.sum())

    @property
    def accuracy(self) -> float:
        """Share of samples with the right label."""
        return float(np.trace(self.matrix) / self.matrix.sum())


def fit_parallel(
    network: StepNetwork,
    X: Any,
    y: ArrayLike | None = None,
    *,
    readout: str = "centroid",
    metric: str = "euclidean",
    alpha: float = 1.0,
    input_range: tuple[float, float] | None = None,
    chunk_size: int = 4096,
    executor: Executor | None = None,
    n_jobs: int | None = None,
) -> Model:
    """Fit a readout to data in parts, wherever they are computed.

    Parameters
    ----------
    network : StepNetwork
    X : array-like or dask array of shape (n_samples, n_features), or iterable of (X, y)
        Features as `Model.propagate` takes them. A NumPy memmap is read part by part; a dask array
        is computed block by block where its scheduler computes; an iterable of parts may be
        endlessly larger than memory.
    y : array-like or dask array of shape (n_samples,), optional
        Labels; not given where `X` is an iterable of parts.
    readout : {"centroid", "ridge"}, default="centroid"
    metric : {"euclidean", "cosine", "hamming"}, default="euclidean"
        Of ``"centroid"``.
    alpha : float, default=1.0
        Of ``"ridge"``.
    input_range : (float, float), optional
        As for `Model`.
    chunk_size : int, default=4096
        Samples of a part.
    executor : concurrent.futures.Executor, optional
        Computes the parts: a ProcessPoolExecutor, ``dask.distributed.Client().get_executor()``,
        mpi4py's. Default: joblib.
    n_jobs : int, optional
        Parts at a time under joblib. Default: that of ``joblib.parallel_config``, which also names
        the backend (``"loky"``, ``"dask"``, ``"ray"``), else 1.

    Returns
    -------
    Model
        The same for any partition, to the last bit.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above.

    Examples
    --------
    >>> import randprop
    >>> X_train, y_train, X_test, y_test = randprop.datasets.load_digits()
    >>> network = randprop.StepNetwork(64, width=512)
    >>> model = randprop.fit_parallel(network, X_train, y_train, chunk_size=100, n_jobs=2)
    >>> result = randprop.evaluate_parallel(model, X_test, y_test)
    >>> round(result.accuracy, 2), result.n_samples
    (0.85, 360)
    """
    if not isinstance(network, StepNetwork):
        raise TypeError(f"network must be a StepNetwork, got {type(network).__name__}")
    check_choice("readout", readout, ("centroid", "ridge"))
    check_choice("metric", metric, METRICS)
    empty: Centroids | RidgeReadout
    empty = Centroids(metric=metric) if readout == "centroid" else RidgeReadout(alpha)
    span = check_range("input_range", input_range)
    check_workers(executor, n_jobs)
    parts = _parts(X, y, network.n_features, chunk_size)
    tasks = ((_fit_part, (network, span, empty, *part)) for part in parts)
    fitted: Any = None
    for found in run_tasks(tasks, executor=executor, n_jobs=n_jobs):
        # Parts come in any order; their sums do not depend on it.
        fitted = found if fitted is None else fitted.merge(found)
    if fitted is None:
        raise ValueError("X must hold at least one sample, got 0")
    fitted.n_threads = None
    return Model(network, fitted, input_range=input_range)


def evaluate_parallel(
    model: Model,
    X: Any,
    y: ArrayLike | None = None,
    *,
    chunk_size: int = 4096,
    executor: Executor | None = None,
    n_jobs: int | None = None,
) -> Confusion:
    """Predict the labels of data in parts, wherever they are computed, and count what came of it.

    Parameters
    ----------
    model : Model
        Fitted.
    X : array-like or dask array of shape (n_samples, n_features), or iterable of (X, y)
        As for `fit_parallel`.
    y : array-like or dask array of shape (n_samples,), optional
        Right labels; not given where `X` is an iterable of parts.
    chunk_size : int, default=4096
        Samples of a part.
    executor : concurrent.futures.Executor, optional
        As for `fit_parallel`.
    n_jobs : int, optional
        As for `fit_parallel`.

    Returns
    -------
    Confusion

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is listed above, or `y` has a label that the model has not.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a Model, got {type(model).__name__}")
    check_workers(executor, n_jobs)
    parts = _parts(X, y, model.network.n_features, chunk_size)
    n_classes = len(model.classes_)
    matrix = np.zeros((n_classes, n_classes), dtype=np.int64)
    tasks = ((_count_part, (model, *part)) for part in parts)
    for found in run_tasks(tasks, executor=executor, n_jobs=n_jobs):
        matrix += found
    if not matrix.any():
        raise ValueError("X must hold at least one sample, got 0")
    return Confusion(model.classes_, matrix)


def bit_chunks(A: Any, y: ArrayLike, chunk_size: int = 4096) -> Iterator[tuple[BitMatrix, Any]]:
    """Pack an array of 0 and 1 part by part, for the `fit` of a readout.

    Parameters
    ----------
    A : array of shape (n_samples, n_bits)
        Anything that gives rows by slices: a NumPy memmap, a dask array, HDF5 or Zarr data.
    y : array-like of shape (n_samples,)
        Labels.
    chunk_size : int, default=4096
        Rows of a part.

    Yields
    ------
    (BitMatrix, ndarray)
        Packed rows and their labels.

    Raises
    ------
    TypeError, ValueError
        If `A` does not hold 0 and 1 (see `BitMatrix.from_array`) or `y` is of another length.

    Examples
    --------
    >>> import numpy as np
    >>> import randprop
    >>> A = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
    >>> randprop.Centroids().fit(randprop.bit_chunks(A, ["a", "a", "b"], chunk_size=2)).counts_
    array([[2, 1, 0],
           [0, 0, 1]])
    """
    size = check_int("chunk_size", chunk_size, 1, 1 << 31)
    refuse_masked("A", A)
    A = A if hasattr(A, "shape") else as_array("A", A)
    if len(A.shape) != 2:
        raise ValueError(f"A must have 2 dimensions, got shape {tuple(A.shape)}")
    n_samples = int(A.shape[0])
    labels = as_labels("y", y, n_samples, "A")
    for start in range(0, n_samples, size):
        rows = slice(start, start + size)
        yield BitMatrix.from_array(np.asarray(A[rows])), labels[rows]


def _fit_part(
    network: StepNetwork,
    input_range: tuple[float, float],
    empty: Centroids | RidgeReadout,
    X: Any,
    y: Any,
) -> Centroids | RidgeReadout:
    X, y = _computed(X), _computed(y)
    # One thread: the parts are what runs side by side.
    bits = propagate_features(_here(network), X, input_range, n_threads=1)
    fresh: Centroids | RidgeReadout
    if isinstance(empty, RidgeReadout):
        fresh = RidgeReadout(empty.alpha, n_threads=1)
    else:
        fresh = Centroids(metric=empty.metric, n_threads=1)
    return fresh.partial_fit(bits, y)


def _count_part(model: Model, X: Any, y: Any) -> NDArray[np.int64]:
    network, readout = _here(model.network), copy(model.readout)
    readout.n_threads = 1
    bits = propagate_features(network, _computed(X), model.input_range, n_threads=1)
    predicted = readout.predict(bits)
    labels = as_labels("y", _computed(y), len(predicted), "X")
    classes = model.classes_
    unseen = np.setdiff1d(labels, classes)
    if unseen.size:
        raise ValueError(f"y has labels that the model has not: {unseen[:5].tolist()}")
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(matrix, (as_codes(labels, classes), as_codes(predicted, classes)), 1)
    return matrix


@lru_cache(maxsize=1)  # the last network alone: prepared weights may be large
def _here(network: StepNetwork) -> StepNetwork:
    """Return one network for all equal ones of this process, whose weights are prepared once."""
    return network


def _computed(part: Any) -> NDArray[Any]:
    """Return an array; a block of a dask array is computed here, in the worker."""
    return np.asarray(part.compute(scheduler="synchronous") if hasattr(part, "compute") else part)


def _parts(X: Any, y: Any, n_features: int, chunk_size: int) -> Iterable[Part]:
    size = check_int("chunk_size", chunk_size, 1, 1 << 31)
    refuse_masked("X", X)
    if y is None:
        if isinstance(X, np.ndarray) or hasattr(X, "dask") or not isinstance(X, Iterable):
            raise TypeError(
                "y must be given, unless X is an iterable of (X, y) parts, "
                f"got {type(X).__name__} and no y"
            )
        return _checked_pairs(X)
    if not hasattr(X, "dask"):
        # Checked part by part: a look at all of a memmap would read all of it.
        X = X if isinstance(X, np.ndarray) else check_features("X", X)
    if len(X.shape) != 2 or X.shape[1] != n_features:
        raise ValueError(f"X must have shape (n_samples, {n_features}), got {tuple(X.shape)}")
    labels = y if hasattr(y, "dask") else as_labels("y", y, len(X), "X")
    if len(labels) != len(X):
        raise ValueError(f"y has {len(labels)} labels for {len(X)} samples of X")
    starts = range(0, len(X), size)
    if hasattr(X, "dask"):
        # Blocks of the array's own: any other cut would read a block for each of its pieces.
        starts_of = np.concatenate([[0], np.cumsum(X.chunks[0])])
        pairs = zip(starts_of[:-1].tolist(), starts_of[1:].tolist(), strict=True)
        return ((X[a:b], labels[a:b]) for a, b in pairs if b > a)
    return ((X[start : start + size], labels[start : start + size]) for start in starts)


def _checked_pairs(parts: Iterable[Any]) -> Iterator[Part]:
    for number, part in enumerate(parts):
        if not isinstance(part, (tuple, list)) or len(part) != 2:
            raise TypeError(f"part {number} of X must be (X, y), got {type(part).__name__}")
        yield part[0], part[1]


def run_tasks(
    tasks: Iterable[tuple[Callable[..., Result], tuple[Any, ...]]],
    *,
    executor: Executor | None,
    n_jobs: int | None,
) -> Iterator[Result]:
    """Call functions wherever they are to run, and give results as they come, in any order.

    Parameters
    ----------
    tasks : iterable of (function, arguments)
        Asked for as there is room, never all at once.
    executor : concurrent.futures.Executor or None
    n_jobs : int or None
        As for `fit_parallel`.

    Yields
    ------
    object
        What a function returned. The first exception of one is raised here.
    """
    if executor is not None:
        yield from _run_executor(executor, tasks)
        return
    import joblib

    jobs = joblib.effective_n_jobs(n_jobs)
    if jobs == 1:
        for function, arguments in tasks:
            yield function(*arguments)
        return
    calls = (joblib.delayed(function)(*arguments) for function, arguments in tasks)
    backend, _ = joblib.parallel.get_active_backend()
    if backend.supports_return_generator:
        parallel = joblib.Parallel(
            n_jobs=n_jobs, return_as="generator_unordered", pre_dispatch=2 * jobs
        )
        yield from parallel(calls)
        return
    # Backends such as multiprocessing and ray give results by the lot.
    with joblib.Parallel(n_jobs=n_jobs) as parallel:
        while lot := list(islice(calls, 8 * jobs)):
            yield from parallel(lot)


def check_workers(executor: object, n_jobs: object) -> None:
    """Raise TypeError or ValueError for what cannot run tasks."""
    if n_jobs is not None and check_int("n_jobs", n_jobs, -4096, 4096) == 0:
        raise ValueError("n_jobs must be at least 1, or negative as joblib counts, got 0")
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor must be a concurrent.futures.Executor, got {type(executor).__name__}"
        )


def _run_executor(
    executor: Executor, tasks: Iterable[tuple[Callable[..., Result], tuple[Any, ...]]]
) -> Iterator[Result]:
    submit, wait_for_one = _calls_of(executor)
    workers = getattr(executor, "_max_workers", None) or 8
    waiting = iter(tasks)
    running: set[Future[Result]] = set()
    try:
        while True:
            for function, arguments in islice(waiting, _IN_FLIGHT * workers - len(running)):
                running.add(submit(function, *arguments))
            if not running:
                return
            for future in wait_for_one(running):
                result = future.result()
                running.remove(future)
                yield result
    finally:
        for future in running:
            future.cancel()


def _calls_of(executor: Any) -> tuple[Callable[..., Any], Callable[[set[Any]], set[Any]]]:
    """Return how a task is handed over, and how the first of several futures is waited for.

    The futures of dask's executor gather a result and then ask for its status. A worker that dies
    in between makes an error of a good result. The futures of its client have no such gap: theirs
    are used. dask computes the parts of a dead worker again.
    """
    if type(executor).__module__ != "distributed.cfexecutor":
        return executor.submit, lambda futures: wait(futures, return_when=FIRST_COMPLETED).done
    client = executor._client

    def wait_for_one(futures: set[Any]) -> set[Any]:
        with client.as_current():  # it need not be the default one
            found: Any = sys.modules["distributed"].wait(futures, return_when="FIRST_COMPLETED")
        done: set[Any] = found.done
        return done

    return partial(client.submit, **executor._kwargs), wait_for_one
