"""Readers and the finding of files: right data, and a clear error for every wrong file."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.server
import importlib.util
import io
import os
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import serving
from randprop import _core, datasets
from randprop.datasets import cifar, fetch, idx, inflate, packed, sources

MNIST_MD5 = {
    "train-images": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels": "a25bea736e30d166cdddb491f175f624",
    "t10k-images": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels": "27ae3e4e09519cfbb04c329615203637",
}


def idx_bytes(array: np.ndarray, kind: int = 8) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def test_mnist_is_the_published_one() -> None:
    """Rebuilds the raw files from what was loaded and compares the published MD5 sums."""
    X_train, y_train, X_test, y_test = datasets.load_mnist()
    assert (X_train.shape, X_test.shape) == ((60_000, 784), (10_000, 784))
    assert X_train.dtype == y_train.dtype == np.uint8
    found = {
        "train-images": idx_bytes(X_train.reshape(-1, 28, 28)),
        "train-labels": idx_bytes(y_train),
        "t10k-images": idx_bytes(X_test.reshape(-1, 28, 28)),
        "t10k-labels": idx_bytes(y_test),
    }
    assert {name: hashlib.md5(raw).hexdigest() for name, raw in found.items()} == MNIST_MD5


def test_digits() -> None:
    X_train, y_train, X_test, y_test = datasets.load_digits()
    assert (X_train.shape, X_test.shape) == ((1437, 64), (360, 64))
    assert X_train.max() == 16
    assert set(np.concatenate((y_train, y_test)).tolist()) == set(range(10))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.booleans())
@settings(max_examples=50, deadline=None)
def test_idx_round_trip(shape: list[int], compressed: bool) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    data = idx_bytes(array)
    np.testing.assert_array_equal(
        idx.parse(gzip.compress(data) if compressed else data, "file"), array
    )


def test_load_idx(tmp_path: Path) -> None:
    images = np.arange(5 * 3 * 2, dtype=np.uint8).reshape(5, 3, 2)
    labels = np.arange(5, dtype=np.uint8)
    (tmp_path / "images").write_bytes(idx_bytes(images))
    (tmp_path / "labels.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    X, y = datasets.load_idx(tmp_path / "images", str(tmp_path / "labels.gz"))
    np.testing.assert_array_equal(X, images.reshape(5, 6))
    np.testing.assert_array_equal(y, labels)
    with pytest.raises(ValueError, match="labels.gz: expected at least 2 dimensions, got 1"):
        datasets.load_idx(tmp_path / "labels.gz", tmp_path / "labels.gz")
    with pytest.raises(ValueError, match="images: expected 1 dimension, or .* got shape"):
        datasets.load_idx(tmp_path / "images", tmp_path / "images")
    (tmp_path / "four").write_bytes(idx_bytes(labels[:4]))
    with pytest.raises(ValueError, match="images holds 5 images, .*four 4 labels"):
        datasets.load_idx(tmp_path / "images", tmp_path / "four")
    with pytest.raises(FileNotFoundError):
        datasets.load_idx(tmp_path / "absent", tmp_path / "four")


GOOD = idx_bytes(np.zeros((4, 3), dtype=np.uint8))
HUGE = struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes are too short for an IDX header"),
        (GOOD[:3], "3 bytes are too short"),
        (GOOD[:-1], r"cut short: shape \(4, 3\) needs 24 bytes, the file has 23"),
        (GOOD + b"x", "too long: .* needs 24 bytes, the file has 25"),
        (GOOD[:9], "cut short in the header: 9 bytes, expected 12"),
        (b"\x01" + GOOD[1:], "bytes 0 and 1 of an IDX file are 0, got 0x0100"),
        (GOOD[:2] + b"\x0d" + GOOD[3:], "element type 0x0d, expected 0x08"),
        (GOOD[:3] + b"\x00" + GOOD[4:], "gives 0 dimensions"),
        (GOOD[:3] + b"\xff" + GOOD[4:], "gives 255 dimensions"),
        (HUGE, "cut short: .* the file has 16"),
        # No byte of data, and yet more rows than can be counted.
        (bytes([0, 0, 8, 4, *[255] * 12, 0, 0, 0, 0]), "no array of shape"),
        (gzip.compress(GOOD)[:-9], "cut short at byte"),
        (gzip.compress(GOOD)[:-1], "cut short at byte"),
        (gzip.compress(GOOD)[:10] + b"\xff" * 8, "not a valid gzip file"),
        (gzip.compress(GOOD[:-1]), "cut short: shape"),
        (gzip.compress(GOOD) + b"junk", "not a valid gzip file"),
    ],
)
def test_damaged_idx(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"a-file: .*{message}"):
        idx.parse(data, "a-file")


@given(st.binary(max_size=40), st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_an_array_or_a_value_error(junk: bytes, cut: int) -> None:
    for data in (junk, GOOD[:cut] + junk, gzip.compress(GOOD)[:cut] + junk):
        try:
            assert idx.parse(data, "junk", idx.INTEGERS).dtype.kind in "iu"
        except ValueError as error:
            assert str(error).startswith("junk: ")


def tool(name: str) -> Any:
    """Return a script of the folder tools as a module."""
    path = Path(__file__).parent.parent / "tools" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sparse_images(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape, np.uint8) * (rng.random(shape) < 0.2).astype(np.uint8)


@given(
    st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(1, 20)),
    st.integers(1, 5),
    st.integers(0, 2**32),
)
@settings(max_examples=50, deadline=None)
def test_packed_images_round_trip(shape: tuple[int, int, int], chunk: int, seed: int) -> None:
    images = sparse_images(shape, seed)
    found = packed.unpack(tool("pack_mnist").pack_images(images, chunk), "file")
    assert found.dtype == np.uint8
    assert found.flags.writeable
    np.testing.assert_array_equal(found, images.reshape(shape[0], shape[1] * shape[2]))


def test_packed_images_are_shorter_than_gzip() -> None:
    images = datasets.load_mnist().X_test[:1000]
    packed_images = tool("pack_mnist").pack_images(images.reshape(-1, 28, 28))
    assert len(packed_images) < len(gzip.compress(images.tobytes(), 9))


def line_at(chunk: int, entry: int) -> slice:
    """Where a number of a chunk stands: its images, its values, the lengths of its streams."""
    start = 24 + 16 * chunk + 4 * entry
    return slice(start, start + 4)


PACKED = tool("pack_mnist").pack_images(sparse_images((5, 8, 9)), 2)


def changed(at: slice, value: int) -> bytes:
    data = bytearray(PACKED)
    data[at] = struct.pack("<I", value)
    return bytes(data)


def number_at(at: slice) -> int:
    return int(struct.unpack("<I", PACKED[at])[0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected b'RPBYTES1' at the start, got b''"),
        (b"x" + PACKED, "expected b'RPBYTES1' at the start"),
        (PACKED[:20], "cut short in the header: 20 bytes, expected 24"),
        (PACKED[:50], "cut short in the header: 50 bytes, expected 72"),
        (PACKED[:-1], "cut short: the header says .* bytes, the file has"),
        (PACKED + b"x", "too long: the header says .* bytes, the file has"),
        (changed(slice(8, 12), 6), "the chunks do not hold 6 images"),
        (changed(slice(12, 16), 2**31), "5 images of 2147483648 x 9 are more than it can hold"),
        (changed(slice(12, 16), 20), "a deflate stream does not hold the"),
        (changed(line_at(1, 1), number_at(line_at(1, 1)) - 1), "does not hold the"),
        (changed(line_at(1, 1), 2**31), "cut short: .* cannot hold 2147483648"),
        (PACKED[:72] + b"\xff" * 8 + PACKED[80:], "not a valid deflate stream|does not hold"),
    ],
)
def test_damaged_packed_images(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"a-file: .*({message})"):
        packed.unpack(data, "a-file")


def test_bits_and_values_that_do_not_agree_are_refused() -> None:
    words, out = np.full((2, 1), 7, dtype=np.uint64), np.empty((2, 10), dtype=np.uint8)
    for count, problem in ((5, "more"), (7, "fewer")):
        with pytest.raises(ValueError, match=f"{problem} bits are set than there are values"):
            _core.place_values(words, 10, np.ones(count, dtype=np.uint8), out)


@pytest.mark.parametrize("at", range(0, len(PACKED), 7))
def test_any_changed_byte_of_packed_images_gives_images_or_a_value_error(at: int) -> None:
    data = bytearray(PACKED)
    data[at] ^= 0x55
    try:
        assert packed.unpack(bytes(data), "junk").shape[0] == 5
    except ValueError as error:
        assert str(error).startswith("junk: ")


@pytest.mark.parametrize("error", [MemoryError("none left"), KeyError("other")])
def test_what_a_helper_meets_is_raised(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last chunk, whichever thread has it."""
    place = _core.place_values

    def fails(words: Any, *others: Any) -> None:
        if len(words) == 1:
            raise error
        place(words, *others)

    monkeypatch.setattr(_core, "place_values", fails)
    with pytest.raises(type(error)):
        packed.unpack(PACKED, "a")


