"""Fitting and measuring in parts: processes, clusters, data larger than memory.

Counts are integers and add exactly, so that any partition of the data, over any workers, in any
order, gives the same readout to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Executor
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._labels import as_codes, as_labels, codes_among
from randprop._validation import as_array, check_flag, check_int, check_path, refuse_masked
from randprop.bits import BitMatrix, Features
from randprop.features import computed
from randprop.measure.chunks import Chunk, Data
from randprop.measure.metrics import accuracy_of, confusion_of
from randprop.measure.partial_sums import PartialSums
from randprop.measure.progress import track
from randprop.measure.split import check_n_classes
from randprop.measure.workers import check_workers, on_workers, run_tasks
from randprop.model.data_checks import check_fitted
from randprop.model.fixed_scaling import AS_BYTES, FixedScaling, check_features, propagate_table
from randprop.model.mapping import fits_bytes
from randprop.model.model import Model, as_model, check_scaling
from randprop.model.scaling import Scaling
from randprop.network.step_network import StepNetwork
from randprop.readouts.base import Readout
from randprop.readouts.registry import make_readout

__all__ = ["Confusion", "bit_chunks", "evaluate_parallel", "fit_parallel"]


@dataclass(frozen=True, eq=False)
class Confusion:
    """Numbers of samples by true and by predicted class.

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
        """Number of samples that were counted."""
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
    alpha: float | str = "auto",
    input_range: tuple[float, float] | None = None,
    scaling: Scaling | FixedScaling | None = None,
    chunk_size: int = 4096,
    resume: str | PathLike[str] | None = None,
    progress: bool = True,
    executor: Executor | str | None = None,
    n_jobs: int | None = None,
) -> Model:
    """Fit a readout to data in parts, on one machine or on many.

    Parameters
    ----------
    network : StepNetwork
    X : array-like, source, path-like, list of path-like, or iterable of (X, y)
        Features of shape (n_samples, n_features), as `Model.propagate` takes them. Data that are
        too large for memory are read by the workers, one chunk at a time: a NumPy memmap; data of
        HDF5 (h5py) or Zarr; a dask array or DataFrame, block by block; a
        ``pyarrow.dataset.Dataset``; files by their paths, ``.npy``, ``.parquet`` or ``.tar`` (in
        the form of WebDataset); an object with ``n_samples``, ``n_features`` and
        ``read(start, stop)``, which returns features or (features, labels). An iterable of parts
        is read in the calling process. Parts may be empty, but not all of them.
    y : array-like, dask array or str, optional
        Labels of shape (n_samples,): an array, or data that the workers read like `X`. For Parquet
        files also the name of the column. Leave it out if `X` has the labels. If the sizes of the
        blocks of `X` are unknown, as in a dask DataFrame, give a dask array or Series with as many
        blocks.
    readout : str or Readout, default="centroid"
        As `evaluate` takes it.
    metric : {"euclidean", "cosine", "hamming"}, default="euclidean"
        For ``"centroid"``.
    n_neighbors : int, default=1
        For ``"knn"``.
    alpha : float or "auto", default="auto"
        For ``"ridge"`` and ``"discriminant"``.
    input_range : (float, float), optional
        As for `Model`. Default: features must be integers from 0 to 255, of any type, and are used
        as they are.
    scaling : Scaling, optional
        A fitted scaling. It replaces `input_range`.
    chunk_size : int, default=4096
        Samples in a chunk. Zarr and Parquet store data in their own chunks, which are read as a
        whole.
    resume : path-like, optional
        File of partial sums. It is created if it does not exist. If a fit is stopped, call it again
        with the same arguments, and it continues from this file. Not for ``"knn"``, and not for an
        iterable of parts.
    progress : bool, default=True
        Show rate and time left, on a terminal and in a notebook. Elsewhere, print a line every
        minute.
    executor : concurrent.futures.Executor or str, optional
        It computes the chunks: a ProcessPoolExecutor, ``dask.distributed.Client().get_executor()``,
        the executor of mpi4py, or the address of a dask scheduler, such as
        ``"tcp://10.0.0.1:8786"``. Default: joblib.
    n_jobs : int, optional
        Number of chunks that joblib computes at the same time. Default: the number in
        ``joblib.parallel_config``, which also names the backend (``"loky"``, ``"dask"``,
        ``"ray"``), else 1.

    Returns
    -------
    Model
        The same for any partition into chunks, to the last bit.

    Raises
    ------
    ValueError
        Also if the file of `resume` holds the sums of another fit, or no sums.
    OSError
        If a file of `X`, or the scheduler, cannot be reached.

    Warns
    -----
    RandpropDataWarning
        If most units never change, or if `X` is an array whose features take few of the 256
        levels.

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
    given = input_range is not None or scaling is not None
    fixed = check_scaling(input_range, scaling) if given else None
    if fixed is not None:
        fixed.check_groups(network.n_features)
    check_workers(executor, n_jobs)
    progress = check_flag("progress", progress)
    data = Data(X, y, network.n_features, chunk_size)
    sums = PartialSums(
        None if resume is None else check_path("resume", resume), empty,
        network=network, scaling=fixed, data=data, chunk_size=chunk_size,
    )  # fmt: skip
    tasks = (
        (_fit_chunk, (number, network, fixed, empty, chunk))
        for number, chunk in enumerate(data)
        if not sums.has(number)
    )
    waiting: dict[int, Readout | None] = {}
    merged = 0
    with (
        sums,
        on_workers(executor) as workers,
        track("samples", data.n_samples, done=sums.n_samples, show=progress) as advance,
    ):
        for number, n_samples, found in run_tasks(tasks, executor=workers, n_jobs=n_jobs):
            # Chunks come in any order; sums do not depend on it, but kept vectors do.
            waiting[number] = found
            while waiting and (merged in waiting or not empty.ordered):
                which = merged if empty.ordered else number
                sums.add(which, waiting.pop(which))
                merged += 1
            advance(n_samples)
    fitted = sums.fitted
    if fitted.n_features is None:
        raise ValueError("X must hold at least one sample, got 0")
    fitted.n_threads = None
    model = Model(network, fitted, scaling=fixed, feature_names=data.names)
    check_fitted(X, model.scaling, fitted)
    return model


def evaluate_parallel(
    model: Model,
    X: Any,
    y: ArrayLike | None = None,
    *,
    chunk_size: int = 4096,
    progress: bool = True,
    executor: Executor | str | None = None,
    n_jobs: int | None = None,
) -> Confusion:
    """Predict the labels of data in parts, and count them by true class.

    Parameters
    ----------
    model : Model
        Fitted.
    X : array-like, source, path-like, list of path-like, or iterable of (X, y)
        As for `fit_parallel`.
    y : array-like, dask array or str, optional
        Right labels, as for `fit_parallel`.
    chunk_size : int, default=4096
        Samples in a chunk.
    progress : bool, default=True
        As for `fit_parallel`.
    executor : concurrent.futures.Executor or str, optional
        As for `fit_parallel`.
    n_jobs : int, optional
        As for `fit_parallel`.

    Returns
    -------
    Confusion

    Raises
    ------
    OSError
        If a file of `X`, or the scheduler, cannot be reached.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a Model, got {type(model).__name__}")
    check_workers(executor, n_jobs)
    progress = check_flag("progress", progress)
    model = as_model(model)  # as it is now, whatever another thread adds meanwhile
    data = Data(X, y, model.network.n_features, chunk_size, model.feature_names)
    n_classes = len(model.classes_)
    check_n_classes(n_classes)
    matrix = np.zeros((n_classes, n_classes), dtype=np.int64)
    tasks = ((_count_chunk, (model, chunk)) for chunk in data)
    with (
        on_workers(executor) as workers,
        track("samples", data.n_samples, show=progress) as advance,
    ):
        for found in run_tasks(tasks, executor=workers, n_jobs=n_jobs):
            matrix += found
            advance(int(found.sum()))
    if not matrix.any():
        raise ValueError("X must hold at least one sample, got 0")
    return Confusion(model.classes_, matrix)


