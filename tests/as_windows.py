"""A process in which `os` is as on Windows, and what a person does with files there.

``python -X warn_default_encoding tests/as_windows.py FOLDER`` fits, saves, sweeps and exports in a
folder. The names that `os` lacks on Windows are gone. A file that is open or mapped can be neither
renamed nor removed. A file that `os` opens to write must be binary: Windows changes the ends of
lines in others.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# What is not of this package may look at the real system while it is imported.
import onnx  # noqa: F401
import PIL.Image
import sklearn.pipeline  # noqa: F401

UNIX = """
O_NONBLOCK O_NOCTTY O_NOFOLLOW O_DIRECTORY O_SYNC O_DSYNC O_CLOEXEC O_PATH O_TMPFILE
chown chroot confstr copy_file_range ctermid eventfd fchdir fchmod fchown fdatasync fork forkpty
fpathconf fstatvfs getegid geteuid getgid getgroups getloadavg getpgid getpgrp getpriority
getrandom getresuid getsid getuid getxattr initgroups killpg lchown listxattr lockf memfd_create
mkfifo mknod nice openpty pathconf pidfd_open pipe2 posix_fadvise posix_fallocate posix_spawn
pread preadv pwrite pwritev readv register_at_fork removexattr sched_getaffinity sched_getparam
sched_setaffinity sched_yield sendfile setegid seteuid setgid setgroups setpgid setpriority setsid
setuid setxattr splice statvfs sync sysconf tcgetpgrp tcsetpgrp ttyname umask uname wait wait3 wait4
waitid writev WNOHANG
"""
BINARY = 0x8000  # the value that Windows has, which Linux ignores


def pretend() -> None:
    """Make `os` that of Windows for what is imported and called from now on."""
    for name in UNIX.split():
        if hasattr(os, name):
            delattr(os, name)
    os.O_BINARY = BINARY  # type: ignore[attr-defined]
    shutil._use_fd_functions = shutil._USE_CP_SENDFILE = False  # type: ignore[attr-defined]
    for name in ("replace", "rename", "unlink", "remove"):
        setattr(os, name, _of_closed_files(getattr(os, name)))
    really = os.open

    def binary(path: Any, flags: int, *others: Any, **more: Any) -> int:
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        if flags & (os.O_WRONLY | os.O_RDWR) and not flags & BINARY:
            raise AssertionError(f"{path} is opened as text")
        return really(path, flags, *others, **more)

    os.open = binary
    # Of a text without a named encoding the system decides; Python warns by an option.
    assert sys.flags.warn_default_encoding
    warnings.filterwarnings("error", category=EncodingWarning, module="randprop")


def _of_closed_files(call: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*paths: Any, **more: Any) -> Any:
        for path in paths:
            if os.path.realpath(path) in _open_files():
                raise PermissionError(errno.EACCES, "it is open", os.fspath(path))
        return call(*paths, **more)

    return checked


def _open_files() -> set[str]:
    """Return the files that this process has open, or mapped into its memory."""
    own = Path("/proc/self")
    found = {line.split(maxsplit=5)[-1].strip() for line in (own / "maps").open(encoding="utf-8")}
    for number in os.listdir(own / "fd"):
        try:
            found.add(os.readlink(own / "fd" / number))
        except FileNotFoundError:  # that of the list itself
            continue
    return found


def work(folder: Path) -> None:
    """Do what leaves files: the same bytes on every system, but for those of `timed`."""
    import randprop
    from randprop.cli import main

    def run(*arguments: str) -> None:
        assert main([a.replace("IN/", f"{folder}/") for a in arguments]) == 0

    rows = [f"{a},{b},{'yes' if a > b else 'no'}" for a in range(12) for b in range(5)]
    (folder / "own.csv").write_text("a,b,kind\n" + "\n".join(rows), "utf-8")
    run("fit", "IN/own.csv", "--width", "64", "--out", "IN/own.safetensors")
    run("fit", "IN/own.csv", "--width", "64", "--seed", "1", "--out", "IN/own.safetensors")
    run("predict", "IN/own.safetensors", "IN/own.csv", "--label", "kind", "--csv", "IN/labels.csv")
    for name in ("dark", "light"):
        (folder / "images" / name).mkdir(parents=True)
        for i in range(6):
            pixels = np.full((8, 8), i + 200 * (name == "light"), np.uint8)
            PIL.Image.fromarray(pixels).save(folder / "images" / name / f"{i}.png")
    run("fit", "IN/images", "--width", "32", "--out", "IN/images.safetensors")
    for layers in ("0", "0,2"):  # the second goes on in the same store
        sweep = (
            "sweep",
            "--dataset",
            "digits",
            "--layers",
            layers,
            "--width",
            "32",
            "--seeds",
            "2",
        )
        run(*sweep, "--n-train", "200", "--store", "IN/cells.sqlite", "--csv", "IN/cells.csv")
    own = ("--model", "IN/own.safetensors", "--dataset", "IN/own.csv", "--out")
    for _ in range(2):
        run("export", "c", *own, "IN/c")
    run("export", "onnx", *own, "IN/own.onnx")
    run("evaluate", "--dataset", "digits", "--layers", "0", "--json", "IN/result.json")

    X, y, X_test, _ = randprop.datasets.load_digits()
    network = randprop.StepNetwork(64, width=32)
    np.save(folder / "X.npy", X)
    for _ in range(2):  # the second finds all that it needs in the sums
        mapped = np.load(folder / "X.npy", mmap_mode="r")
        model = randprop.fit_parallel(
            network, mapped, y, chunk_size=300, resume=folder / "sums", progress=False
        )
        randprop.save(model, folder / "digits.safetensors")
    loaded = randprop.load(folder / "digits.safetensors")
    assert (loaded.predict(X_test) == model.predict(X_test)).all()


if __name__ == "__main__":
    pretend()
    work(Path(sys.argv[1]))
    left = [name for name in UNIX.split() if hasattr(os, name)]
    assert not left, left
