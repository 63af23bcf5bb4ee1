"""Folders of images, one subfolder a class, by Pillow."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop._extras import need
from randprop._validation import check_int, check_ints, check_path
from randprop.datasets.splitting import Dataset, split_by_class

__all__ = [
    "class_folders", "images_in", "is_parted", "labelled", "load_images", "read_images",
]  # fmt: skip

_ENDINGS = (
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm",
)  # fmt: skip
_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini")
_GREY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


def load_images(
    folder: str | PathLike[str], *, size: Iterable[int] | None = None, seed: int = 0
) -> Dataset:
    """Read images from a folder with one subfolder per class. Its name is the label.

    The folder may have the subfolders ``train`` and ``test``, which then have the class folders.
    Otherwise one image in five of each class is a test image, drawn with `seed`. Needs Pillow:
    ``pip install 'randprop[images]'``.

    Parameters
    ----------
    folder : path-like
        Folder of images, all of the same size. Hidden files are ignored.
    size : (int, int), optional
        Height and width. Every image is resized to it. Default: images of different sizes are
        refused.
    seed : int, default=0
        Seed for the choice of test images, in [0, 2**32).

    Returns
    -------
    Dataset
        ``X_train, y_train, X_test, y_test``. Images have shape (n_images, height, width) if all
        are grey, else (n_images, height, width, 3), without transparency. Labels are the names of
        the class folders.

    Raises
    ------
    OSError
        If the folder or a file cannot be read.
    TypeError, ValueError
        If an argument is not as above. If a file is not an image, or has another size. If a class
        of ``test`` is missing in ``train``.
    ImportError
        If Pillow is not installed.
    """
    path = check_path("folder", folder)
    wanted = None if size is None else tuple(check_ints("size", size, 1, 1 << 14))
    if wanted is not None and len(wanted) != 2:
        raise ValueError(f"size must be (height, width), got {wanted}")
    seed = check_int("seed", seed, 0, 2**32 - 1)
    if not is_parted(path):
        files, y = labelled(path)
        return split_by_class(read_images(files, wanted), y, seed)
    (train, y_train), (test, y_test) = labelled(path / "train"), labelled(path / "test")
    X = read_images([*train, *test], wanted)
    return Dataset(X[: len(train)], y_train, X[len(train) :], y_test)


def class_folders(folder: Path) -> list[Path]:
    """Return the subfolders, in the order of their names; hidden ones are left aside."""
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def is_parted(folder: Path) -> bool:
    """Whether a folder has one of images to train and one of images to test."""
    return (folder / "train").is_dir() and (folder / "test").is_dir()


def labelled(folder: Path) -> tuple[list[Path], NDArray[Any]]:
    """Return the images below a folder, and the class of each."""
    files, labels = [], []
    for subfolder in class_folders(folder):
        found = images_in(subfolder)
        if not found:
            raise ValueError(f"{subfolder} holds no images ({', '.join(_ENDINGS)})")
        files += found
        labels += [subfolder.name] * len(found)
    if not files:
        raise ValueError(f"{folder} must hold one folder of images for each class, got no folder")
    return files, np.array(labels)


def images_in(folder: Path) -> list[Path]:
    """Return the images of a folder, in the order of their names; what is no image is refused."""
    found = []
    for file in sorted(folder.iterdir()):
        name = file.name.lower()
        if name.startswith(".") or name in _LEFT_BY_SYSTEMS:
            continue
        if not name.endswith(_ENDINGS) or file.is_dir():
            raise ValueError(f"{file} is not an image: expected {', '.join(_ENDINGS)}")
        found.append(file)
    return found


def read_images(files: list[Path], size: tuple[int, ...] | None = None) -> NDArray[np.uint8]:
    """Return images of one size: grey where all are grey, else of three colours."""
    Image = need("PIL.Image", "a folder of images")
    arrays: list[NDArray[np.uint8]] = []
    for file in files:
        try:
            with Image.open(file) as image:
                arrays.append(_pixels(file, image, size))
        except (Image.UnidentifiedImageError, SyntaxError, EOFError, Image.DecompressionBombError):
            raise ValueError(
                f"{file} is not an image that Pillow can read, or is damaged"
            ) from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise ValueError(f"{file} is damaged: {error}") from None
        if arrays[-1].shape[:2] != arrays[0].shape[:2]:
            shapes = [f"{a.shape[0]} x {a.shape[1]}" for a in (arrays[0], arrays[-1])]
            raise ValueError(
                f"images must have the same size, but {files[0]} has {shapes[0]} pixels and {file} "
                f"{shapes[1]}; in Python, load_images(..., size=(height, width)) brings all to one"
            )
    if all(array.ndim == 2 for array in arrays):
        return np.stack(arrays)
    return np.stack([a if a.ndim == 3 else np.repeat(a[:, :, None], 3, axis=2) for a in arrays])


def _pixels(file: Path, image: Any, size: tuple[int, ...] | None) -> NDArray[np.uint8]:
    if image.mode not in _GREY and image.mode not in _COLOUR:
        raise ValueError(
            f"{file} has pixels of kind {image.mode!r}; convert it to 8-bit grey or colour"
        )
    image = image.convert("L" if image.mode in _GREY else "RGB")
    if size is not None:
        image = image.resize((size[1], size[0]))
    return np.asarray(image)