def bit_chunks(A: Any, y: ArrayLike, chunk_size: int = 4096) -> Iterator[tuple[BitMatrix, Any]]:
    """Pack an array of 0 and 1 in parts, for the `fit` of a readout.

    Parameters
    ----------
    A : array of shape (n_samples, n_bits)
        Any array whose slices are rows: a NumPy memmap, a dask array, HDF5 or Zarr data.
    y : array-like of shape (n_samples,)
        Labels.
    chunk_size : int, default=4096
        Rows in a part.

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
    if math.isnan(A.shape[0]):
        raise ValueError("A has blocks of unknown size; call A.compute_chunk_sizes() first")
    n_samples = int(A.shape[0])
    labels = as_labels("y", y, n_samples, "A")
    for start in range(0, n_samples, size):
        rows = slice(start, start + size)
        # Masks are still there, and refused.
        yield BitMatrix.from_array(computed(A[rows])), labels[rows]


def _fit_chunk(
    number: int, network: StepNetwork, scaling: FixedScaling | None, empty: Readout, chunk: Chunk
) -> tuple[int, int, Readout | None]:
    """Return the number of a chunk, how many samples it had, and what they add up to."""
    fitted, n_samples = None, 0
    for X, y in chunk.blocks():
        bits, labels = _propagated(network, scaling, X, y)
        if bits is not None:
            fitted = empty.fresh() if fitted is None else fitted
            fitted.partial_fit(bits, labels)
            n_samples += len(labels)
    return number, n_samples, fitted


def _count_chunk(model: Model, chunk: Chunk) -> NDArray[np.int64]:
    classes = model.classes_
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for X, y in chunk.blocks():
        bits, labels = _propagated(model.network, model.scaling, X, y)
        if bits is not None:
            readout = copy(model.readout)
            readout.n_threads = 1
            predicted = readout.predict(bits)
            codes = codes_among("y", labels, classes, "the model")
            matrix += confusion_of(codes, as_codes(predicted, classes), len(classes))
    return matrix


def _propagated(
    network: StepNetwork, scaling: FixedScaling | None, X: Any, y: Any
) -> tuple[Features | None, NDArray[Any]]:
    """Return the bits and labels of a block, computed here; None for an empty one."""
    X = computed(X)
    shape = network.input_shape
    features = (
        X if isinstance(X, BitMatrix) else check_features("X", X, empty=True, shape=shape).values
    )
    n_samples = features.shape[0]
    labels = as_labels("y", computed(y), n_samples, "X")
    if not n_samples:
        return None, labels
    network = _here(network)
    # One thread: the chunks are what runs side by side.
    if isinstance(features, BitMatrix):
        return network.propagate(features, n_threads=1), labels
    if scaling is None and not fits_bytes(features):
        raise ValueError(
            "X holds other values than integers from 0 to 255; give a fitted scaling, or "
            "input_range=(low, high), the range of all data, which is mapped to 0 to 255"
        )
    return propagate_table(network, features, scaling or AS_BYTES, 1), labels


@lru_cache(maxsize=1)  # the last network alone: prepared weights may be large
def _here(network: StepNetwork) -> StepNetwork:
    """Return one network for all equal ones of this process, whose weights are prepared once."""
    return network