class Counted:
    """zlib, with a count of the bytes that go in and come out."""

    error = zlib.error

    def __init__(self) -> None:
        self.n_in = self.n_out = 0

    def decompressobj(self, **options: Any) -> Any:
        return CountedMember(self, zlib.decompressobj(**options))


class CountedMember:
    def __init__(self, counted: Counted, member: Any) -> None:
        self._counted, self._member = counted, member

    def decompress(self, data: bytes, most: int) -> bytes:
        self._counted.n_in += len(data)
        part: bytes = self._member.decompress(data, most)
        self._counted.n_out += len(part)
        return part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._member, name)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(inflate, "zlib", counted)
    return counted


def test_no_more_is_unpacked_than_the_header_says(counted: Counted) -> None:
    bomb = gzip.compress(struct.pack(">HBB2I", 0, 8, 2, 1, 1) + bytes(50_000_000), 1)
    with pytest.raises(ValueError, match=r"a: too long: shape \(1, 1\) needs 13 bytes"):
        idx.parse(bomb, "a")
    assert counted.n_out < 1_000_000


def test_no_more_is_allocated_than_the_file_can_hold() -> None:
    huge = gzip.compress(struct.pack(">HBB2I", 0, 8, 2, 2**31, 2**31))
    with pytest.raises(ValueError, match="a: cut short: .* more than the file's length can hold"):
        idx.parse(huge, "a")


