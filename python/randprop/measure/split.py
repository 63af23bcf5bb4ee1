"""A labelled split of data: loaded, mapped to bytes, thinned, then checked and coded, once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from randprop._labels import as_codes, as_labels, codes_among, distinct, in_one_type
from randprop.datasets import DATASETS, Dataset
from randprop.features import is_sparse, refuse_unequal, sample_shape
from randprop.model.data_checks import check_table
from randprop.model.fixed_scaling import AS_BYTES, check_features, warn_outside
from randprop.model.mapping import fits_bytes
from randprop.model.model import check_names
from randprop.model.scaling import Scaling

__all__ = ["Split", "check_n_classes", "load_split", "name_of"]

_ARRAYS = "arrays"  # the name of a caller's own data
# A confusion matrix of so many classes, of 8 bytes an entry, takes 1 GiB.
_MAX_CLASSES = 11_585


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test samples, every one of a class that the training samples have."""

    name: str
    X_train: NDArray[np.uint8]  # (n_samples, n_features)
    codes_train: NDArray[np.int32]  # positions in classes
    X_test: NDArray[np.uint8]
    codes_test: NDArray[np.int32]
    classes: NDArray[Any]  # labels, sorted
    input_range: tuple[float, float] | None  # that was mapped to bytes; None: used as it came
    image_shape: tuple[int, int, int] | None  # where it is known
    digest: str = ""  # of the whole data, before they were thinned, if it was asked for
    # The features as they came, of shape (n_samples, n_features): an array or a CSR matrix.
    table_train: Any = None
    table_test: Any = None
    sample_shape: tuple[int, ...] | None = None  # of images and series that came as such

    @property
    def n_features(self) -> int:
        """Bytes of a sample."""
        return int(self.X_train.shape[1])

    @property
    def y_train(self) -> NDArray[Any]:
        """Labels of the training samples."""
        return np.asarray(self.classes[self.codes_train])


def load_split(
    dataset: str | Sequence[ArrayLike],
    *,
    n_train: int | None = None,
    n_test: int | None = None,
    digest: bool = False,
    dims: int = 1,
    check: bool = True,
) -> Split:
    """Load data, and make of them what everything that is measured starts from.

    `n_train` and `n_test` take so many samples, evenly spread; `digest` asks for the sum that tells
    data sets apart; `dims` is how many numbers the shape of a sample has that the network
    reads: 2 of series, which come as (n_samples, channels, length), 3 of images. `check` warns
    where the data suit no plain network. Raises ValueError where a test label is no training label.
    """
    loaded = _load(dataset, dims=dims, check=check)
    name, arrays = loaded.name, loaded.arrays
    X_train, y_train, X_test, y_test = arrays
    found = _digest(*arrays) if digest else ""
    train, test = _spread(len(X_train), n_train), _spread(len(X_test), n_test)
    y_train, y_test = y_train[train], y_test[test]
    classes = distinct(y_train)
    check_n_classes(len(classes))
    codes_test = codes_among("y_test", y_test, classes, "y_train")
    return Split(
        name=name,
        X_train=np.ascontiguousarray(X_train[train]),
        codes_train=as_codes(y_train, classes),
        X_test=np.ascontiguousarray(X_test[test]),
        codes_test=codes_test,
        classes=classes,
        input_range=loaded.input_range,
        image_shape=DATASETS[name].image_shape if isinstance(dataset, str) else None,
        digest=found,
        table_train=loaded.tables[0][train],
        table_test=loaded.tables[1][test],
        sample_shape=loaded.sample_shape,
    )


def check_n_classes(n_classes: int) -> None:
    """Refuse more classes than a confusion matrix may have."""
    if n_classes > _MAX_CLASSES:
        raise ValueError(
            f"y must have at most {_MAX_CLASSES} classes, because their confusion matrix takes "
            f"1 GiB, got {n_classes}; Model.score needs no such matrix"
        )


class _Loaded(NamedTuple):
    """Data before they are thinned."""

    name: str
    arrays: Dataset
    tables: tuple[Any, Any]
    input_range: tuple[float, float] | None = None
    sample_shape: tuple[int, ...] | None = None


def _load(dataset: str | Sequence[ArrayLike], *, dims: int, check: bool) -> _Loaded:
    if isinstance(dataset, str):
        named = DATASETS.choose("dataset", dataset)
        arrays = named.load()
        tables = arrays[0], arrays[2]
        if dims < 3:
            return _Loaded(dataset, arrays, tables)
        images = [named.as_images(X) for X in tables]
        shape = images[0].shape[1:] if images[0].ndim > 2 else None
        tables = images[0].reshape(len(images[0]), -1), images[1].reshape(len(images[1]), -1)
        arrays = Dataset(tables[0], arrays[1], tables[1], arrays[3])
        return _Loaded(dataset, arrays, tables, sample_shape=shape)
    if not isinstance(dataset, (tuple, list)) or len(dataset) != 4:
        came = f"{len(dataset)} entries" if hasattr(dataset, "__len__") else type(dataset).__name__
        raise TypeError(f"dataset must be a name or (X_train, y_train, X_test, y_test), got {came}")
    if dims == 2:
        refuse_unequal("X_train", dataset[0])
    found = sample_shape("X_train", dataset[0])
    shape = found[::-1] if found is not None and dims == 2 else None
    train = check_features("X_train", dataset[0], shape=shape)
    test = check_features("X_test", dataset[2], shape=shape)
    check_names("X_test", test.names, train.names)
    n_train, n_features = train.values.shape
    n_test = test.values.shape[0]
    if test.values.shape[1] != n_features:
        raise ValueError(f"X_test has {test.values.shape[1]} features, X_train has {n_features}")
    y_train = as_labels("y_train", dataset[1], n_train, "X_train")
    y_test = as_labels("y_test", dataset[3], n_test, "X_test")
    y_train, y_test = in_one_type("y_train and y_test", y_train, y_test)
    as_they_come = fits_bytes(train.values)
    scaling = AS_BYTES if as_they_come else Scaling("range").add(train.values).fixed_
    # Beyond the range of the training data is what a range is for.
    if as_they_come:
        warn_outside("X_test", test.values, scaling, "X_train")
    if check:
        check_table(train.values, scaling)
    X_train, X_test = (_dense(scaling.map_values(table.values)) for table in (train, test))
    tables = train.values, test.values
    arrays = Dataset(X_train, y_train, X_test, y_test)
    input_range = None if as_they_come else scaling.input_range
    return _Loaded(name_of(dataset), arrays, tables, input_range, found)


def name_of(dataset: Sequence[ArrayLike]) -> str:
    """Return what results call a caller's own data: their file, where they are of one."""
    return str(getattr(dataset, "name", _ARRAYS))


def _dense(X: Any) -> NDArray[np.uint8]:
    return np.asarray(X.toarray() if is_sparse(X) else X)


def _digest(
    X_train: NDArray[np.uint8], y_train: NDArray[Any], X_test: NDArray[np.uint8], y_test: Any
) -> str:
    classes = distinct(y_train)
    total = hashlib.blake2b(digest_size=8)
    for array in (X_train, as_codes(y_train, classes), X_test, as_codes(y_test, classes)):
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def _spread(n_samples: int, count: int | None) -> slice | NDArray[np.intp]:
    """Rows to use: all, as a view, or so many of them, evenly spread."""
    if count is None or count >= n_samples:
        return slice(None)
    return np.arange(count) * n_samples // count
