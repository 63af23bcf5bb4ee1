"""Data sets: MNIST inside the package, others from disk or a mirror, and your own files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from os.path import isfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._extras import need
from randprop._files import read_bytes
from randprop._registry import Registry
from randprop._validation import check_path
from randprop.datasets import cifar, fetch, idx, packed, sources
from randprop.datasets.csv_table import CsvTable, load_csv
from randprop.datasets.image_folder import load_images
from randprop.datasets.splitting import Dataset

__all__ = [
    "CsvTable", "Dataset", "load", "load_cifar10", "load_csv", "load_digits",
    "load_fashion_mnist", "load_idx", "load_images", "load_kmnist", "load_mnist",
]  # fmt: skip


def load_mnist() -> Dataset:
    """Load MNIST, 60,000 and 10,000 handwritten digits of 28 x 28 pixels.

    The files are part of the package. Their checksums are verified. MNIST is by Yann LeCun and
    Corinna Cortes, CC BY-SA 3.0, derived from databases of NIST.

    Returns
    -------
    Dataset
        784 features, labels 0 to 9.
    """
    folder = Path(__file__).parent.parent / "data" / "mnist"
    parts: list[NDArray[Any]] = []
    for name, sha256 in sources.SOURCES["mnist"].sha256.items():
        data = fetch.read_checked(folder / name, sha256)
        read = packed.unpack if name.endswith(".packed") else idx.parse
        parts.append(read(data, str(folder / name)))
    return Dataset(*parts)


def load_fashion_mnist(data_home: str | PathLike[str] | None = None) -> Dataset:
    """Load Fashion-MNIST, 60,000 and 10,000 images of clothes of 28 x 28 pixels.

    The files are looked for in `data_home`, then where Debian's package dataset-fashion-mnist puts
    them. Otherwise they are downloaded. By Zalando SE (Xiao, Rasul, Vollgraf 2017,
    arXiv:1708.07747), MIT licence.

    Parameters
    ----------
    data_home : path-like, optional
        Folder of data sets. Default: ``RANDPROP_DATA``, or the platform's cache folder if that is
        not set.

    Returns
    -------
    Dataset
        784 features, labels 0 to 9.

    Raises
    ------
    OSError
        If no mirror can be reached. The message says how to supply the files by hand.
    ValueError
        If a file is damaged.
    """
    return _load_published(sources.SOURCES["fashion_mnist"], data_home)


def load_kmnist(data_home: str | PathLike[str] | None = None) -> Dataset:
    """Load Kuzushiji-MNIST, 60,000 and 10,000 cursive characters of 28 x 28 pixels.

    The files are looked for in `data_home`. Otherwise they are downloaded. By the Center for Open
    Data in the Humanities (Clanuwat et al. 2018, arXiv:1812.01718), CC BY-SA 4.0.

    Parameters
    ----------
    data_home : path-like, optional
        As in `load_fashion_mnist`.

    Returns
    -------
    Dataset
        784 features, labels 0 to 9.
    """
    return _load_published(sources.SOURCES["kmnist"], data_home)


def load_cifar10(data_home: str | PathLike[str] | None = None) -> Dataset:
    """Load CIFAR-10, 50,000 and 10,000 colour images of 32 x 32 pixels.

    The files are looked for in `data_home`, as ``cifar10/cifar-10-binary.tar.gz`` or unpacked as
    ``cifar10/cifar-10-batches-bin``. Otherwise they are downloaded. By Alex Krizhevsky (2009),
    "Learning multiple layers of features from tiny images".

    Parameters
    ----------
    data_home : path-like, optional
        As in `load_fashion_mnist`.

    Returns
    -------
    Dataset
        3,072 features in the order of the files, (channel, y, x); labels 0 to 9.
    """
    source = sources.SOURCES["cifar10"]
    if not fetch.in_data_home(source, data_home):
        folder = fetch.data_home_path(data_home) / source.name
        if all(isfile(folder / batch) for batch in source.content_sha256):
            batches = {
                batch: fetch.read_checked(folder / batch, sha256)
                for batch, sha256 in source.content_sha256.items()
            }
            return Dataset(*cifar.joined(batches, str(folder)))
    path = fetch.locate(source, "cifar-10-binary.tar.gz", data_home)
    data = fetch.read_checked(path, source.sha256["cifar-10-binary.tar.gz"])
    return Dataset(*cifar.read_archive(data, str(path)))


def load_digits() -> Dataset:
    """Load scikit-learn's digits, 1,797 images of 8 x 8 pixels with values 0 to 16.

    The first 1,437 (four of five) are the training samples. The rest are the test samples.

    Returns
    -------
    Dataset
        64 features, labels 0 to 9.
    """
    load = need("sklearn.datasets", "load_digits").load_digits
    features, labels = load(return_X_y=True)
    X, y = features.astype(np.uint8), labels.astype(np.uint8)
    return Dataset(X[:1437], y[:1437], X[1437:], y[1437:])


def load_idx(
    images: str | PathLike[str], labels: str | PathLike[str]
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Read a pair of IDX files, plain or gzip-compressed.

    Parameters
    ----------
    images : path-like
        File of unsigned bytes with at least 2 dimensions.
    labels : path-like
        File of integers of 8, 16 or 32 bits with 1 dimension. Or a label file of QMNIST, which has
        8 numbers of 32 bits per sample; the first is the class.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), dtype uint8
        Dimensions after the first are flattened.
    y : ndarray of shape (n_samples,), dtype uint8, int8, int16 or int32
        The type is that of the file.

    Raises
    ------
    OSError
        If a file cannot be read, or is a pipe or a device.
    TypeError, ValueError
        If an argument is not a path. If a file is not IDX of these types, or is cut short or too
        long. If the files have different numbers of samples.
    """
    image_path, label_path = check_path("images", images), check_path("labels", labels)
    return _pair(read_bytes(image_path), str(image_path), read_bytes(label_path), str(label_path))


