"""The writer of all files: what it replaces, what it writes through, and what it leaves behind."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import public_api
import randprop
from helpers import HANG
from randprop import _files

NETWORK = randprop.StepNetwork(20, width=30)
READOUT = randprop.Centroids().fit(NETWORK.propagate(public_api.X), public_api.Y)
MODEL = randprop.Model(NETWORK, READOUT)
CELLS = randprop.sweep([0], dataset=public_api.DATASET, width=8, seeds=1, progress=False)

WRITERS: dict[str, Callable[[Path], Any]] = {
    "text": lambda path: _files.write_text(path, "text"),
    "save": lambda path: randprop.save(MODEL, path),
    "export_onnx": lambda path: randprop.export_onnx(MODEL, path),
    "to_csv": CELLS.to_csv,
}
every_writer = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, bytes]:
    """What each writer writes, by the writer."""
    folder = tmp_path_factory.mktemp("content")
    for name, write in WRITERS.items():
        write(folder / name)
    return {write: (folder / name).read_bytes() for name, write in WRITERS.items()}


@every_writer
def test_mode_and_owner_are_kept(write: Any, content: Any, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o606)
    if os.getuid() == 0:
        os.chown(path, 1234, 5678)
    before = path.stat()
    write(path)
    after = path.stat()
    assert path.read_bytes() == content[write]
    for name in ("st_mode", "st_uid", "st_gid"):
        assert getattr(after, name) == getattr(before, name)
    assert after.st_ino != before.st_ino
    assert os.listdir(tmp_path) == ["file"]


@every_writer
def test_a_new_file_has_its_mode_by_the_umask(write: Any, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "file")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@every_writer
@pytest.mark.parametrize("exists", [False, True])
def test_links_stay(write: Any, exists: bool, content: Any, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    if exists:
        (tmp_path / "far" / "file").write_bytes(b"old")
    (tmp_path / "far" / "near").symlink_to("file")
    (tmp_path / "link").symlink_to(tmp_path / "far" / "near")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "near").is_symlink()
    assert (tmp_path / "far" / "file").read_bytes() == content[write]
    assert sorted(os.listdir(tmp_path / "far")) == ["file", "near"]


@every_writer
def test_a_pipe_is_written_through(write: Any, content: Any, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write(pipe)
    reader.join(HANG)
    assert got == [content[write]]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@every_writer
def test_a_device_stays(write: Any, tmp_path: Path) -> None:
    before = os.stat("/dev/null")
    (tmp_path / "link").symlink_to("/dev/null")
    for path in (Path("/dev/null"), tmp_path / "link"):
        write(path)
    after = os.stat("/dev/null")
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write(Path("/dev/full"))


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_standard_output_is_written_through(name: str, tmp_path: Path) -> None:
    """Also where it is a file, which would be replaced if it were named by its own name."""
    (tmp_path / "link").symlink_to("/dev/stdout")
    code = """
    import sys
    from pathlib import Path
    from randprop import _files
    print("before")
    _files.write_text(Path(sys.argv[1]), "text\\n")
    print("after")
    """
    code = "\n".join(line[4:] for line in code.splitlines())
    out = tmp_path / "out"
    with out.open("wb") as stream:
        subprocess.run([sys.executable, "-c", code, name], stdout=stream, check=True, cwd=tmp_path)
    assert out.read_text() == "before\ntext\nafter\n"
    assert sorted(os.listdir(tmp_path)) == ["link", "out"]


@every_writer
def test_long_names(write: Any, content: Any, tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    for _ in range(2):
        write(path)
    assert path.read_bytes() == content[write]


@every_writer
def test_what_cannot_be_written_is_named(write: Any, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    (tmp_path / "file").write_text("")
    closed = [Path("/dev/fd/999999999"), Path(f"/dev/fd/{10**30}")]
    for path in (tmp_path, tmp_path / "no" / "file", tmp_path / "file" / "x", loop, *closed):
        with pytest.raises(OSError, match=str(path)):
            write(path)
    assert sorted(os.listdir(tmp_path)) == ["file", "loop"]


def test_all_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("old")
    (tmp_path / "two").mkdir()
    with pytest.raises(IsADirectoryError, match="two"):
        _files.write_texts(tmp_path, {"one": "new", "three": "new", "two": "new"})
    assert (tmp_path / "one").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["one", "two"]


def refuse(monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
    """Let a call of the system fail where a file would be made or renamed beside another."""
    real = getattr(os, call)

    def refusing(path: Any, *arguments: Any) -> Any:
        if str(path).endswith(".tmp"):
            raise OSError(code, os.strerror(code), path)
        return real(path, *arguments)

    monkeypatch.setattr(os, call, refusing)


@pytest.mark.parametrize(
    ("call", "code"),
    [("open", errno.EACCES), ("open", errno.EROFS), ("replace", errno.EBUSY),
     ("replace", errno.EPERM)],
)  # fmt: skip
def test_a_file_whose_folder_takes_no_other(
    call: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that a container was given by itself."""
    path = tmp_path / "file"
    path.write_text("old, and longer")
    inode = path.stat().st_ino
    refuse(monkeypatch, call, code)
    _files.write_text(path, "new")
    assert (path.read_text(), path.stat().st_ino) == ("new", inode)
    with pytest.raises(OSError, match="other"):
        _files.write_text(tmp_path / "other", "new")
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    refuse_once = OSError(errno.ENOSPC, "full")

    def full(file: int) -> None:
        raise refuse_once

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        _files.write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_data_reach_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    for call in ("fsync", "replace"):
        real = getattr(os, call)
        monkeypatch.setattr(
            os, call, lambda *given, call=call, real=real: (done.append(call), real(*given))
        )
    _files.write_texts(tmp_path, {"one": "1", "two": "2"})
    assert done == ["fsync", "fsync", "replace", "fsync", "replace", "fsync"]


def test_a_temporary_is_made_by_its_writer_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever puts a link at the name that comes next makes nobody write behind it."""
    monkeypatch.setattr("os.urandom", lambda n: b"guess")
    (tmp_path / ".6775657373.tmp").symlink_to("victim")
    with pytest.raises(FileExistsError, match="file"):
        _files.write_text(tmp_path / "file", "text")
    assert os.listdir(tmp_path) == [".6775657373.tmp"]


def test_there_is_one_writer() -> None:
    package = Path(_files.__file__).parent
    writes = re.compile(r"""\.write_(text|bytes)\(|\bopen\([^)]*["'][wax]b?\+?b?["']|mkstemp""")
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if writes.search(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_a_file_that_may_not_be_written_to_is_not_replaced(tmp_path: Path) -> None:
    if os.getuid() == 0:
        code = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    else:
        code = ""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "file").write_text("old")
    (folder / "file").chmod(0o444)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom randprop import _files\n"
        "os.chdir(sys.argv[1])\n" + code + "_files.write_text(Path('file'), 'new')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert "PermissionError: [Errno 13] Permission denied: 'file'" in done.stderr
    assert (folder / "file").read_text() == "old"
    assert os.listdir(folder) == ["file"]
