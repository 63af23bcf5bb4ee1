"""What users have, read as features: the one place that knows arrays, frames and sparse matrices.

Everything that takes features reads them here, so that all take the same and refuse the same.
Libraries that a caller's data come from are recognised and never imported.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from randprop._validation import as_array, refuse_masked, told

__all__ = [
    "Table", "as_rows", "as_table", "check_sparse", "check_width", "computed", "feature_names",
    "frame_names", "is_frame", "is_sparse", "read_frame", "read_table", "refuse_missing",
    "refuse_unequal", "row_blocks", "sample_shape", "stored", "with_values", "without_duplicates",
]  # fmt: skip

# What is made of features on the way, however wide they are: about so many bytes at a time.
BLOCK_BYTES = 32 << 20
_FRAMES = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"))
_IMAGES = (3, 4)  # (n, height, width) and (n, height, width, channels); (n, length, channels)


class Table(NamedTuple):
    """Features as an array or a sparse matrix of finite real numbers, and what they are called."""

    values: Any  # ndarray of shape (n_samples, n_features), or a scipy.sparse CSR matrix
    names: tuple[str, ...] | None


def read_table(
    name: str, X: Any, *, empty: bool = False, shape: tuple[int, ...] | None = None
) -> Table:
    """Read features: arrays, lists, images, series, sparse matrices, frames.

    `empty` allows no rows; `shape` is that of a sample where its reader knows one, see `as_rows`.
    """
    X = computed(X)
    refuse_masked(name, X)
    check_sparse(name, X)
    names = None
    if is_frame(X):
        X, names = read_frame(name, X)
    values = _read_sparse(name, X) if is_sparse(X) else _read_array(name, X, shape)
    n_samples, n_features = values.shape
    if not n_features or not (n_samples or empty):
        raise ValueError(
            f"{name} must have shape (n_samples, n_features), neither 0, got {values.shape}"
        )
    return Table(values, names)


def as_table(name: str, X: Any) -> NDArray[Any]:
    """Return features as a dense array of shape (n_samples, n_features), neither 0."""
    values = read_table(name, X).values
    return np.asarray(values.toarray() if is_sparse(values) else values)


def computed(X: Any) -> Any:
    """Return an array or frame; one of dask is computed here, masks and names with it."""
    return X.compute(scheduler="synchronous") if hasattr(X, "compute") else X


def is_sparse(X: Any) -> bool:
    """Whether this is a sparse matrix or array of SciPy."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(X))


def is_frame(X: Any) -> bool:
    """Whether this is a table with named columns: of pandas, polars or pyarrow."""
    return any(
        isinstance(X, getattr(sys.modules.get(library), kind, ())) for library, kind in _FRAMES
    )


def feature_names(labels: Iterable[Any]) -> tuple[str, ...] | None:
    """Return the names of columns; None where they are no strings, or not different."""
    found = list(labels)
    if not all(isinstance(label, str) for label in found) or len(set(found)) != len(found):
        return None
    return tuple(map(str, found)) or None


def frame_names(X: Any) -> tuple[str, ...] | None:
    """Return the names of a frame's columns, as `feature_names` has them."""
    return feature_names(_labels(X))


def _labels(X: Any) -> list[Any]:
    return list(X.column_names if hasattr(X, "column_names") else X.columns)


def read_frame(name: str, X: Any) -> tuple[Any, tuple[str, ...] | None]:
    """Return the numbers of a frame, as an array or a sparse matrix, and its columns' names."""
    labels = _labels(X)
    if hasattr(X, "iloc"):
        # Of other fill values a sparse matrix knows nothing.
        if labels and all(getattr(dtype, "fill_value", None) == 0 for dtype in X.dtypes):
            return X.sparse.to_coo(), feature_names(labels)
        columns = [X.iloc[:, i] for i in range(len(labels))]
    else:
        columns = list(X.columns) if hasattr(X, "column_names") else X.get_columns()
    arrays = [
        _read_column(f"column {label!r} of {name}", column)
        for label, column in zip(labels, columns, strict=True)
    ]
    if not arrays:
        return np.empty((len(X), 0)), None
    dtype = np.result_type(*arrays)
    for label, array in zip(labels, arrays, strict=True):
        # Integers beyond 2**53 are exact beside integers, and not beside floats.
        wide = dtype.kind == "f" and array.dtype.kind in "iu" and array.dtype.itemsize == 8
        if wide and ((array > 2**53) | (array < -(2**53))).any():
            raise ValueError(
                f"column {label!r} of {name} holds integers beyond 2**53, which are not exact in "
                f"{dtype}, the common type of all columns; convert the column with astype"
            )
    return np.stack(arrays, axis=1, dtype=dtype), feature_names(labels)


