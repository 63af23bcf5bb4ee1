"""Full disks, folders that cannot be written, mirrors that fail, processes that die."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import os
import pickle
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest

import public_api
import randprop
from helpers import HANG, serving, wait_until
from randprop import datasets
from randprop.datasets import fetch, sources, transfer

# Loaded before a child may read less than its parent.
LOADED = (onnx, tempfile, urllib.request)

CONTENT = np.random.default_rng(0).bytes(300_000)
NAME = "file.gz"


# --- disks -----------------------------------------------------------------------------------


def in_child(work: Callable[[], Any], before: Callable[[], None]) -> Any:
    """Call `before` and then `work` in a fork, and return its result or the exception."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            before()
            try:
                found = work()
            except Exception as error:
                found = error
            with os.fdopen(writer, "wb") as out:
                pickle.dump(found, out)
            code = 0
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as source:
        data = source.read()
    assert os.waitpid(child, 0)[1] == 0
    return pickle.loads(data)


def full_disk(n_bytes: int) -> Callable[[], None]:
    """After so many bytes of a file the system takes no more, as a full disk does."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return limit


def as_nobody() -> None:
    """Root may write everywhere; what is tested is somebody who may not."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)


def wide_model(seed: int) -> randprop.Model:
    network = randprop.StepNetwork(20, width=3000, seed=seed)
    readout = randprop.Centroids().fit(network.propagate(public_api.X), public_api.Y)
    return randprop.Model(network, readout)


