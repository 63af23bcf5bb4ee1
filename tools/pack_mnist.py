"""Make the packed MNIST files of the package from the four raw IDX files.

    python tools/pack_mnist.py FOLDER_WITH_RAW_FILES

Labels become gzip; images become what randprop.datasets.packed describes, in chunks that a reader
unpacks side by side. The sums it prints stand in randprop.datasets.sources.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

OUT = Path(__file__).resolve().parent.parent / "python" / "randprop" / "data" / "mnist"
RAW_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
# 50 KB of bits and 75 KB of values: what is unpacked on the way stays in the cache.
CHUNK_IMAGES = 500


def deflate(data: bytes, wbits: int = -15) -> bytes:
    """Return the shortest that zlib makes, by default without a header."""
    tries = (
        zlib.compressobj(9, zlib.DEFLATED, wbits, 9, strategy)
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED)
    )
    return min((one.compress(data) + one.flush() for one in tries), key=len)


def pack_images(images: NDArray[np.uint8], chunk_images: int = CHUNK_IMAGES) -> bytes:
    """Pack images, of shape (n_images, height, width)."""
    rows = images.reshape(len(images), images.shape[1] * images.shape[2])
    width = -(-rows.shape[1] // 64) * 64
    lines, streams = b"", b""
    starts = range(0, len(rows), chunk_images)
    for start in starts:
        part = rows[start : start + chunk_images]
        is_set = np.zeros((len(part), width), dtype=np.bool_)
        is_set[:, : rows.shape[1]] = part != 0
        values = part[part != 0].tobytes()
        packed = deflate(np.packbits(is_set, axis=1, bitorder="little").tobytes()), deflate(values)
        lines += struct.pack("<4I", len(part), len(values), *map(len, packed))
        streams += b"".join(packed)
    head = struct.pack("<8s4I", b"RPBYTES1", *images.shape, len(starts))
    return head + lines + streams


def pack(name: str, raw: bytes) -> tuple[str, bytes]:
    """Return the name and the content of the packed file of a raw one."""
    if raw[3] == 1:
        return f"{name}.gz", deflate(raw, 31)
    shape = struct.unpack_from(">3I", raw, 4)
    return f"{name}.packed", pack_images(np.frombuffer(raw, np.uint8, offset=16).reshape(shape))


def main(folder: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, md5 in RAW_MD5.items():
        raw = (Path(folder) / name).read_bytes()
        found = hashlib.md5(raw).hexdigest()
        if found != md5:
            raise SystemExit(f"{name}: MD5 is {found}, expected {md5}")
        file, packed = pack(name, raw)
        (OUT / file).write_bytes(packed)
        print(f'"{file}": "{hashlib.sha256(packed).hexdigest()}",')


if __name__ == "__main__":
    main(sys.argv[1])
