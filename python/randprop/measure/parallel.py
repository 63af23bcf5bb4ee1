"""Fitting and measuring in parts: processes, clusters, data larger than memory.

Counts are integers and add exactly, so that any partition of the data, over any workers, in any
order, gives the same readout to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._validation import as_array, as_codes, as_labels, check_int, refuse_masked
from randprop.bits import BitMatrix
from randprop.measure.metrics import accuracy_of, confusion_of
from randprop.measure.workers import check_workers, run_tasks
from randprop.model.model import Model
from randprop.model.scaling import as_input, check_features, check_range
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Readout
from randprop.readouts.registry import make_readout

__all__ = ["Confusion", "bit_chunks", "evaluate_parallel", "fit_parallel"]

Part = tuple[Any, Any]


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
        return accuracy_of(self.matrix)


def fit_parallel(
    network: StepNetwork,
    X: Any,
    y: ArrayLike | None = None,
    *,
    readout: str | Readout = "centroid",
    metric: str = "euclidean",
    n_neighbors: int = 1,
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
    readout : str or Readout, default="centroid"
        As `evaluate` takes it.
    metric : {"euclidean", "cosine", "hamming"}, default="euclidean"
        Of ``"centroid"``.
    n_neighbors : int, default=1
        Of ``"knn"``.
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
    empty = make_readout(readout, metric=metric, n_neighbors=n_neighbors, alpha=alpha, n_threads=1)
    span = check_range("input_range", input_range)
    check_workers(executor, n_jobs)
    parts = _parts(X, y, network.n_features, chunk_size)
    tasks = (
        (_fit_part, (number, network, span, empty, *part)) for number, part in enumerate(parts)
    )
    fitted = empty.fresh()
    waiting: dict[int, Readout] = {}
    merged = 0
    for number, found in run_tasks(tasks, executor=executor, n_jobs=n_jobs):
        # Parts come in any order; sums do not depend on it, but kept vectors do.
        waiting[number] = found
        while waiting and (merged in waiting or not empty.ordered):
            fitted.merge(waiting.pop(merged if empty.ordered else number))
            merged += 1
    if not merged:
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
    number: int,
    network: StepNetwork,
    input_range: tuple[float, float],
    empty: Readout,
    X: Any,
    y: Any,
) -> tuple[int, Readout]:
    X, y = _computed(X), _computed(y)
    # One thread: the parts are what runs side by side.
    bits = _here(network).propagate(as_input(X, input_range), n_threads=1)
    return number, empty.fresh().partial_fit(bits, y)


def _count_part(model: Model, X: Any, y: Any) -> NDArray[np.int64]:
    network, readout = _here(model.network), copy(model.readout)
    readout.n_threads = 1
    bits = network.propagate(as_input(_computed(X), model.input_range), n_threads=1)
    predicted = readout.predict(bits)
    labels = as_labels("y", _computed(y), len(predicted), "X")
    classes = model.classes_
    unseen = np.setdiff1d(labels, classes)
    if unseen.size:
        raise ValueError(f"y has labels that the model has not: {unseen[:5].tolist()}")
    return confusion_of(as_codes(labels, classes), as_codes(predicted, classes), len(classes))


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