def test_empty_members_are_linear(counted: Counted) -> None:
    data = gzip.compress(b"") * 5000 + gzip.compress(GOOD) + gzip.compress(b"") * 5000
    assert idx.parse(data, "a").shape == (4, 3)
    # Each of the two readings, of the header and of all.
    assert counted.n_in < 2 * 20 * len(data)


@pytest.mark.parametrize("zeros", [1, 100, 5000])
def test_zeros_may_follow_a_gzip_file(zeros: int) -> None:
    """As after a file that was written to a tape or a block of a fixed size."""
    assert idx.parse(gzip.compress(GOOD) + bytes(zeros), "a").shape == (4, 3)
    for data in (bytes(zeros) + b"x", bytes(zeros) + gzip.compress(b""), b"x" + bytes(zeros)):
        with pytest.raises(ValueError, match="a: not a valid gzip file"):
            idx.parse(gzip.compress(GOOD) + data, "a")


@pytest.mark.parametrize(
    ("kind", "dtype"), [(0x08, np.uint8), (0x09, np.int8), (0x0B, np.int16), (0x0C, np.int32)]
)
@pytest.mark.parametrize("compressed", [False, True])
def test_labels_of_whole_numbers(kind: int, dtype: Any, compressed: bool, tmp_path: Path) -> None:
    bounds = np.iinfo(dtype)
    labels = np.array([bounds.min, bounds.max, 7, 0], dtype=dtype)
    data = (
        struct.pack(">HBBI", 0, kind, 1, 4)
        + labels.astype(labels.dtype.newbyteorder(">")).tobytes()
    )
    (tmp_path / "images").write_bytes(GOOD)
    (tmp_path / "labels").write_bytes(gzip.compress(data) if compressed else data)
    X, y = datasets.load_idx(tmp_path / "images", tmp_path / "labels")
    assert y.dtype == np.dtype(dtype)
    assert y.dtype.isnative
    assert y.tolist() == labels.tolist()
    assert X.shape == (4, 3)
    (tmp_path / "labels").write_bytes(data[:-1])
    with pytest.raises(ValueError, match="labels: cut short"):
        datasets.load_idx(tmp_path / "images", tmp_path / "labels")


