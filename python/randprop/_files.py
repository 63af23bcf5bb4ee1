"""Files that a reader never sees half written, and files that come with the package."""

from __future__ import annotations

import os
import threading
from pathlib import Path

__all__ = ["source_folder", "write_bytes", "write_text", "write_texts"]


def write_text(path: Path, text: str) -> None:
    """Write beside the target and rename; line ends as they are."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write beside the target and rename."""
    _write_all({path: data})


def write_texts(folder: Path, texts: dict[str, str]) -> None:
    """Write all files beside their targets, then rename all: what does not fit replaces none."""
    _write_all({folder / name: text.encode("utf-8") for name, text in texts.items()})


def _write_all(contents: dict[Path, bytes]) -> None:
    mark = f"{os.getpid()}-{threading.get_ident()}"  # two writers of one file do not meet
    temporaries = {path: path.with_name(f".{path.name}.{mark}.tmp") for path in contents}
    try:
        for path, data in contents.items():
            temporaries[path].write_bytes(data)
        for path, temporary in temporaries.items():
            temporary.replace(path)
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def source_folder(in_sources: str, installed: str, holds: str) -> Path:
    """Folder of files that are no Python modules, of the source tree or as installed.

    Raises FileNotFoundError where neither has a file named `holds`.
    """
    package = Path(__file__).parent
    for folder in (package.parents[1] / in_sources, package / installed):
        if (folder / holds).is_file():
            return folder
    raise FileNotFoundError(f"{holds} is not in {package / installed}; install randprop again")
