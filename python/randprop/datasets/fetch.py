"""Files of data sets: found, checked, or downloaded from the first mirror that delivers."""

from __future__ import annotations

import hashlib
import os
import sys
from os import PathLike
from pathlib import Path
from time import monotonic

from randprop._validation import check_path
from randprop.datasets.idx import gunzip
from randprop.datasets.sources import Source

__all__ = ["data_home_path", "in_data_home", "locate", "read_checked", "read_content_checked"]

_TIMEOUT = 30.0  # seconds without an answer
# A mirror that sends less than this after the first seconds hangs, though it never stops.
_LEAST_BYTES_PER_SECOND = 10_000.0
_MOST_BYTES = 1 << 30  # of a file: no data set has a quarter of it
_BLOCK = 1 << 20


def data_home_path(data_home: str | PathLike[str] | None = None) -> Path:
    """Return the folder of data sets: the argument, ``RANDPROP_DATA``, or the platform's cache."""
    if data_home is not None:
        return check_path("data_home", data_home).expanduser()
    if os.environ.get("RANDPROP_DATA"):
        return Path(os.environ["RANDPROP_DATA"]).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "randprop"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "randprop"


def in_data_home(source: Source, data_home: str | PathLike[str] | None) -> bool:
    """Whether the data home holds every file of a data set."""
    folder = data_home_path(data_home) / source.name
    return all((folder / name).is_file() for name in source.sha256)


def read_checked(path: Path, sha256: str) -> bytes:
    """Read a file and check its SHA-256 sum."""
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path}: SHA-256 is {found}, expected {sha256}; "
            "remove the file to have it fetched again, or put the published file in its place"
        )
    return data


def read_content_checked(path: Path, sha256: str) -> bytes:
    """Read a gzip file, check the SHA-256 sum of what it holds, and return that."""
    content = gunzip(path.read_bytes(), str(path)).tobytes()
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
    if path.is_file():
        return path
    failures = []
    for mirror in source.mirrors:
        try:
            _download(mirror + name, path, source.sha256[name])
        except (OSError, ValueError) as error:
            failures.append(f"{mirror + name}: {error}")
        else:
            return path
    tried = "\n  ".join(failures)
    raise OSError(
        f"{name} of {source.name} is not at {path} and could not be downloaded. Tried\n  {tried}\n"
        f"To supply it by hand, put the published file (SHA-256 {source.sha256[name]}) there."
    )


def _download(url: str, path: Path, sha256: str) -> None:
    """Fetch into a temporary file beside `path`, check its sum, and rename it."""
    import tempfile
    import urllib.request

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        digest = hashlib.sha256()
        size, started = 0, monotonic()
        with (
            os.fdopen(handle, "wb") as out,
            urllib.request.urlopen(url, timeout=_TIMEOUT) as response,
        ):
            # What has come so far, rather than a whole block, so that time and size are looked at.
            while block := response.read1(_BLOCK):
                digest.update(block)
                out.write(block)
                size += len(block)
                seconds = monotonic() - started
                if seconds > _TIMEOUT and size < _LEAST_BYTES_PER_SECOND * seconds:
                    raise OSError(f"too slow: {size} bytes in {seconds:.0f} s")
                if size > _MOST_BYTES:
                    raise OSError(f"too long: more than {_MOST_BYTES} bytes")
        if digest.hexdigest() != sha256:
            raise ValueError(f"SHA-256 is {digest.hexdigest()}, expected {sha256}")
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