def test_labels_of_qmnist(tmp_path: Path) -> None:
    table = (np.arange(32).reshape(4, 8) * 100_000).astype(">i4")
    (tmp_path / "images").write_bytes(GOOD)
    head = struct.pack(">HBB2I", 0, 0x0C, 2, 4, 8)
    (tmp_path / "labels").write_bytes(gzip.compress(head + table.tobytes()))
    _, y = datasets.load_idx(tmp_path / "images", tmp_path / "labels")
    assert y.tolist() == [0, 800_000, 1_600_000, 2_400_000]
    assert y.dtype == np.int32
    with pytest.raises(ValueError, match="labels: byte 2 gives element type 0x0c, expected 0x08"):
        datasets.load_idx(tmp_path / "labels", tmp_path / "labels")
    (tmp_path / "labels").write_bytes(struct.pack(">HBB2I", 0, 0x0C, 2, 4, 7) + bytes(112))
    with pytest.raises(ValueError, match="labels: expected 1 dimension, or .* got shape"):
        datasets.load_idx(tmp_path / "images", tmp_path / "labels")


def test_only_ordinary_files_are_data(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(GOOD)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(OSError, match=f"Not a regular file: '{path}'"):
            datasets.load_idx(tmp_path / "images", path)
        with pytest.raises(OSError, match=f"Not a regular file: '{path}'"):
            fetch.read_checked(path, "")
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        datasets.load_idx(tmp_path, tmp_path / "images")


def cifar_archive(change: dict[str, bytes | None] | None = None) -> bytes:
    out = io.BytesIO()
    rng = np.random.default_rng(0)
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for i, name in enumerate((*cifar._TRAIN, cifar._TEST)):
            records = np.zeros((10_000, 3073), dtype=np.uint8)
            records[:, 0] = rng.integers(0, 10, 10_000)
            records[:, 1] = i
            content: bytes | None = records.tobytes()
            if change and name in change:
                content = change[name]
            if content is None:
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_cifar_archive() -> None:
    X_train, y_train, X_test, y_test = cifar.read_archive(cifar_archive(), "a")
    assert (X_train.shape, X_test.shape) == ((50_000, 3072), (10_000, 3072))
    assert X_train[::10_000, 0].tolist() == [0, 1, 2, 3, 4]
    assert X_test[0, 0] == 5
    assert len(y_train) == 50_000
    assert y_test.max() == 9


def test_unpacked_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batches of the archive, where a user unpacked it: their sums are checked too."""
    names = (*cifar._TRAIN, cifar._TEST)
    batches = {name: bytes([i]) * 3073 for i, name in enumerate(names)}
    (tmp_path / "cifar10" / "cifar-10-batches-bin").mkdir(parents=True)
    for name, content in batches.items():
        (tmp_path / "cifar10" / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"data_batch_1\.bin: SHA-256 is .* expected cee91"):
        datasets.load_cifar10(tmp_path)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in batches.items()}
    source = dataclasses.replace(sources.SOURCES["cifar10"], mirrors=[], content_sha256=sums)
    monkeypatch.setitem(sources.SOURCES, "cifar10", source)
    X_train, y_train, X_test, y_test = datasets.load_cifar10(tmp_path)
    assert y_train.tolist() == X_train[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert (X_test.shape, y_test.tolist()) == ((1, 3072), [5])
    (tmp_path / "cifar10" / names[3]).unlink()
    with pytest.raises(OSError, match=r"cifar-10-binary\.tar\.gz of cifar10 is not at"):
        datasets.load_cifar10(tmp_path)


def test_packed_cifar(tmp_path: Path) -> None:
    """A batch of one image a row becomes records of a label and three planes."""
    pytest.importorskip("PIL")
    pack = tool("pack_cifar10")
    images = np.arange(2 * 3 * 32 * 32).astype(np.uint8).reshape(2, 3, 32, 32)
    X, y = cifar.parse_batch(pack.records(images, np.array([7, 2])), "b")
    np.testing.assert_array_equal(X, images.reshape(2, -1))
    assert y.tolist() == [7, 2]
    with pytest.raises(SystemExit, match="train: .*expected 1 of each of 10"):
        pack.check_counts("train", np.array([0, 0, *range(2, 10)]), 1)
    png = io.BytesIO()
    import PIL.Image

    PIL.Image.fromarray(np.zeros((2, 1024, 3), dtype=np.uint8)).save(png, "png")
    with pytest.raises(SystemExit, match=r"test_batch: \(1024, 2\) pixels of RGB"):
        pack.pixels(png.getvalue(), "test_batch")


def test_damaged_cifar() -> None:
    batch = cifar._TRAIN[2]
    with pytest.raises(ValueError, match=r"a: lacks .*data_batch_3\.bin"):
        cifar.read_archive(cifar_archive({batch: None}), "a")
    with pytest.raises(ValueError, match="has 3073 bytes, expected 30730000"):
        cifar.read_archive(cifar_archive({batch: bytes(3073)}), "a")
    with pytest.raises(ValueError, match="not a valid tar.gz archive"):
        cifar.read_archive(b"junk", "a")
    with pytest.raises(ValueError, match=r"not a valid tar\.gz archive"):
        cifar.read_archive(cifar_archive()[:5000], "a")
    with pytest.raises(ValueError, match="b: 3074 bytes are not a whole number .*record 1 is cut"):
        cifar.parse_batch(bytes(3074), "b")
    wrong = bytearray(2 * 3073)
    wrong[3073] = 10
    with pytest.raises(ValueError, match="b: record 1 has label 10, expected 0 to 9"):
        cifar.parse_batch(bytes(wrong), "b")


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def named(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    return member


def test_hostile_cifar(monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    monkeypatch.setattr(cifar, "_BATCH_RECORDS", 1)
    batches = [(named(name), bytes(3073)) for name in (*cifar._TRAIN, cifar._TEST)]
    good = tar_of(*batches)
    assert cifar.read_archive(gzip.compress(good) + bytes(100), "a")[0].shape == (5, 3072)
    with pytest.raises(ValueError, match="a: not a valid tar.gz archive: not a valid gzip file"):
        cifar.read_archive(gzip.compress(good) + b"junk", "a")
    # Each long name is read by a call within the call that reads the one before.
    nested = tar_of(*[(named("x", tarfile.GNUTYPE_LONGNAME), b"y") for _ in range(2000)], *batches)
    with pytest.raises(ValueError, match="a: not a valid tar.gz archive"):
        cifar.read_archive(gzip.compress(nested), "a")
    many = tar_of(*[(named("x"), b"") for _ in range(100)], *batches)
    with pytest.raises(ValueError, match="a: more than 100 members"):
        cifar.read_archive(gzip.compress(many), "a")
    counted.n_out = 0
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.REGTYPE):
        bomb = gzip.compress(tar_of((named("x", kind), bytes(30_000_000)), *batches), 1)
        with pytest.raises(
            ValueError, match="a: not a valid tar.gz archive: unpacks to more bytes"
        ):
            cifar.read_archive(bomb, "a")
    assert counted.n_out < 3 * 2_000_000


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves `files`; what is missing is 404, what is under ``/cut/`` ends early."""

    files: dict[str, bytes]

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        if name not in self.files:
            self.send_error(404)
            return
        content = self.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if "/cut/" in self.path else content)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[str]:
    Mirror.files = {}
    with serving(Mirror) as url:
        yield url