def _read_column(name: str, column: Any) -> NDArray[Any]:
    """Return the numbers of a column; what is missing, and what is no number, is refused."""
    dtype: Any = getattr(column, "dtype", getattr(column, "type", None))
    # Not told by the values: categories may be numbers.
    other = str(getattr(dtype, "kind", "f")) not in "buif"
    if other or str(dtype).lower().startswith(("dictionary", "categorical", "enum")):
        raise TypeError(f"{name} must hold real numbers, got {dtype}; convert or leave it out")
    missing = column.isna().any() if hasattr(column, "isna") else column.null_count
    if missing() if callable(missing) else missing:
        raise ValueError(f"{name} has missing values; fill them, or leave those samples out")
    numbers = getattr(dtype, "numpy_dtype", None)  # that of a nullable or pyarrow dtype of pandas
    array = column.to_numpy(dtype=numbers) if numbers is not None else column.to_numpy()
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must hold real numbers, got {dtype}; convert or leave it out")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} must not contain NaN or infinity")
    return np.asarray(array)


def _read_sparse(name: str, X: Any) -> Any:
    if X.ndim != 2:
        raise ValueError(f"{name} must have shape (n_samples, n_features), got {X.shape}")
    matrix = without_duplicates(X.tocsr())
    data = _real(name, matrix.data)
    if data is not matrix.data:
        matrix = matrix.astype(data.dtype)
    return matrix


def check_sparse(name: str, X: Any) -> None:
    """Refuse a sparse matrix that names places beyond it: SciPy would write there unchecked."""
    if not is_sparse(X):
        return
    try:
        if hasattr(X, "check_format"):
            X.check_format(full_check=True)
        elif X.format == "coo" and X.ndim == 2 and X.nnz:
            for size, places in zip(X.shape, (X.row, X.col), strict=True):
                if not (places.min() >= 0 and places.max() < size):
                    raise ValueError(f"row and column indices must lie within {X.shape}")
    except ValueError as error:
        raise ValueError(f"{name} is not a valid sparse matrix: {error}") from None


def without_duplicates(X: Any) -> Any:
    """Return a CSR matrix in which no entry stands in parts, whose values would mislead."""
    if not is_sparse(X) or X.has_canonical_format:
        return X
    X = X.copy()
    X.sum_duplicates()
    return X


def with_values(X: Any, values: NDArray[Any]) -> Any:
    """Return a CSR matrix with other values where this one stores its own; the rest is shared."""
    return type(X)((values, X.indices, X.indptr), shape=X.shape, copy=False)


def as_rows(name: str, X: Any, shape: tuple[int, ...] | None = None) -> Any:
    """Return images and series as rows, one each; whatever else it is, as it is.

    `shape` is that which a sample must have: (height, width, channels) of an image, given as
    (n, height, width) where there is one channel; (length, channels) of a series, given as
    (n, channels, length). Rows have the channel fastest.
    """
    if shape is not None and len(shape) == 2:
        refuse_unequal(name, X)
    if _n_dims(X) not in _IMAGES:
        return X
    array = as_array(name, X)
    if shape is not None:
        _check_shape(name, array.shape[1:], shape)
        if len(shape) == 2:
            array = array.transpose(0, 2, 1)
    return array.reshape(len(array), math.prod(array.shape[1:]))