WRITERS: dict[str, Callable[[Path, int], Any]] = {
    "save": lambda path, seed: randprop.save(wide_model(seed), path),
    "export_onnx": lambda path, seed: randprop.export_onnx(wide_model(seed), path),
    "to_csv": lambda path, seed: randprop.sweep(
        range(40), dataset=public_api.DATASET, width=8, seeds=[seed], progress=False
    ).to_csv(path),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("exists", [False, True])
def test_full_disk_leaves_what_was_there(name: str, exists: bool, tmp_path: Path) -> None:
    write, path = WRITERS[name], tmp_path / "file"
    if exists:
        write(path, 1)
    before = path.read_bytes() if exists else None
    error = in_child(lambda: write(path, 2), full_disk(2000))
    assert isinstance(error, OSError), error
    assert (path.read_bytes() if path.exists() else None) == before
    assert [p.name for p in tmp_path.iterdir()] == (["file"] if exists else [])


def test_full_disk_leaves_an_exported_folder_whole(tmp_path: Path) -> None:
    folder = tmp_path / "device"
    randprop.export_c(wide_model(1), folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    # The first files fit, the runtime does not: nothing of the new export may stand beside the old.
    error = in_child(lambda: randprop.export_c(wide_model(2), folder), full_disk(10_000))
    assert isinstance(error, OSError)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_full_disk_stops_a_sweep_that_can_go_on(tmp_path: Path) -> None:
    store = tmp_path / "cells.sqlite"
    options: dict[str, Any] = {
        "dataset": public_api.DATASET,
        "width": 8,
        "seeds": 40,
        "progress": False,
    }

    def run() -> Any:
        return len(randprop.sweep(range(6), store=store, **options))

    error = in_child(run, full_disk(60_000))
    assert isinstance(error, OSError)
    assert str(error).startswith(f"store {store}: ")
    with sqlite3.connect(store) as db:
        kept = db.execute("SELECT count(*) FROM cells").fetchone()[0]
    assert 0 < kept < 240
    whole = randprop.sweep(range(6), **options)
    resumed = randprop.sweep(range(6), store=store, **options)
    assert [{**row, "seconds": 0} for row in resumed] == [{**row, "seconds": 0} for row in whole]


@pytest.mark.parametrize("name", [*WRITERS, "export_c", "sweep"])
def test_a_folder_that_cannot_be_written(name: str) -> None:
    # Not under tmp_path, whose parents others may not enter; nobody may write to the root folder.
    path = Path("/not-to-be-written")
    work: Callable[[], Any] = {
        **{key: lambda key=key: WRITERS[key](path, 1) for key in WRITERS},
        "export_c": lambda: randprop.export_c(wide_model(1), path),
        "sweep": lambda: randprop.sweep(
            [0], dataset=public_api.DATASET, width=8, seeds=1, store=path, progress=False
        ),
    }[name]
    error = in_child(work, as_nobody)
    assert isinstance(error, OSError), error
    assert str(path.parent) in str(error)
    assert not path.exists()


# --- mirrors ---------------------------------------------------------------------------------


ANSWER = b"HTTP/1.1 200 OK\r\n"
CHUNKED = ANSWER + b"Transfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n"
# What is sent as it stands, and then a byte now and then for as long as the client waits.
DRIPS = {
    "drip": ANSWER + b"\r\n" + CONTENT[:1000],
    "drip-status": b"HTTP/1.1 200 ",
    "drip-header": ANSWER + b"X-Header: ",
    "drip-chunk-size": CHUNKED + b"0",
    "drip-trailer": CHUNKED + b"0\r\nX-Trailer: ",
    "drip-redirection": b"HTTP/1.1 302 Found\r\nLocation: /good/file.gz\r\n\r\n",
}
# What is sent as it stands, and no more.
ANSWERS = {
    "status": b"nonsense\r\n\r\n",
    "version": b"HTTP/9.9 200 OK\r\n\r\n",
    "nothing": b"",
    "cut-chunk": CHUNKED + b"ffff\r\nabc",
    "chunk-size": CHUNKED + b"no number\r\n",
    "long-header": ANSWER + b"X-Header: " + b"a" * 70_000,
    "headers": ANSWER + b"X: a\r\n" * 200 + b"\r\n",
    "to-a-file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
    "to-ftp": b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/file.gz\r\n\r\n",
    "round": b"HTTP/1.1 302 Found\r\nLocation: /round/file.gz\r\n\r\n",
    "long-redirection": b"HTTP/1.1 302 Found\r\nLocation: /good/file.gz\r\n\r\n" + bytes(2_000_000),
}


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT as the first folder of the path says; some wait for leave to go on."""

    hits: ClassVar[list[str]]
    drops: ClassVar[int]
    leave: ClassVar[threading.Event]

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        Mirror.hits.append(kind)
        with contextlib.suppress(OSError):  # the client gave up
            if kind == "hang":
                Mirror.leave.wait(HANG)
            elif kind == "absent":
                self.send_error(404)
            elif kind in DRIPS:
                self.drip(DRIPS[kind])
            elif kind in ANSWERS:
                self.wfile.write(ANSWERS[kind])
            else:
                self.answer(kind)

    def drip(self, first: bytes) -> None:
        self.wfile.write(first)
        while not Mirror.leave.wait(0.002):
            self.wfile.write(b"1")
            Mirror.drops += 1

    def answer(self, kind: str) -> None:
        self.send_response(200)
        if kind != "endless":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if kind == "cut":
            self.wfile.write(CONTENT[:-1000])
        elif kind == "other":
            self.wfile.write(CONTENT[:-1] + b"!")
        elif kind == "endless":
            while True:
                self.wfile.write(CONTENT)
        elif kind == "halting":
            self.wfile.write(CONTENT[:150_000])
            Mirror.leave.wait(HANG)
            self.wfile.write(CONTENT[150_000:])
        else:
            self.wfile.write(CONTENT)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[str]:
    Mirror.hits, Mirror.drops, Mirror.leave = [], 0, threading.Event()
    with serving(Mirror) as url:
        yield url
        Mirror.leave.set()


def source(*mirrors: str) -> sources.Source:
    return sources.Source("set", mirrors, {NAME: hashlib.sha256(CONTENT).hexdigest()})


FAULTS = {
    "absent": "404",
    "cut": "SHA-256 is",
    "other": "SHA-256 is",
    "hang": "timed out",
    "endless": "too long: ",
    **dict.fromkeys(DRIPS, "too slow: "),
    "status": "nonsense",
    "version": "HTTP/9.9",
    "nothing": "closed connection without response",
    "cut-chunk": "IncompleteRead",
    "chunk-size": "IncompleteRead",
    "long-header": "header line",
    "headers": "more than 100 headers",
    "to-a-file": "not allowed",
    "to-ftp": "unknown url type: ftp",
    "round": "infinite loop",
    "long-redirection": "too long: ",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_mirror(
    fault: str, mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_url(url: str, end: float, opened: Any = transfer.open_url) -> Any:
        # Only where a fault is one of time, and of the mirror that has it, is there little of it.
        monkeypatch.setattr(transfer, "_SILENCE", 0.5 if "/hang/" in url else 30.0)
        # To the client, a byte that drips took 20 seconds.
        dripping = lambda: time.monotonic() + 20 * Mirror.drops  # noqa: E731
        monkeypatch.setattr(transfer, "monotonic", time.monotonic if "/good/" in url else dripping)
        return opened(url, end)

    monkeypatch.setattr(transfer, "open_url", open_url)
    monkeypatch.setattr(fetch, "monotonic", time.monotonic)
    monkeypatch.setattr(fetch, "_MOST_SECONDS", 1e9)
    monkeypatch.setattr(transfer, "_MOST_BYTES", 4 * len(CONTENT))
    with pytest.raises(OSError, match="could not be downloaded") as caught:
        fetch.locate(source(f"{mirror}{fault}/"), NAME, tmp_path)
    assert f"{mirror}{fault}/{NAME}: " in str(caught.value)
    assert FAULTS[fault] in str(caught.value)
    assert list((tmp_path / "set").iterdir()) == []
    # The next mirror is asked, and what it sends is what is read.
    path = fetch.locate(source(f"{mirror}{fault}/", f"{mirror}good/"), NAME, tmp_path)
    assert fetch.read_checked(path, source().sha256[NAME]) == CONTENT
    assert [p.name for p in (tmp_path / "set").iterdir()] == [NAME]


@pytest.mark.parametrize(
    "address", ["http://[::1/", "http://a b/", "file:///etc/", "nonsense", "http://\u0661.\udc80/"]
)
def test_an_address_that_is_none(address: str, mirror: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="could not be downloaded"):
        fetch.locate(source(address), NAME, tmp_path)
    path = fetch.locate(source(address, f"{mirror}good/"), NAME, tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_transfer_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(transfer, "monotonic", lambda: now)
    limits = transfer._Limits(1e9)
    for _ in range(3599):
        assert limits.left() == min(30.0, 3600 - now)
        limits.add(20_000)
        now += 1
    assert limits.left() == 1
    now += 1
    with pytest.raises(TimeoutError, match="not complete in time: 71980000 bytes in 3600 s"):
        limits.left()
    # All mirrors together have an end of their own.
    limits = transfer._Limits(now + 10)
    assert limits.left() == 10
    now += 10
    with pytest.raises(TimeoutError, match="not complete in time"):
        limits.left()


def test_all_mirrors_share_the_time(
    mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        transfer, "monotonic", lambda: time.monotonic() + 8000 * Mirror.hits.count("absent")
    )
    with pytest.raises(OSError, match="good/file.gz: not complete in time"):
        fetch.locate(source(f"{mirror}absent/", f"{mirror}good/"), NAME, tmp_path)
    assert Mirror.hits == ["absent"]


def test_a_downloaded_file_is_for_all_whom_the_umask_lets(mirror: str, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = fetch.locate(source(f"{mirror}good/"), NAME, tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_a_cached_file_that_is_no_file(mirror: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    os.mkfifo(tmp_path / "set" / NAME)
    with pytest.raises(OSError, match=f"{NAME}: not a regular file"):
        fetch.locate(source(f"{mirror}good/"), NAME, tmp_path)
    assert Mirror.hits == []


def test_a_mirror_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(OSError, match="could not be downloaded"):
            fetch.locate(source(url), NAME, tmp_path)
    assert list((tmp_path / "set").iterdir()) == []


def test_full_disk_while_downloading(mirror: str, tmp_path: Path) -> None:
    error = in_child(
        lambda: fetch.locate(source(f"{mirror}good/"), NAME, tmp_path), full_disk(100_000)
    )
    assert isinstance(error, OSError)
    assert "could not be downloaded" in str(error)
    assert list((tmp_path / "set").iterdir()) == []


def test_a_data_home_that_cannot_be_written(mirror: str) -> None:
    home = Path("/not-to-be-written")
    error = in_child(lambda: fetch.locate(source(f"{mirror}good/"), NAME, home), as_nobody)
    assert isinstance(error, OSError)
    assert "Permission denied" in str(error)
    assert "by hand" in str(error)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_corrupt_cache(damage: str, mirror: str, tmp_path: Path) -> None:
    """A file of the data home is named, not replaced: somebody may have put it there."""
    path = fetch.locate(source(f"{mirror}good/"), NAME, tmp_path)
    data = {"cut": CONTENT[:1000], "flipped": b"?" + CONTENT[1:], "empty": b""}[damage]
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"{NAME}: SHA-256 is .* remove the file to have it"):
        fetch.read_checked(path, source().sha256[NAME])
    assert path.read_bytes() == data
    path.unlink()
    found = fetch.locate(source(f"{mirror}good/"), NAME, tmp_path)
    assert fetch.read_checked(found, source().sha256[NAME]) == CONTENT


FETCH = """
import sys
from pathlib import Path
from randprop.datasets import fetch, sources
home, url, sha256 = sys.argv[1:]
source = sources.Source("set", (url,), {"file.gz": sha256})
path = fetch.locate(source, "file.gz", home)
fetch.read_checked(path, sha256)
print("whole")
"""


def fetching(home: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, str(home), url, source().sha256[NAME]],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_that_fill_one_cache_at_once(mirror: str, tmp_path: Path) -> None:
    processes = [fetching(tmp_path, f"{mirror}halting/") for _ in range(4)]
    wait_until(lambda: len(Mirror.hits) == 4)
    Mirror.leave.set()
    assert [process.communicate(timeout=HANG)[0] for process in processes] == ["whole\n"] * 4
    assert [p.name for p in (tmp_path / "set").iterdir()] == [NAME]


def test_killed_while_downloading(mirror: str, tmp_path: Path) -> None:
    """Before the first byte comes, and when half of the file is there."""
    folder = tmp_path / "set"
    for n_killed, kind in enumerate(("hang", "halting")):
        process = fetching(tmp_path, f"{mirror}{kind}/")
        wait_until(lambda n=n_killed: len(Mirror.hits) > n)
        if kind == "halting":
            wait_until(lambda: any(p.stat().st_size for p in folder.iterdir()))
        process.kill()
        process.communicate(timeout=HANG)
        assert not (folder / NAME).exists()
    process = fetching(tmp_path, f"{mirror}good/")
    assert process.communicate(timeout=HANG)[0] == "whole\n"


# --- processes that die -----------------------------------------------------------------------


def test_killed_while_saving(tmp_path: Path) -> None:
    """Before each thing that it does with files: the old model or the new one is there, whole."""
    path = tmp_path / "model"
    contents = []
    for seed in (2, 1):
        randprop.save(wide_model(seed), path)
        contents.append(path.read_bytes())
    model = wide_model(2)
    for n_steps in range(100):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                save_and_stop(model, path, n_steps, writer)
            os._exit(1)
        os.close(writer)
        with os.fdopen(reader, "rb") as said:
            word = said.read(4)
            os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        randprop.load(path)
        assert path.read_bytes() in contents
        if word == b"done":
            break
    assert n_steps >= 2  # a file is opened, and renamed
    assert path.read_bytes() == contents[0]


def save_and_stop(model: randprop.Model, path: Path, n_steps: int, writer: int) -> None:
    """Save, but stop for ever before one of the things that are done with files."""
    left = n_steps

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in ("open", "os.rename", "os.remove") and str(path.parent) in str(arguments[0]):
            if left == 0:
                os.write(writer, b"here")
                signal.pause()
            left -= 1

    sys.addaudithook(hook)
    randprop.save(model, path)
    os.write(writer, b"done")
    signal.pause()


@pytest.mark.parametrize("name", ["t10k-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.packed"])
@pytest.mark.parametrize("damage", ["changed", "cut short"])
def test_the_packaged_files_are_checked(name: str, damage: str, tmp_path: Path) -> None:
    """A damaged installation says so rather than give other numbers."""
    code = """
    import shutil, sys
    from pathlib import Path
    from randprop import datasets
    from randprop.datasets import sources
    folder = Path(datasets.__file__).parent.parent / "data" / "mnist"
    copy = Path(sys.argv[1]) / "randprop"
    shutil.copytree(folder, copy / "data" / "mnist")
    name, damage = sys.argv[2:]
    data = bytearray((copy / "data" / "mnist" / name).read_bytes())
    if damage == "changed":
        data[1000] ^= 1
    else:
        del data[-1]
    (copy / "data" / "mnist" / name).write_bytes(data)
    (copy / "datasets").mkdir()
    datasets.__file__ = str(copy / "datasets" / "__init__.py")
    try:
        datasets.load_mnist()
    except ValueError as error:
        print(name in str(error), "SHA-256" in str(error))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path), name, damage],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "True True\n"


def test_gzip_of_the_data_home_is_not_a_bomb(tmp_path: Path) -> None:
    """The sum is compared before anything is decompressed."""
    bomb = gzip.compress(bytes(50_000_000), 9)
    path = tmp_path / NAME
    path.write_bytes(bomb)
    with pytest.raises(ValueError, match="SHA-256 is"):
        datasets.fetch.read_checked(path, "0" * 64)
