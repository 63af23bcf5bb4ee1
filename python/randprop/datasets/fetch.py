"""Files of data sets: found, checked, or downloaded from the first mirror that delivers."""

from __future__ import annotations

import hashlib
import os
import sys
from os import PathLike
from pathlib import Path
from time import monotonic

from randprop._files import read_bytes, replacing
from randprop._validation import check_path
from randprop.datasets.idx import unpack
from randprop.datasets.sources import Source

__all__ = ["data_home_path", "in_data_home", "locate", "read_checked", "read_content_checked"]

_MOST_SECONDS = 7200.0  # for one file from all its mirrors together
_BLOCK = 1 << 20


def data_home_path(data_home: str | PathLike[str] | None = None) -> Path:
    """Return the folder of data sets: the argument, ``RANDPROP_DATA``, or the platform's cache.

    Raises OSError where that is in a home folder, and there is none.
    """
    if data_home is not None:
        return _at_home(check_path("data_home", data_home), "data_home")
    if os.environ.get("RANDPROP_DATA"):
        return _at_home(Path(os.environ["RANDPROP_DATA"]), "RANDPROP_DATA")
    if sys.platform == "darwin":
        return _at_home(Path("~/Library/Caches/randprop"), "the folder of data sets")
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(cache):  # another is not to be used, says the specification of that variable
        return Path(cache) / "randprop"
    return _at_home(Path("~/.cache/randprop"), "the folder of data sets")


def _at_home(path: Path, what: str) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise OSError(
            f"{what} is {path}, and there is no such home folder; set RANDPROP_DATA to a folder"
        ) from None


def in_data_home(source: Source, data_home: str | PathLike[str] | None) -> bool:
    """Whether the data home holds every file of a data set; what cannot be read does not."""
    try:
        folder = data_home_path(data_home) / source.name
    except OSError:
        return False
    return all(os.path.isfile(folder / name) for name in source.sha256)


def read_checked(path: Path, sha256: str) -> bytes:
    """Read a file and check its SHA-256 sum."""
    data = read_bytes(path)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path}: SHA-256 is {found}, expected {sha256}; "
            "remove the file to have it fetched again, or put the published file in its place"
        )
    return data


def read_content_checked(path: Path, sha256: str) -> bytes:
    """Read a gzip file of IDX, check the SHA-256 sum of what it holds, and return that."""
    content = unpack(read_bytes(path), str(path)).tobytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{path}: SHA-256 of the content is {found}, expected {sha256}")
    return content


def locate(source: Source, name: str, data_home: str | PathLike[str] | None = None) -> Path:
    """Return the path of a file of the data home, downloading it if it is not there.

    Raises
    ------
    OSError
        If no mirror delivered the file, or it cannot be written.
    """
    path = data_home_path(data_home) / source.name / name
    if os.path.isfile(path):
        return path
    # Not needed by anyone whose files are there.
    from randprop.datasets.transfer import FAILURES

    failures = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise OSError("not a regular file")
    except OSError as error:
        failures.append(f"{path}: {error}")
    else:
        end = monotonic() + _MOST_SECONDS
        for mirror in source.mirrors:
            try:
                _download(mirror + name, path, source.sha256[name], end)
            except FAILURES as error:
                failures.append(f"{mirror + name}: {error or type(error).__name__}")
            else:
                return path
    tried = "\n  ".join(failures)
    raise OSError(
        f"{name} of {source.name} is not at {path} and could not be downloaded. Tried\n  {tried}\n"
        f"To supply it by hand, put the published file (SHA-256 {source.sha256[name]}) there."
    )


def _download(url: str, path: Path, sha256: str, end: float) -> None:
    """Fetch a file, which takes its place if its sum is right."""
    from randprop.datasets.transfer import open_url

    digest = hashlib.sha256()
    with replacing(path) as (draft,), open_url(url, end) as response:
        # What has come so far, rather than a whole block: it is on the disk at once.
        while block := response.read1(_BLOCK):
            digest.update(block)
            draft.write(block)
        if digest.hexdigest() != sha256:
            raise ValueError(f"SHA-256 is {digest.hexdigest()}, expected {sha256}")
