"""Fitting and measuring in parts: processes, clusters, data larger than memory.

Counts are integers and add exactly, so that any partition of the data, over any workers, in any
order, gives the same readout to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._labels import as_codes, as_labels, codes_among
from randprop._validation import as_array, check_int, refuse_masked
from randprop.bits import BitMatrix, Features
from randprop.features import computed, feature_names, frame_names, is_frame, is_sparse
from randprop.measure.metrics import accuracy_of, confusion_of
from randprop.measure.split import check_n_classes
from randprop.measure.workers import check_workers, run_tasks
from randprop.model.data_checks import check_fitted
from randprop.model.fixed_scaling import AS_BYTES, FixedScaling, check_features, propagate_table
from randprop.model.mapping import fits_bytes
from randprop.model.model import Model, as_model, check_names, check_scaling
from randprop.model.scaling import Scaling
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
    alpha: float | str = "auto",
    input_range: tuple[float, float] | None = None,
    scaling: Scaling | FixedScaling | None = None,
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
        or dask DataFrame is computed block by block by the workers; an iterable of parts may be
        endlessly larger than memory. Parts may be empty, the whole may not.
    y : array-like or dask array of shape (n_samples,), optional
        Labels; not given where `X` is an iterable of parts. Where the blocks of `X` are of unknown
        size, as those of a dask DataFrame are, a dask array or Series in as many blocks.
    readout : str or Readout, default="centroid"
        As `evaluate` takes it.
    metric : {"euclidean", "cosine", "hamming"}, default="euclidean"
        Of ``"centroid"``.
    n_neighbors : int, default=1
        Of ``"knn"``.
    alpha : float or "auto", default="auto"
        Of ``"ridge"`` and ``"discriminant"``.
    input_range : (float, float), optional
        As for `Model`. Default: features must be integers of [0, 255], of any type; no part is
        rounded without a range.
    scaling : Scaling, optional
        Fitted, in place of `input_range`.
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

    Warns
    -----
    RandpropDataWarning
        Where most units never change, or most levels of an `X` that is an array are lost.

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
    parts = _Parts(X, y, network.n_features, chunk_size)
    tasks = (
        (_fit_part, (number, network, fixed, empty, *part)) for number, part in enumerate(parts)
    )
    fitted = empty.fresh()
    waiting: dict[int, Readout | None] = {}
    merged = 0
    for number, found in run_tasks(tasks, executor=executor, n_jobs=n_jobs):
        # Parts come in any order; sums do not depend on it, but kept vectors do.
        waiting[number] = found
        while waiting and (merged in waiting or not empty.ordered):
            part = waiting.pop(merged if empty.ordered else number)
            if part is not None:
                fitted.merge(part)
            merged += 1
    if fitted.n_features is None:
        raise ValueError("X must hold at least one sample, got 0")
    fitted.n_threads = None
    model = Model(network, fitted, scaling=fixed, feature_names=parts.names)
    check_fitted(X, model.scaling, fitted)
    return model


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
    model = as_model(model)  # as it is now, whatever another thread adds meanwhile
    parts = _Parts(X, y, model.network.n_features, chunk_size, model.feature_names)
    n_classes = len(model.classes_)
    check_n_classes(n_classes)
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
    if math.isnan(A.shape[0]):
        raise ValueError("A has blocks of unknown size; call A.compute_chunk_sizes() first")
    n_samples = int(A.shape[0])
    labels = as_labels("y", y, n_samples, "A")
    for start in range(0, n_samples, size):
        rows = slice(start, start + size)
        # Masks are still there, and refused.
        yield BitMatrix.from_array(computed(A[rows])), labels[rows]


def _fit_part(
    number: int, network: StepNetwork, scaling: FixedScaling | None, empty: Readout, X: Any, y: Any
) -> tuple[int, Readout | None]:
    bits, labels = _propagated(network, scaling, X, y)
    return number, None if bits is None else empty.fresh().partial_fit(bits, labels)


def _count_part(model: Model, X: Any, y: Any) -> NDArray[np.int64]:
    classes = model.classes_
    bits, labels = _propagated(model.network, model.scaling, X, y)
    if bits is None:
        return np.zeros((len(classes), len(classes)), dtype=np.int64)
    readout = copy(model.readout)
    readout.n_threads = 1
    predicted = readout.predict(bits)
    codes = codes_among("y", labels, classes, "the model")
    return confusion_of(codes, as_codes(predicted, classes), len(classes))


def _propagated(
    network: StepNetwork, scaling: FixedScaling | None, X: Any, y: Any
) -> tuple[Features | None, NDArray[Any]]:
    """Return the bits and labels of a part, computed here; None for an empty one."""
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
    # One thread: the parts are what runs side by side.
    if isinstance(features, BitMatrix):
        return network.propagate(features, n_threads=1), labels
    if scaling is None and not fits_bytes(features):
        raise ValueError(
            "X holds values other than integers of [0, 255]; give input_range=(low, high), "
            "the range of all of the data, which is mapped to them, or a fitted scaling"
        )
    return propagate_table(network, features, scaling or AS_BYTES, 1), labels


@lru_cache(maxsize=1)  # the last network alone: prepared weights may be large
def _here(network: StepNetwork) -> StepNetwork:
    """Return one network for all equal ones of this process, whose weights are prepared once."""
    return network


class _Parts:
    """Data in parts, each (X, y), and what all frames among them call their columns."""

    def __init__(
        self, X: Any, y: Any, n_features: int, chunk_size: int, names: tuple[str, ...] | None = None
    ) -> None:
        size = check_int("chunk_size", chunk_size, 1, 1 << 31)
        refuse_masked("X", X)
        self.names = names
        if y is not None:
            self._pairs: Iterable[Part] = self._cut(X, y, n_features, size)
            return
        whole = hasattr(X, "shape") or hasattr(X, "dask") or isinstance(X, BitMatrix)
        if whole or not isinstance(X, Iterable):
            raise TypeError(
                "y must be given, unless X is an iterable of (X, y) parts, "
                f"got {type(X).__name__} and no y"
            )
        self._pairs = self._checked(X)

    def __iter__(self) -> Iterator[Part]:
        return iter(self._pairs)

    def _checked(self, parts: Iterable[Any]) -> Iterator[Part]:
        for number, part in enumerate(parts):
            if not isinstance(part, (tuple, list)) or len(part) != 2:
                raise TypeError(f"part {number} of X must be (X, y), got {type(part).__name__}")
            if is_frame(part[0]):
                self._name(f"part {number} of X", frame_names(part[0]))
            yield part[0], part[1]

    def _name(self, told: str, names: tuple[str, ...] | None) -> None:
        check_names(told, names, self.names)
        self.names = self.names or names

    def _cut(self, X: Any, y: Any, n_features: int, size: int) -> Iterable[Part]:
        if hasattr(X, "dask"):
            if hasattr(X, "columns"):
                self._name("X", feature_names(X.columns))
        elif is_frame(X) or is_sparse(X) or not (hasattr(X, "shape") and hasattr(X, "__getitem__")):
            X, names = check_features("X", X)
            self._name("X", names)
        # Whatever else gives rows by slices is checked part by part: a look at all of a memmap
        # would read all of it.
        shape = tuple(X.shape)
        if not 2 <= len(shape) <= 4 or math.prod(shape[1:]) != n_features:
            raise ValueError(f"X must have shape (n_samples, {n_features}), got {shape}")
        if hasattr(X, "dask"):
            return _blocks(X, y)
        n_samples = shape[0]
        labels = y if hasattr(y, "dask") else as_labels("y", y, n_samples, "X")
        if len(labels) != n_samples:
            raise ValueError(f"y has {len(labels)} labels for {n_samples} samples of X")
        starts = range(0, n_samples, size)
        return ((X[start : start + size], labels[start : start + size]) for start in starts)


def _blocks(X: Any, y: Any) -> Iterable[Part]:
    """Cut dask's data by its own blocks: any other cut would read a block for each piece."""
    parts, labels = _blocks_of(X), _blocks_of(y) if hasattr(y, "dask") else None
    if _known(X) and (labels is None or _known(y)):
        if labels is None:
            y = as_labels("y", y, len(X), "X")
        if len(y) != len(X):
            raise ValueError(f"y has {len(y)} labels for {len(X)} samples of X")
        starts = np.concatenate([[0], np.cumsum(X.chunks[0])])
        pairs = zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        return ((X[a:b], y[a:b]) for a, b in pairs if b > a)
    if labels is None or len(labels) != len(parts):
        came = type(y).__name__ if labels is None else f"{len(labels)}"
        raise ValueError(
            f"X has {len(parts)} blocks of unknown size: y must be of dask too, in as many blocks, "
            f"got {came}"
        )
    return zip(parts, labels, strict=True)


def _blocks_of(data: Any) -> list[Any]:
    if hasattr(data, "chunks"):
        return [data.blocks[i] for i in range(data.numblocks[0])]
    return [data.partitions[i] for i in range(data.npartitions)]


def _known(data: Any) -> bool:
    """Whether the sizes of dask's blocks are known: never those of a frame."""
    return hasattr(data, "chunks") and not any(math.isnan(size) for size in data.chunks[0])
