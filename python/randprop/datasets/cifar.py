"""Reader of the binary version of CIFAR-10 (Krizhevsky 2009)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from randprop.datasets.inflate import Inflated

__all__ = ["joined", "parse_batch", "read_archive"]

_FEATURES = 3 * 32 * 32
_RECORD = 1 + _FEATURES
_BATCH_RECORDS = 10_000
# Of an archive beside its batches: 9 members and some text.
_MOST_MEMBERS, _MOST_ELSE = 100, 1 << 20
_FOLDER = "cifar-10-batches-bin"
_TRAIN = tuple(f"{_FOLDER}/data_batch_{i}.bin" for i in range(1, 6))
_TEST = f"{_FOLDER}/test_batch.bin"


def parse_batch(data: bytes, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return features (n, 3072) and labels (n,) of a batch: one label byte, then the pixels.

    Raises ValueError where the length is no whole number of records, or a label is not below 10.
    """
    if not data or len(data) % _RECORD:
        raise ValueError(
            f"{name}: {len(data)} bytes are not a whole number of {_RECORD}-byte records "
            f"(record {len(data) // _RECORD} is cut short)"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0].copy()
    if labels.max() > 9:
        row = int(np.flatnonzero(labels > 9)[0])
        raise ValueError(f"{name}: record {row} has label {labels[row]}, expected 0 to 9")
    return np.ascontiguousarray(records[:, 1:]), labels


def read_archive(
    data: bytes, name: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return X_train, y_train, X_test, y_test of cifar-10-binary.tar.gz.

    Raises ValueError where a batch is missing or not of 10,000 records.
    """
    return joined(_unpack(data, name), name)


def joined(
    contents: dict[str, bytes], name: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return X_train, y_train, X_test, y_test of batches by their names, and leave none there."""
    batches = {
        batch: parse_batch(contents.pop(batch), f"{name}: {batch}") for batch in list(contents)
    }
    missing = [batch for batch in (*_TRAIN, _TEST) if batch not in batches]
    if missing:
        raise ValueError(f"{name}: lacks {', '.join(missing)}")
    return (
        np.concatenate([batches[batch][0] for batch in _TRAIN]),
        np.concatenate([batches[batch][1] for batch in _TRAIN]),
        *batches[_TEST],
    )


def _unpack(data: bytes, name: str) -> dict[str, bytes]:
    """Return the batches of an archive by their names; nothing else of it is kept."""
    import tarfile

    n_bytes = _BATCH_RECORDS * _RECORD
    stream: Any = Inflated(data, 6 * n_bytes + _MOST_ELSE)
    contents: dict[str, bytes] = {}
    wrong = ""
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for number, member in enumerate(archive):
                if number == _MOST_MEMBERS:
                    wrong = f"more than {_MOST_MEMBERS} members"
                    break
                if member.name not in (*_TRAIN, _TEST):
                    continue
                if not member.isfile() or member.size != n_bytes:
                    wrong = f"{member.name} has {member.size} bytes, expected {n_bytes}"
                    break
                file = archive.extractfile(member)
                contents[member.name] = file.read() if file is not None else b""
        while stream.read(1 << 16):  # to the sum at the end, which is checked there
            pass
    except MemoryError:
        raise
    except Exception as error:  # tarfile has no list of what it raises on bytes of any kind
        raise ValueError(f"{name}: not a valid tar.gz archive: {error}") from None
    if wrong:
        raise ValueError(f"{name}: {wrong}")
    return contents
