"""Where the data sets come from and what their files must be: sources.json.

The sums of MNIST are those of the files in this package, made by tools/pack_mnist.py from the raw
files, whose MD5 sums it checks: they pin those. Those of the batches of CIFAR-10 are of the files
in the published archive, which tools/pack_cifar10.py makes too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["SOURCES", "Source"]


@dataclass(frozen=True)
class Source:
    """A published data set."""

    name: str  # its folder in the data home
    mirrors: list[str]  # base addresses, tried in turn
    sha256: dict[str, str]  # of each file as published
    system_folder: str | None = None  # where a system package puts the files
    # Of what the files hold: a system package may have compressed them anew, a user unpacked them.
    content_sha256: dict[str, str] = field(default_factory=dict)


SOURCES = {
    name: Source(name, **found)
    for name, found in json.loads(Path(__file__).with_suffix(".json").read_text("utf-8")).items()
}