def small_source(
    mirrors: tuple[str, ...], **changes: Any
) -> tuple[sources.Source, dict[str, bytes]]:
    files = {}
    for part, n in (("train", 6), ("t10k", 4)):
        X = np.arange(n * 4, dtype=np.uint8).reshape(n, 2, 2)
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx_bytes(X))
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx_bytes(np.arange(n) % 2))
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return sources.Source("small", mirrors, {**sums, **changes}), files


def test_download_from_the_first_mirror_that_delivers(mirror: str, tmp_path: Path) -> None:
    source, Mirror.files = small_source((mirror + "cut/", "http://127.0.0.1:9/", mirror))
    X_train, _, _, y_test = datasets._load_published(source, tmp_path)
    assert X_train.shape == (6, 4)
    assert y_test.tolist() == [0, 1, 0, 1]
    assert sorted(p.name for p in (tmp_path / "small").iterdir()) == sorted(source.sha256)
    Mirror.files = {}  # now from the data home alone
    np.testing.assert_array_equal(datasets._load_published(source, tmp_path).X_train, X_train)


def test_no_mirror_delivers(mirror: str, tmp_path: Path) -> None:
    name = "t10k-labels-idx1-ubyte.gz"
    source, Mirror.files = small_source((mirror, mirror + "cut/"), **{name: "0" * 64})
    with pytest.raises(OSError, match="could not be downloaded") as caught:
        datasets._load_published(source, tmp_path)
    message = str(caught.value)
    found = hashlib.sha256(Mirror.files[name]).hexdigest()
    for part in (str(tmp_path / "small" / name), mirror + name, found, "0" * 64, "by hand"):
        assert part in message
    assert not (tmp_path / "small" / name).exists()
    assert not [p for p in (tmp_path / "small").iterdir() if p.name.startswith(".")]


