"""Files: the one writer of whatever a caller names, the reader of data, what the package brings.

An ordinary file is replaced at once: its new content is written beside it, reaches the disk, and
takes its name. No reader sees half of it, and a failure leaves the old one. Its mode, its owner
where the system allows that, and its extended attributes are kept; other hard links keep the old
content. A new file has its mode by the umask. Behind a symbolic link, the file that it points at is
replaced.

Anything else, such as a pipe, a terminal, ``/dev/null`` or ``/dev/stdout``, is written to as it is.
So is an ordinary file in a folder that takes no new file, or one that is a mount of its own: a
failure in the middle of that leaves it half written. A file that may not be written to is refused,
though its folder would let it be replaced.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = [
    "check_ordinary", "check_writable", "check_writable_folder", "open_ordinary", "read_bytes",
    "replacing", "source_folder", "write_bytes", "write_text", "write_texts",
]  # fmt: skip

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)
# Some systems lack some of them. Windows alone has the last: without it, it changes the ends of
# lines in what is written.
_NO_WAIT, _NO_TERMINAL, _NO_LINK, _FOLDER, _BINARY = (
    getattr(os, f"O_{name}", 0)
    for name in ("NONBLOCK", "NOCTTY", "NOFOLLOW", "DIRECTORY", "BINARY")
)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; line ends as they are."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as (draft,):
        draft.write(data)


def write_texts(folder: Path, texts: dict[str, str]) -> None:
    """Write several files; where one cannot be written, none is replaced."""
    with replacing(*(folder / name for name in texts)) as drafts:
        for draft, text in zip(drafts, texts.values(), strict=True):
            draft.write(text.encode("utf-8"))


@contextmanager
def replacing(*paths: Path) -> Iterator[list[Draft]]:
    """Give a draft for each path; they take their places when the block ends without an exception.

    Every OSError of writing names the path that was given.
    """
    drafts = [Draft(path) for path in paths]
    try:
        for draft in drafts:
            draft.open()
        yield drafts
        for draft in drafts:
            draft.finish()
        for draft in drafts:
            draft.place()
    finally:
        for draft in drafts:
            draft.drop()


def check_writable(path: Path) -> None:
    """Raise the OSError that writing a file would begin with; nothing is changed.

    A pipe or a device is not tried: who reads from it would take that for the end.
    """
    if path.exists() and not path.is_file():
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        return
    draft = Draft(path)
    try:
        draft.open()
    finally:
        draft.drop()


def check_writable_folder(path: Path) -> None:
    """Raise the OSError that making a folder, or files in it, would begin with."""
    there = path.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))


class Draft:
    """What is to be the content of a file; `replacing` does all but `write`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._target = ""  # the file behind symbolic links
        self._beside = ""  # the new one, if there is one
        self._new = self._old = -1  # both open
        self._kept: list[bytes] = []  # content that is not in a new one

    def open(self) -> None:
        """Find what the path stands for, and open it without changing it."""
        with self._naming():
            self._target, descriptor = _behind_links(self._path)
            if descriptor is not None:
                self._old = os.dup(descriptor)
                return
            try:
                # Refused here where the caller may not write to it, as everywhere else.
                self._open_old()
            except FileNotFoundError:
                self._open_beside(0o666)
                return
            found = os.fstat(self._old)
            if not stat.S_ISREG(found.st_mode):
                return
            try:
                self._open_beside(0o600)
            except OSError as error:
                if error.errno not in _REFUSED:
                    raise
                return
            _make_alike(self._new, self._target, found)

    def _open_old(self) -> None:
        self._old = os.open(self._target, os.O_WRONLY | _NO_TERMINAL | _BINARY)

    def _open_beside(self, mode: int) -> None:
        # The name is short whatever the target's, and nobody can know it and put a link there.
        name = f".{os.urandom(8).hex()}.tmp"
        beside = os.path.join(os.path.dirname(self._target), name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | _BINARY
        self._new = os.open(beside, flags, mode)
        self._beside = beside

    def write(self, data: bytes) -> None:
        """Add to the content."""
        if not self._beside:
            self._kept.append(data)
            return
        with self._naming():
            _write_whole(self._new, data)

    def finish(self) -> None:
        """Bring what stands beside the target to the disk: after this only names change."""
        if self._beside:
            with self._naming():
                os.fsync(self._new)

    def place(self) -> None:
        """Take the target's place, or write to it."""
        with self._naming():
            if not self._beside:
                self._write_through()
                return
            replaces = self._old >= 0
            self._close()  # on Windows an open file keeps its name
            try:
                os.replace(self._beside, self._target)
            except OSError as error:
                # Such as a file that was mounted by itself, which no other can replace.
                if error.errno not in _REFUSED or not replaces:
                    raise
                self._kept = [Path(self._beside).read_bytes()]
                self._open_old()
                self._write_through()
                return
            self._beside = ""
            _sync_folder(os.path.dirname(self._target))

    def _write_through(self) -> None:
        ordinary = stat.S_ISREG(os.fstat(self._old).st_mode)
        if not self._target:
            for stream in (sys.stdout, sys.stderr):  # what was printed before stands before
                if stream is not None and not stream.closed:
                    stream.flush()
        elif ordinary:
            os.ftruncate(self._old, 0)
        for data in self._kept:
            _write_whole(self._old, data)
        if ordinary:
            os.fsync(self._old)

    def drop(self) -> None:
        """Close, and leave nothing beside the target."""
        self._close()
        if self._beside:
            with suppress(OSError):
                os.unlink(self._beside)

    def _close(self) -> None:
        for file in (self._new, self._old):
            if file >= 0:
                os.close(file)
        self._new = self._old = -1

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno is None:
                raise
            raise OSError(error.errno, os.strerror(error.errno), str(self._path)) from None


def _behind_links(path: Path) -> tuple[str, int | None]:
    """Return the file behind symbolic links, or the open one that a name like /dev/stdout is."""
    own = ("/dev/fd", f"/proc/{os.getpid()}/fd")
    text = os.fspath(path)
    for _ in range(40):
        # Not of the whole: what a link to an open file points at is no name to be replaced.
        folder, name = os.path.split(text)
        folder = os.path.realpath(folder)
        if folder in own and re.fullmatch("[0-9]{1,9}", name):
            return "", int(name)
        text = os.path.join(folder, name)
        try:
            link = os.readlink(text)
        except OSError:
            return text, None
        text = os.path.join(folder, link)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _make_alike(file: int, target: str, found: os.stat_result) -> None:
    """Give a new file the owner, the extended attributes and the mode of the one it replaces."""
    chown = getattr(os, "fchown", None)
    if chown is None:  # a new file on Windows has the rights of its folder
        return
    try:
        chown(file, found.st_uid, found.st_gid)
    except OSError:
        with suppress(OSError):
            chown(file, -1, found.st_gid)
    if sys.platform == "linux":  # access control lists are among them
        with suppress(OSError):
            for name in os.listxattr(target):
                with suppress(OSError):
                    os.setxattr(file, name, os.getxattr(target, name))
    with suppress(OSError):
        os.chmod(file, found.st_mode & 0o777)


def _write_whole(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: str) -> None:
    """Bring a new name to the disk, where the system can do that with folders."""
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY | _FOLDER)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def check_ordinary(path: Path, mode: int) -> None:
    """Raise OSError, which names the path, unless the mode is that of an ordinary file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        # A pipe can keep its reader waiting for ever, a device never ends.
        raise OSError(errno.EINVAL, "Not a regular file", str(path))


def read_bytes(path: Path) -> bytes:
    """Read an ordinary file; a pipe, a device or a folder is an OSError that names it."""
    with open_ordinary(path) as stream:
        return stream.read()


@contextmanager
def open_ordinary(path: Path) -> Iterator[BinaryIO]:
    """Open an ordinary file to read it; a pipe, a device or a folder is an OSError."""
    with open(path, "rb", opener=_open_at_once) as stream:
        check_ordinary(path, os.fstat(stream.fileno()).st_mode)
        yield stream


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAIT | _NO_TERMINAL)


def source_folder(in_sources: str, installed: str, holds: str) -> Path:
    """Folder of files that are no Python modules, of the source tree or as installed.

    Raises FileNotFoundError where neither has a file named `holds`.
    """
    package = Path(__file__).parent
    for folder in (package.parents[1] / in_sources, package / installed):
        if (folder / holds).is_file():
            return folder
    raise FileNotFoundError(f"{holds} is not in {package / installed}; install randprop again")
