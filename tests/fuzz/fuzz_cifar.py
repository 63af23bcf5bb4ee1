"""Atheris target: any bytes are CIFAR-10 data that are read whole, or a `ValueError`."""

from __future__ import annotations

import gzip
import io
import tarfile

from harness import fuzz
from randprop.datasets import cifar

# The records of a batch, so that a whole archive is small enough to be mutated.
cifar._BATCH_RECORDS = 1
_NAMES = (*cifar._TRAIN, cifar._TEST)


def _read_batch(data: bytes) -> None:
    try:
        features, labels = cifar.parse_batch(data, "file")
    except ValueError as error:
        if not str(error).startswith("file: "):
            raise
        return
    assert features.shape == (len(data) // 3073, 3072)
    assert labels.max() < 10
    assert b"".join(bytes([y]) + x.tobytes() for x, y in zip(features, labels, strict=True)) == data


def _read_archive(data: bytes) -> None:
    try:
        arrays = cifar.read_archive(data, "file")
    except ValueError as error:
        if not str(error).startswith("file: "):
            raise
        return
    assert [array.shape for array in arrays] == [(5, 3072), (5,), (1, 3072), (1,)]


def _archive(data: bytes) -> bytes:
    """Make an archive of six batches, some of which the bytes leave out or change."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for i, name in enumerate(_NAMES):
            choice = data[i] if i < len(data) else 0
            if choice == 255:
                continue
            batch = bytes([choice % 11]) + (data * 3072)[:3072]
            if choice == 254:
                batch = batch[:-1]
            entry = tarfile.TarInfo(name if choice != 253 else "other")
            entry.size = len(batch)
            entry.type = tarfile.SYMTYPE if choice == 252 else tarfile.REGTYPE
            archive.addfile(entry, io.BytesIO(batch))
    return out.getvalue()


def test_one(data: bytes) -> None:
    """Read the bytes as a batch, as an archive, as a tar file to compress, and as a recipe."""
    _read_batch(data)
    _read_batch(data * (3073 // max(len(data), 1)) + data[: 3073 % max(len(data), 1)])
    _read_archive(data)
    _read_archive(gzip.compress(data, 1, mtime=0))
    if data:
        tar = bytearray(_archive(data))
        _read_archive(gzip.compress(tar, 1, mtime=0))
        # Damage in a header, which begins every 512 bytes.
        at = int.from_bytes(data[:2], "little") * 512 + data[-1] % 345
        tar[at % len(tar)] ^= data[len(data) // 2] | 1
        _read_archive(gzip.compress(tar, 1, mtime=0))


if __name__ == "__main__":
    fuzz(test_one, tarfile)
