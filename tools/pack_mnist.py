"""Make the packed MNIST files of the package from the four raw IDX files.

    python tools/pack_mnist.py FOLDER_WITH_RAW_FILES

The output is plain gzip. The training images are cut into members that tell their own length in
an extra field of the header ("RP", 4 bytes, little-endian), so that a reader can inflate them side
by side; any other reader sees one file. The sums it prints stand in randprop.datasets.sources.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "python" / "randprop" / "data" / "mnist"
RAW_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
MEMBER_BYTES = 6_000_000


def member(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    body = compressor.compress(data) + compressor.flush()
    length = 12 + 8 + len(body) + 8
    head = struct.pack("<4BIBBH2sHI", 0x1F, 0x8B, 8, 4, 0, 2, 255, 8, b"RP", 4, length)
    return head + body + struct.pack("<II", zlib.crc32(data), len(data))


def main(folder: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, md5 in RAW_MD5.items():
        raw = (Path(folder) / name).read_bytes()
        found = hashlib.md5(raw).hexdigest()
        if found != md5:
            raise SystemExit(f"{name}: MD5 is {found}, expected {md5}")
        packed = b"".join(
            member(raw[start : start + MEMBER_BYTES]) for start in range(0, len(raw), MEMBER_BYTES)
        )
        (OUT / f"{name}.gz").write_bytes(packed)
        print(f'"{name}.gz": "{hashlib.sha256(packed).hexdigest()}",')


if __name__ == "__main__":
    main(sys.argv[1])
