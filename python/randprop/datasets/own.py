"""A person's own files as samples: CSV, NumPy's .npz, folders of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._validation import check_path
from randprop.datasets.csv_table import read_columns
from randprop.datasets.image_folder import (
    class_folders,
    images_in,
    is_parted,
    labelled,
    read_images,
)
from randprop.datasets.splitting import Dataset, split_by_class

__all__ = ["KINDS", "OwnData", "Samples", "is_own", "read_own", "read_parts", "read_samples"]

KINDS = "a .csv, .tsv, .txt or .npz file, or a folder of images"
_TABLES = (".csv", ".tsv", ".txt")
_PAIRS = (("x_train", "y_train", "x_test", "y_test"), ("x", "y"))


class OwnData(Dataset):
    """Training and test samples of a person's own, and what errors and results call them."""

    name: str
    feature_names: tuple[str, ...] | None
    drawn: int | None  # the seed that has drawn the samples to test, if one has


@dataclass(frozen=True)
class Samples:
    """Samples of one file or folder; without labels where none were asked for."""

    X: Any
    y: Any
    feature_names: tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None  # of images, one each


def is_own(text: str) -> bool:
    """Whether a text names a file or a folder rather than a data set."""
    return text.lower().endswith((*_TABLES, ".npz")) or "/" in text or Path(text).exists()


def read_own(
    path: str, *, label: int | str = -1, test: str | None = None, seed: int = 0
) -> OwnData:
    """Read training and test samples; where there are none to test, a fifth of all is drawn."""
    train, other = read_parts(path, label=label, test=test)
    if other is None:
        parts, drawn = split_by_class(train.X, train.y, seed), seed
    else:
        parts, drawn = Dataset(train.X, train.y, other.X, other.y), None
    data = OwnData(*parts)
    data.name, data.feature_names, data.drawn = path, train.feature_names, drawn
    return data


def read_parts(
    path: str,
    *,
    label: int | str = -1,
    test: str | None = None,
    wanted: Sequence[str] | None = None,
) -> tuple[Samples, Samples | None]:
    """Read samples to train, and those to test where there are any: in `test`, or in the file."""
    place = _existing(path)
    arrays = _read_npz(place) if place.is_file() and place.suffix.lower() == ".npz" else None
    if arrays is not None:
        read = _of_arrays(arrays)
    else:
        read = read_samples(path, label=label, wanted=wanted)
    train = _labelled(path, read)
    other = None
    if test is not None:
        other = _labelled(test, read_samples(test, label=label, wanted=train.feature_names))
    elif place.is_dir() and is_parted(place):
        files, y = labelled(place / "test")
        other = Samples(read_images(files), y)
    elif arrays is not None and "x_test" in arrays and "x" not in arrays:
        other = Samples(arrays["x_test"], arrays["y_test"])
    if other is not None and other.X.ndim != train.X.ndim:
        raise ValueError(
            f"test samples must have the shape of training samples, {train.X.shape[1:]}, got "
            f"{other.X.shape[1:]}"
        )
    return train, other


def _labelled(path: str, samples: Samples) -> Samples:
    if samples.y is None:
        raise ValueError(f"{path} holds no labels")
    _refuse_targets(path, samples.y)
    return samples


def _refuse_targets(path: str, y: NDArray[Any]) -> None:
    """Refuse the targets of a regression: fractions, most of which occur only once."""
    if y.dtype.kind != "f" or (y == np.rint(y)).all():
        return
    values = np.unique(y)
    if 2 * len(values) > len(y):
        fraction = y[y != np.rint(y)][0]
        raise ValueError(
            f"{path} must have classes as labels, got {len(values):,} different numbers for "
            f"{len(y):,} samples, such as {float(fraction)!r}; such targets are for "
            "randprop.StepRegressor, in Python"
        )


def read_samples(
    path: str, *, label: int | str | None = -1, wanted: Sequence[str] | None = None
) -> Samples:
    """Read all samples of a file or a folder; where `label` is None they need no labels.

    `wanted` are the names of the features, where the file has names.
    """
    place = _existing(path)
    if place.is_dir():
        return _read_folder(place, with_labels=label is not None)
    ending = place.suffix.lower()
    if ending == ".npz":
        return _of_arrays(_read_npz(place), with_labels=label is not None)
    if ending not in _TABLES:
        raise ValueError(f"{path} must be {KINDS}")
    delimiter = "\t" if ending == ".tsv" else None
    table = read_columns(place, label=label, wanted=wanted, delimiter=delimiter)
    return Samples(table.X, table.y, table.feature_names)


def _of_arrays(arrays: dict[str, NDArray[Any]], *, with_labels: bool = True) -> Samples:
    """Return all samples, else those to train; without labels those to test."""
    part = "test" if not with_labels and "x_test" in arrays else "train"
    X, y = (arrays.get(name, arrays.get(f"{name}_{part}")) for name in "xy")
    return Samples(X, y if with_labels else None)


def _existing(path: str) -> Path:
    place = check_path("dataset", path)
    if not place.exists():
        raise FileNotFoundError(f"{path} does not exist")
    return place


def _read_folder(folder: Path, *, with_labels: bool) -> Samples:
    """Read images with their labels, or those that lie in the folder itself without any."""
    if not with_labels and not class_folders(folder):
        files = images_in(folder)
        if not files:
            raise ValueError(f"{folder} holds no images")
        return Samples(read_images(files), None, files=tuple(map(str, files)))
    part = "train" if with_labels else "test"
    files, y = labelled(folder / part if is_parted(folder) else folder)
    return Samples(read_images(files), y, files=tuple(map(str, files)))


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file that names training and test samples, or samples and labels."""
    import zipfile

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name.lower(): file[name] for name in file.files}
    except (ValueError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        hint = "; arrays of objects are not read: save arrays of numbers" * ("pickle" in str(error))
        raise ValueError(f"{path} is not a .npz file, or is damaged: {error}{hint}") from None
    for names in _PAIRS:
        if all(name in arrays for name in names):
            return arrays
    if "x" in arrays:
        return arrays
    raise ValueError(
        f"{path} must hold x_train, y_train, x_test and y_test, or X and y, got "
        f"{', '.join(sorted(arrays)) or 'nothing'}"
    )