def test_a_wrong_file_in_the_data_home_is_named(tmp_path: Path) -> None:
    source, files = small_source(())
    folder = tmp_path / "small"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"other")
    with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz: SHA-256 is .*, expected"):
        datasets._load_published(source, tmp_path)


def test_system_folder(tmp_path: Path) -> None:
    """A system package's recompressed files are judged by their content."""
    source, files = small_source(())
    content = {n: hashlib.sha256(gzip.decompress(data)).hexdigest() for n, data in files.items()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(gzip.compress(gzip.decompress(data), 1))
    system = sources.Source("small", (), source.sha256, str(tmp_path), content)
    assert datasets._load_published(system, tmp_path / "home").X_test.shape == (4, 4)
    wrong = dict.fromkeys(content, "0" * 64)
    with pytest.raises(ValueError, match="SHA-256 of the content is"):
        datasets._load_published(
            sources.Source("small", (), source.sha256, str(tmp_path), wrong), tmp_path / "home"
        )


def test_data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert fetch.data_home_path(tmp_path) == tmp_path
    monkeypatch.setenv("RANDPROP_DATA", str(tmp_path / "env"))
    assert fetch.data_home_path() == tmp_path / "env"
    monkeypatch.delenv("RANDPROP_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    assert fetch.data_home_path() == tmp_path / "cache" / "randprop"


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home folder and without an entry in the list of users."""

    def unknown(uid: int) -> Any:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


def with_system_folder(folder: Path) -> sources.Source:
    source, files = small_source(())
    content = {n: hashlib.sha256(gzip.decompress(data)).hexdigest() for n, data in files.items()}
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return sources.Source("small", (), source.sha256, str(folder), content)


def test_without_a_home_the_system_folder_is_looked_at(homeless: None, tmp_path: Path) -> None:
    system = with_system_folder(tmp_path / "system")
    assert datasets._load_published(system, None).X_train.shape == (6, 4)
    for home in (None, "~/data", "~nobody-of-that-name/data"):
        with pytest.raises(OSError, match="no such home folder; set RANDPROP_DATA"):
            datasets._load_published(small_source(())[0], home)


@pytest.mark.parametrize("home", ["a file", "~nobody-of-that-name/x", "x" * 300, "/dev/null/x"])
def test_a_data_home_that_is_none(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = with_system_folder(tmp_path / "system")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("RANDPROP_DATA", home)
    assert datasets._load_published(system, None).X_train.shape == (6, 4)
    with pytest.raises(OSError, match=re.escape(home)):
        datasets._load_published(small_source(())[0], None)


def test_a_cache_that_is_no_absolute_path_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert fetch.data_home_path() == Path("/home/somebody/.cache/randprop")


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist", "cifar10"])
def test_published_sums_are_whole(name: str) -> None:
    source = sources.SOURCES[name]
    sums = list(source.sha256.values()) + list(source.content_sha256.values())
    assert all(len(value) == 64 and set(value) <= set("0123456789abcdef") for value in sums)
    assert len(set(sums)) == len(sums)
    assert source.mirrors
    assert name in datasets.DATASETS


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="name must be one of 'mnist', .* got 'mnits'"):
        datasets.load("mnits")