@dataclass(frozen=True)
class NamedSet:
    """What a name stands for."""

    load: Callable[[], Dataset]
    # Where the features stand in the order of a Conv2D: CIFAR-10 has its channels one by one.
    image_shape: tuple[int, int, int] | None = None
    # (channels, height, width) where the channels stand one after the other.
    planes: tuple[int, int, int] | None = None

    def as_images(self, X: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return features of this set in the order of images, (n, height, width, channels)."""
        if self.planes is not None:
            return np.ascontiguousarray(X.reshape(-1, *self.planes).transpose(0, 2, 3, 1))
        return X if self.image_shape is None else X.reshape(-1, *self.image_shape)


DATASETS: Registry[NamedSet] = Registry()
DATASETS.add("mnist", NamedSet(load_mnist, (28, 28, 1)))
DATASETS.add("fashion_mnist", NamedSet(load_fashion_mnist, (28, 28, 1)))
DATASETS.add("kmnist", NamedSet(load_kmnist, (28, 28, 1)))
DATASETS.add("cifar10", NamedSet(load_cifar10, planes=(3, 32, 32)))
DATASETS.add("digits", NamedSet(load_digits, (8, 8, 1)))


def load(name: str) -> Dataset:
    """Load a data set by its name.

    Parameters
    ----------
    name : {"mnist", "fashion_mnist", "kmnist", "cifar10", "digits"}

    Returns
    -------
    Dataset

    Raises
    ------
    TypeError, ValueError
        If the name is none of these, or a file is damaged.
    OSError
        If the data are not on disk and cannot be downloaded.
    """
    return DATASETS.choose("name", name).load()


def _pair(
    image_bytes: bytes, image_name: str, label_bytes: bytes, label_name: str
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    images = idx.parse(image_bytes, image_name)
    labels = idx.parse(label_bytes, label_name, idx.INTEGERS)
    if images.ndim < 2:
        raise ValueError(f"{image_name}: expected at least 2 dimensions, got {images.ndim}")
    if labels.ndim == 2 and labels.shape[1] == 8 and labels.dtype == np.int32:
        labels = np.ascontiguousarray(labels[:, 0])  # QMNIST: the others tell who wrote the digit
    if labels.ndim != 1:
        raise ValueError(
            f"{label_name}: expected 1 dimension, or QMNIST's 8 numbers of 32 bits a sample, "
            f"got shape {labels.shape} of {labels.dtype}"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{image_name} holds {len(images)} images, {label_name} {len(labels)} labels"
        )
    n_features = int(np.prod(images.shape[1:], dtype=np.int64))
    return images.reshape(len(images), n_features), labels


def _load_pairs(read: Callable[[str], bytes], folder: Path) -> Dataset:
    parts: list[NDArray[Any]] = []
    for part in ("train", "t10k"):
        images, labels = f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"
        parts += _pair(read(images), str(folder / images), read(labels), str(folder / labels))
    return Dataset(*parts)


def _load_published(source: sources.Source, data_home: str | PathLike[str] | None) -> Dataset:
    if source.system_folder is not None and not fetch.in_data_home(source, data_home):
        folder = Path(source.system_folder)
        if all(isfile(folder / name) for name in source.sha256):
            return _load_pairs(
                lambda name: fetch.read_content_checked(folder / name, source.content_sha256[name]),
                folder,
            )
    paths = {name: fetch.locate(source, name, data_home) for name in source.sha256}
    return _load_pairs(
        lambda name: fetch.read_checked(paths[name], source.sha256[name]),
        next(iter(paths.values())).parent,
    )