def _check_shape(name: str, found: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if len(shape) == 1:
        return
    told_as = "(n_samples, height, width, channels)"
    wanted = shape[:-1] if shape[-1] == 1 and len(found) == 2 else shape
    if len(shape) == 2:
        wanted, told_as = shape[::-1], "(n_samples, channels, length)"
    if found != wanted:
        expected = ", ".join(map(str, ("n_samples", *wanted)))
        raise ValueError(
            f"{name} must have shape ({expected}), {told_as}, got samples of shape {found}"
        )


def refuse_unequal(name: str, X: Any) -> None:
    """Refuse series of unequal lengths, which come as lists."""
    if not isinstance(X, (list, tuple)) and getattr(getattr(X, "dtype", None), "kind", "") != "O":
        return
    lengths = {np.shape(series)[-1] for series in X if np.ndim(series) in (1, 2)}
    if len(lengths) > 1:
        raise ValueError(
            f"{name} holds series of unequal lengths, from {min(lengths)} to {max(lengths)}: a "
            "network reads series of one length. Cut them to the shortest, pad them to the "
            "longest, or resample them"
        )


def sample_shape(name: str, X: Any) -> tuple[int, ...] | None:
    """Return the shape of a sample where it has more than one dimension: of images, of series."""
    return as_array(name, X).shape[1:] if _n_dims(X) in _IMAGES else None


def _n_dims(X: Any) -> int:
    """Dimensions of an array, or of lists, of which the first entries are looked at."""
    depth = 0
    while isinstance(X, (list, tuple)) and X:
        X, depth = X[0], depth + 1
    ndim = getattr(X, "ndim", 0)
    return depth + ndim if isinstance(ndim, int) else depth


def _read_array(name: str, X: Any, shape: tuple[int, ...] | None) -> NDArray[Any]:
    array = as_rows(name, X, shape)
    array = as_array(name, array)
    if array.ndim == 0:
        raise TypeError(f"{name} must be an array of features, got {told(X)}")
    if array.ndim != 2:
        one = f"; one sample is {name}.reshape(1, -1)" if array.ndim == 1 and array.size else ""
        raise ValueError(
            f"{name} must have shape (n_samples, n_features), or (n_samples, height, width) or "
            f"(n_samples, height, width, channels), got {array.shape}{one}"
        )
    return _real(name, array)


def _real(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return finite real numbers of at most 64 bits each."""
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.dtype.kind != "f":
        return array
    refuse_missing(name, array)
    if array.dtype.itemsize <= 8:
        return array
    with np.errstate(over="ignore"):
        rounded = array.astype(np.float64)
    if not np.isfinite(rounded).all():
        raise ValueError(f"{name} must fit float64, got larger numbers of {array.dtype}")
    return rounded


def refuse_missing(name: str, array: NDArray[Any]) -> None:
    """Refuse what is not finite, by the first column that has such values."""
    for rows in row_blocks(array):
        if np.isfinite(array[rows]).all():
            continue
        if array.ndim != 2:
            raise ValueError(f"{name} must not contain NaN or infinity")
        finite = np.isfinite(array)
        columns = np.flatnonzero(~finite.all(axis=0))
        others = f"; other such columns: {len(columns) - 1}" if len(columns) > 1 else ""
        raise ValueError(
            f"{name} must not contain NaN or infinity: column {columns[0]} has "
            f"{np.count_nonzero(~finite[:, columns[0]])} of {len(array)}{others}; fill missing "
            "values, or leave those samples out"
        )


def check_width(name: str, shape: tuple[int, ...], n_features: int, reader: str) -> None:
    """Refuse features of another number than is read; one sample or image gets told how."""
    if shape[1] == n_features:
        return
    one = ""
    if math.prod(shape) == n_features:
        one = f"; one sample is {name}.reshape(1, -1)"
    raise ValueError(f"{name} has {shape[1]} features, {reader} expects {n_features}{one}")


def stored(X: Any) -> NDArray[Any]:
    """Return all values of an array, and of a sparse matrix those that it stores."""
    return np.asarray(X.data if is_sparse(X) else X)


def row_blocks(X: Any, value_bytes: int = 32) -> Iterator[slice]:
    """Cut rows into blocks of about `BLOCK_BYTES`, at `value_bytes` a value; one row at least."""
    row_bytes = value_bytes * max(1, math.prod(X.shape[1:]))
    rows = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, X.shape[0], rows):
        yield slice(start, start + rows)
