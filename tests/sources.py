"""Data on disk in every form that workers read for themselves, and sources of a user's own."""

from __future__ import annotations

import io
import tarfile
import threading
import weakref
from pathlib import Path

import numpy as np

from randprop.datasets import load_digits

X, Y, X_TEST, Y_TEST = load_digits()


class Rows:
    """A user's own source: opens its file where it is, and reads it by rows."""

    n_features = 64

    def __init__(self, path, labels=None):
        self.path, self.labels = path, labels
        self.n_samples = len(np.load(path, mmap_mode="r"))

    def read(self, start, stop):
        rows = np.load(self.path, mmap_mode="r")[start:stop]
        return rows if self.labels is None else (rows, np.load(self.labels)[start:stop])


class Counting:
    """Counts what was read, and how many of its chunks are in memory at a time."""

    n_samples, n_features = len(X), 64

    def __init__(self, fails_at=None):
        self.lock = threading.Lock()
        self.fails_at = fails_at
        self.read_from, self.alive, self.most = [], 0, 0

    description = "digits, counted"

    def read(self, start, stop):
        with self.lock:
            if start == self.fails_at:
                raise OSError("the disk is gone")
            self.read_from.append(start)
            self.alive += 1
            self.most = max(self.most, self.alive)
        rows = X[start:stop].copy()
        weakref.finalize(rows, self._free)
        return rows

    def _free(self):
        with self.lock:
            self.alive -= 1


class Slices:
    """Gives rows by slices, and is no array: what dask.array.from_array does not copy."""

    def __init__(self, data):
        self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim

    def __getitem__(self, key):
        return self.data[key]


def mapped(folder: Path, array=X, name="X.npy"):
    np.save(folder / name, array)
    return np.load(folder / name, mmap_mode="r")


def memmap(folder):
    return mapped(folder), Y


def slice_of_memmap(folder):
    wide = np.zeros((len(X) + 9, 70), np.uint8)
    wide[5:-4, 3:67] = X
    return mapped(folder, wide)[5:-4, 3:67], Y


def view_of_memmap(folder):
    return mapped(folder).view(np.ndarray).reshape(-1, 8, 8), mapped(folder, Y, "y.npy")


def hdf5(folder, **options):
    import h5py

    with h5py.File(folder / "X.h5", "w") as file:
        file.create_dataset("digits/X", data=X, **options)
        file["y"] = Y
    file = h5py.File(folder / "X.h5", "r")
    return file["digits/X"], file["y"]


def hdf5_in_chunks(folder):
    return hdf5(folder, chunks=(30, 64), compression="gzip")


def zarr(folder):
    import zarr

    array = zarr.create_array(store=str(folder / "X.zarr"), data=X, chunks=(130, 64))
    return array, Y


def zarr_in_memory(folder):
    import zarr

    return zarr.create_array(store=zarr.storage.MemoryStore(), data=X, chunks=(130, 64)), Y


def parquet(folder):
    import pyarrow
    import pyarrow.parquet

    columns = {f"pixel {i}": X[:, i] for i in range(64)}
    table = pyarrow.table({**columns, "digit": Y})
    pyarrow.parquet.write_table(table, folder / "X.parquet", row_group_size=60)
    return folder / "X.parquet", "digit"


def parquet_of_lists(folder):
    import pyarrow
    import pyarrow.dataset
    import pyarrow.parquet

    lists = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(X.ravel()), 64)
    table = pyarrow.table({"image": lists, "digit": Y})
    (folder / "images").mkdir()
    for number, start in enumerate(range(0, len(X), 800)):
        path = folder / "images" / f"{number}.parquet"
        pyarrow.parquet.write_table(table.slice(start, 800), path, row_group_size=300)
    return pyarrow.dataset.dataset(folder / "images"), "digit"


def parquet_without_labels(folder):
    parquet_of_lists(folder)
    import pyarrow.parquet

    for path in (folder / "images").iterdir():
        table = pyarrow.parquet.read_table(path).drop_columns("digit")
        pyarrow.parquet.write_table(table, path, row_group_size=77)
    return folder / "images", Y


def npy_files(folder):
    paths = [folder / f"{number}.npy" for number in range(3)]
    for path, rows in zip(paths, np.array_split(X, 3), strict=True):
        np.save(path, rows)
    return [str(path) for path in paths], Y


def shard(path, images, labels, ending="npy", label="cls"):
    with tarfile.open(path, "w") as tar:
        for number, (image, digit) in enumerate(zip(images, labels, strict=True)):
            stream = io.BytesIO()
            if ending == "npy":
                np.save(stream, image)
            else:
                from PIL import Image

                Image.fromarray(image).save(stream, ending)
            contents = {ending: stream.getvalue(), label: str(digit).encode(), "json": b"{}"}
            for kind, content in contents.items():
                member = tarfile.TarInfo(f"train/{number:05d}.{kind}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def tar(folder):
    halves = zip(np.array_split(X, 2), np.array_split(Y, 2), strict=True)
    return [shard(folder / f"{i}.tar", *half) for i, half in enumerate(halves)], None


def tar_of_images(folder):
    return shard(folder / "X.tar", X.reshape(-1, 8, 8), Y, "png"), None


def own_class(folder):
    mapped(folder)
    return Rows(folder / "X.npy"), Y


def own_class_with_labels(folder):
    mapped(folder), mapped(folder, Y, "y.npy")
    return Rows(folder / "X.npy", folder / "y.npy"), None


def dask_over_memmap(folder):
    import dask.array

    X = dask.array.from_array(Slices(mapped(folder)), chunks=(90, 64), asarray=True)
    return X, dask.array.from_array(Y, chunks=90)


def dask_over_copied_memmap(folder):
    import dask.array

    return dask.array.from_array(mapped(folder), chunks=(90, 32)), Y


# Those of which a chunk is a description alone, without the data.
DESCRIBED = (
    memmap, slice_of_memmap, view_of_memmap, hdf5, hdf5_in_chunks, zarr, parquet,
    parquet_of_lists, parquet_without_labels, npy_files, tar, tar_of_images, own_class,
    own_class_with_labels, dask_over_memmap,
)  # fmt: skip
ALL = (*DESCRIBED, zarr_in_memory, dask_over_copied_memmap)
